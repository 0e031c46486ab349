"""All works of one fixed night, by their places, laid out and not done: what the tests of identity compare.

    night = lay_out(night_settings(root), root / "workspace")      set NIGHTSHIFT_SCRUB_KEY first
    night.works["clean 0001-docs 2 clean.terms"].fingerprint

    python -m tests.laid_out     writes their names anew, where a maker's version was raised or the night is another one

The night has the tiny corpus and eight small sources beside it, a batch each: nine batches are enough to merge what is
carried. What a night does not have, or only from the second on, is laid out by hand: a landing, a merged past, a large
file in parts, a training that goes on from a trunk, a champion.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.works import land, past, shards, split
from pipeline_lib.plan.benchmarks import plan_benchmarks
from pipeline_lib.plan.data import DataPlan, plan_data
from pipeline_lib.plan.models import ModelsPlan, plan_models
from pipeline_lib.plan.verdict import champion_step, plan_verdict
from pipeline_lib.register.registry import FINGERPRINT_TAG, Version
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.works import train_work
from tests.tiny_night import KEY, english, tiny_settings, write_corpus

GOLDEN = Path(__file__).parent / "unit" / "plan" / "golden.json"
NUM_SMALL_SOURCES = 8
SOMETHING = partial(Ref, fingerprint="0" * 32)


@dataclass(frozen=True)
class LaidOut:
    """The works of a night by their places."""

    works: Mapping[str, Work]

    @property
    def names(self) -> dict[str, str]:
        """Their fingerprints."""
        return {place: work.fingerprint for place, work in self.works.items()}

    def changed(self, other: "LaidOut") -> set[str]:
        """The places in which another night has other names. Both must have the same places."""
        assert self.works.keys() == other.works.keys()
        return {place for place, name in self.names.items() if other.names[place] != name}

    def following(self, places: set[str]) -> set[str]:
        """These places and all that follow from them: what a list or a maker takes in decides its name."""
        found = set(places)
        while more := {place for place, work in self.works.items() if self._makes(found) & _taken_in(work)} - found:
            found |= more
        return found

    def roots(self, places: set[str]) -> set[str]:
        """Those of these places that take in nothing that the others make."""
        made = self._makes(places)
        return {place for place in places if not made & _taken_in(self.works[place])}

    def of_makers(self, makers: set[str]) -> set[str]:
        """The places of these makers."""
        return {place for place, work in self.works.items() if work.maker.name in makers}

    def _makes(self, places: set[str]) -> set[str]:
        return {self.works[place].fingerprint for place in places}


def _taken_in(work: Work) -> set[str]:
    """What decides its name of what others make: inputs, members, and what a parameter names. What it only looks up
    does not."""
    told = {value for value in work.params.values() if isinstance(value, str)}
    return told | {ref.fingerprint for ref in (*work.inputs.values(), *work.members)}


def write_sources(folder: Path) -> list[dict[str, Any]]:
    """The sources of the night, as settings."""
    sources = [{"kind": "files", "name": "docs", "path": str(write_corpus(folder / "docs"))}]
    for number in range(NUM_SMALL_SOURCES):
        place = folder / f"small_{number}" / "page.txt"
        place.parent.mkdir(parents=True)
        place.write_text(english(1000 + number), encoding="utf-8")
        sources.append({"kind": "files", "name": f"small_{number}", "path": str(place.parent)})
    return sources


def night_settings(root: Path, **changes: str) -> Settings:
    """The settings of the night; its sources are written below `root` if they are not there."""
    listed = root / "sources.json"
    if not listed.is_file():
        listed.write_text(json.dumps(write_sources(root / "corpora")), encoding="utf-8")
    sources = {"ingest__sources": listed.read_text(encoding="utf-8"), **changes}
    return tiny_settings(root / "workspace", root, **sources)


def lay_out(settings: Settings, root: Path) -> LaidOut:
    """The night as a workspace lays it out in which nothing was done yet, or what was."""
    workspace = Workspace(root)
    data = plan_data(settings, workspace)
    benchmarks = plan_benchmarks(settings, workspace, data)
    models = plan_models(settings, workspace, data, benchmarks)
    assert models is not None and benchmarks.step is not None
    verdict = plan_verdict(settings, workspace, data, models)
    steps = [step for _, of_stage in data.stages for step in of_stage]
    steps += [benchmarks.step, *models.steps, *verdict.steps, *_by_hand(settings, data, models)]
    works: dict[str, Work] = {}
    for step in steps:
        for number, work in enumerate(step.works):
            works[f"{step.stage} {step.label} {number} {work.maker.name}"] = work
    assert len(works) == sum(len(step.works) for step in steps), "two works have one place"
    return LaidOut(works)


def _by_hand(settings: Settings, data: DataPlan, models: ModelsPlan) -> Iterator[Step]:
    """What the first night of such a workspace does not have."""
    own = settings.of(IngestSettings)
    landing = land(own, "docs", "2026-01-05", SOMETHING("ingest"))
    merged = past(tuple(board.wholes["batch"] for board in data.boards[:8]))
    trained = train_work(
        settings,
        snapshot=data.snapshot.whole.ref,
        tokenizer=data.tokenizer.ref,
        trunk=models.model,
        benchmark=models.basis.benchmarks["frozen"],
        params={"first": "0000", "num_rows": 64},
    )
    champion = Version(1, "", {FINGERPRINT_TAG: "0" * 32})
    for label, work in (("landing", landing), ("past", merged), ("second", trained)):
        yield Step(work.maker.stage, label, (), (work,), work)
    first = data.found.opened[0].plan
    assert first is not None
    given = (own, "docs", replace(first.shards[0], num_parts=2), SOMETHING("ingest"))
    parts = (split(*given), *shards(*given))
    yield Step("ingest", "parts of docs", (), parts, parts[-1])
    yield champion_step(settings, models, champion)


Golden = dict[str, str]  # "clean.judge@1 1f0c..." by place


def golden_of(night: LaidOut) -> Golden:
    """Its names as they are kept, each behind the maker and its version."""
    return {place: f"{work.maker.id} {work.fingerprint}" for place, work in night.works.items()}


def renamed(night: LaidOut, golden: Golden) -> set[str]:
    """The makers, with their versions, at which a change of names begins although their versions are as they were.

    A work that was not there is no change by itself.
    """
    changed = {place for place, name in golden_of(night).items() if golden.get(place) != name}
    begin = {place: night.works[place].maker.id for place in night.roots(changed) if place in golden}
    return {maker for place, maker in begin.items() if golden[place].startswith(f"{maker} ")}


def _write_golden(is_another_night: bool) -> None:
    os.environ["NIGHTSHIFT_SCRUB_KEY"] = KEY
    with TemporaryDirectory() as folder:
        night = lay_out(night_settings(Path(folder)), Path(folder) / "workspace")
    guilty = renamed(night, json.loads(GOLDEN.read_text(encoding="utf-8"))) if GOLDEN.is_file() else set()
    if guilty and not is_another_night:
        sys.exit(f"Raise the version first of: {', '.join(sorted(guilty))}. (--another-night: the test's own changed.)")
    GOLDEN.write_text(json.dumps(golden_of(night), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write_golden("--another-night" in sys.argv[1:])
