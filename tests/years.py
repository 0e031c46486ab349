"""A workspace with many nights behind it, made by the real code: `nightshift ingest` each night, the rest after some.

    years = years_of(root)         new, or as they were left
    years.live(until=1000)         1,000 batches of 13 documents: ten are new, three are changed, one is deleted
    years.night()                  the next one by itself, the whole data half in this process; its CPU seconds
    years.leave_models(999)        what the model half of so many nights leaves, behind a night that has a model

Each night brings a file of ten records, and changes one record in each of three files of earlier nights and takes one
out of a fourth. Nothing here waits for the disk: how long that takes is no matter of ours.
"""

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest.mock import patch

from flows.halves import ingest, refresh_data
from pipeline_lib.evaluate.stage import SCORES
from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.trunks import TRUNK, trunks
from pipeline_lib.register.ledger import LEDGER_FILE
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import VERSION, Promotion, promotions, registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Outcome, Ref
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.workspace import KEPT_RUNS, Workspace
from pipeline_lib.train.cursor import CURSOR_FILE
from pipeline_lib.train.lineage import TRUNK_FILE
from tests.tiny_night import KEY, arguments, english, night_here, tiny_settings, write_lines

FIRST, NEW, CHANGED = 60, 10, 3  # documents of the first night, and of each that follows
TOGETHER = 4  # nights that are only taken in before the other stages follow
SCORES_A_NIGHT = 4
CHANGES = {
    "ingest__max_shard_bytes": "1000000",
    "tokenize__heldout_share": "0.5",  # the same from the first night on, and enough of each for a fresh benchmark
    "evaluate__max_documents": "12",
}


@dataclass
class Years:
    """A source that changes every night, and the workspace that follows it."""

    root: Path
    files: dict[str, dict[str, str]]  # records by id, of each file

    @property
    def workspace(self) -> Workspace:
        """Where the nights are."""
        return Workspace(self.root / "workspace")

    @property
    def settings(self) -> Settings:
        """Of all nights."""
        return tiny_settings(self.workspace.root, self.root / "source", **CHANGES)

    @property
    def arguments(self) -> list[str]:
        """The same for the command line."""
        return arguments(self.workspace.root, self.root / "source", **CHANGES)

    @property
    def num_nights(self) -> int:
        """How many there were."""
        return len(self.files)

    def live(self, *, until: int) -> None:
        """Nights until there are so many batches."""
        while self.num_nights < until:
            with unhurried(), night_here(self.settings) as night:
                for _ in range(min(TOGETHER, until - self.num_nights)):
                    self.change()
                    ingest(plan_data(night.settings, night.workspace), night)
                refresh_data(night)

    def night(self) -> float:
        """One more night; the CPU seconds of its data half."""
        self.change()
        return self.refresh()

    def refresh(self) -> float:
        """A look at the source as it is, and what follows from it; CPU seconds."""
        with unhurried(), night_here(self.settings) as night:
            started = time.process_time()
            night.plan = plan_data(night.settings, night.workspace)
            refresh_data(night)
            return time.process_time() - started

    def change(self) -> None:
        """What a day does to the source."""
        number, dice = self.num_nights, random.Random(self.num_nights)
        count = NEW if number else FIRST
        large = [name for name in sorted(self.files) if len(self.files[name]) > 1]
        touched = dice.sample(large, min(CHANGED + 1, number))
        for name in touched:
            record = dice.choice(sorted(self.files[name]))
            if name == touched[-1]:
                del self.files[name][record]
            else:
                self.files[name][record] = english(1_000_000 + 10 * number + touched.index(name))
        self.files[f"{number:04d}"] = {f"{number}-{place}": english(100 * number + place) for place in range(count)}
        for name in (*touched, f"{number:04d}"):
            write_lines(self.root / "source" / f"{name}.jsonl", self.files[name])

    def leave_models(self, count: int) -> None:
        """What so many nights leave of their models, beside a model that is there: manifests, without the weights."""
        (model,) = trunks(self.workspace)
        scores = next(self.workspace.store.list(SCORES.name))
        version = next(self.workspace.store.list(VERSION.name))
        with unhurried():
            for number in range(count):
                own = Ref(model.ref.stage, f"{number:032x}")
                self._leave(own, model, has_trunk=True)
                for place in range(SCORES_A_NIGHT):
                    self._leave(Ref(scores.ref.stage, f"{place}{number:031x}"), scores, model=own)
                self._leave(Ref(version.ref.stage, f"{number:032x}"), version, model=own)
            self._leave_records(count)

    def _leave(self, ref: Ref, like: Manifest, *, has_trunk: bool = False, **inputs: Ref) -> None:
        """An artifact as another one is, without its weights."""
        store = self.workspace.store
        with store.draft(ref) as draft:
            if has_trunk:
                trunk = store.path(like.ref.stage, like.fingerprint) / TRUNK
                (draft.path / TRUNK).mkdir()
                write_json(draft.path / TRUNK / TRUNK_FILE, read_json(trunk / TRUNK_FILE))
                write_json(draft.path / TRUNK / CURSOR_FILE, read_json(trunk / CURSOR_FILE))
            facts = {**like.facts, **({"total_trunk_steps": 0} if has_trunk else {})}
            outcome = Outcome(like.rows_in, like.rows_out, like.dropped, facts=facts)
            said = {"settings": like.settings, "inputs": {**like.inputs, **inputs}, "made": {"created": 1.0}}
            draft.seal(outcome, maker=like.maker, version=like.version, schema=like.schema, **said)  # type: ignore[arg-type]

    def _leave_records(self, count: int) -> None:
        """As many lines of the ledger as nights, and as many records of runs as are kept."""
        registry = registry_of(self.settings.of(RegisterSettings), self.workspace.root)
        ledger = registry.folder / LEDGER_FILE
        known = promotions(registry)
        like = Promotion("2026-01-02T03:04:05+00:00", registry.name, 0, None, "promote", "better")
        earlier = [replace(like, version=count + number, model=f"{number:032x}") for number in range(count)]
        ledger.parent.mkdir(parents=True, exist_ok=True)
        ledger.write_text("".join(json.dumps(asdict(move)) + "\n" for move in (*earlier, *known)), encoding="utf-8")
        run = self.workspace.runs()[-1]
        for number in range(KEPT_RUNS):
            self.workspace.save_run(replace(run, run_id=f"{number:012x}", started=1.0 + number))


def years_of(root: Path) -> Years:
    """The years that were left there, or new ones."""
    files = sorted((root / "source").glob("*.jsonl"))
    records = {path.stem: map(json.loads, path.read_text(encoding="utf-8").splitlines()) for path in files}
    return Years(root, {name: {one["id"]: one["text"] for one in found} for name, found in records.items()})


@contextmanager
def unhurried() -> Iterator[None]:
    """The key, and nothing waits until it is on the disk."""
    with patch.dict(os.environ, {"NIGHTSHIFT_SCRUB_KEY": KEY}), patch.object(os, "fsync"):
        yield
