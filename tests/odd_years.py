"""Years in which everything happens, against an oracle that knows only the sources.

    odd = OddYear(root, seed)
    odd.live(25)          nights; after each of them `OddYear.check` compares

Each night something happens to the sources, to the settings or to the workspace (`EVENTS`), and the data half is run.
What must hold behind any row of such nights, whatever came before:

    the snapshot holds exactly the documents that the sources hold that are asked for, each once
    a document is on the side on which its url first arrived
    a plan made right after a night has nothing to do
"""

import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from flows.halves import refresh_data
from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.ingest.naming import document_id
from pipeline_lib.model.reading.documents import Shard, trained_and_held_out
from pipeline_lib.plan.data import plan_data
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.files import replace_folder
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import TOKENS_FILE
from pipeline_lib.store.shards import EXCLUDED_FILE, SHARDS_FILE
from pipeline_lib.store.tables import read_table
from pipeline_lib.store.workspace import Workspace
from tasks.steps import make_again
from tests.tiny_night import english, night_here, tiny_settings, write_lines
from tests.years import unhurried

SOURCES = ("docs", "news")
FIRST, NEW = 60, 6  # documents of the first night, and at most of a source on a later one
CHANGES = {
    "ingest__max_shard_bytes": "20000",
    "ingest__max_gone_share": "1",
    "ingest__max_bad_share": "1",  # some files are empty
    "evaluate__max_documents": "12",
}

Records = dict[str, str]  # texts by id


class Killed(Exception):
    """What ends an interrupted night."""


@dataclass
class OddYear:
    """Two sources, the settings of the night, and what was seen."""

    root: Path
    seed: int
    files: dict[str, dict[str, Records]] = field(default_factory=lambda: {name: {} for name in SOURCES})
    away: dict[str, dict[str, Records]] = field(default_factory=lambda: {name: {} for name in SOURCES})
    asked: tuple[str, ...] = SOURCES
    settings_now: dict[str, str] = field(default_factory=dict)
    sides: dict[tuple[str, str], bool] = field(default_factory=dict)  # by source and url: whether it is held out
    happened: list[str] = field(default_factory=list)
    num_texts: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        for source in SOURCES:
            self.put(source, "first", {f"{number}": self.text() for number in range(FIRST // len(SOURCES))})

    @property
    def workspace(self) -> Workspace:
        """Where the nights are."""
        return Workspace(self.root / "workspace")

    @property
    def settings(self) -> Settings:
        """Of tonight."""
        sources = [{"kind": "files", "name": name, "path": str(self.root / name)} for name in self.asked]
        changes = {**CHANGES, **self.settings_now, "ingest__sources": json.dumps(sources)}
        return tiny_settings(self.workspace.root, self.root, **changes)

    def live(self, num_nights: int) -> None:
        """So many nights, each compared with the oracle; what happened is named where they differ."""
        for _ in range(num_nights):
            (event,) = self.dice.choices([event for event, _ in EVENTS], [weight for _, weight in EVENTS])
            self.happened.append(event.__name__)
            try:
                event(self)
                self.night()
                self.check()
            except Exception as exc:
                raise AssertionError(f"seed {self.seed}, after {', '.join(self.happened)}: {exc}") from exc

    def night(self) -> None:
        """The data half."""
        with unhurried(), night_here(self.settings) as night:
            refresh_data(night)

    def check(self) -> None:
        """What must hold behind each night."""
        with unhurried():
            plan = plan_data(self.settings, self.workspace)
        assert not any(step.todo for _, of_stage in plan.stages for step in of_stage), "something was left to be done"
        assert not plan.snapshot.todo, "the snapshot was left to be made"
        found = self._opened(plan.snapshot.whole.ref)
        names = [name for name, _ in found]
        assert len(names) == len(set(names)), "a document is there twice"
        wanted = self._wanted()
        missing, strange = wanted.keys() - set(names), set(names) - wanted.keys()
        assert not missing and not strange, f"{len(missing)} documents are missing, {len(strange)} are there too many"
        moved = [wanted[name] for name, side in found if self.sides.setdefault(wanted[name], side) != side]
        assert not moved, f"{len(moved)} documents changed sides"

    def _opened(self, snapshot: Ref) -> list[tuple[str, bool]]:
        """What a snapshot holds. What is lost of it is made again as a training does it, when it is met."""
        while True:
            try:
                return snapshot_of(self.workspace.store, snapshot)
            except DamagedArtifact as exc:
                with unhurried(), night_here(self.settings) as night:
                    make_again(exc, night)

    def _wanted(self) -> dict[str, tuple[str, str]]:
        """Source and url of each document that the asked sources hold, by its id."""
        return {
            document_id(source, url, text.encode()): (source, url)
            for source in self.asked
            for name, records in self.files[source].items()
            for record, text in records.items()
            for url in (f"{name}.jsonl#{record}",)
        }

    def text(self) -> str:
        """One that was never there."""
        self.num_texts += 1
        return english(1_000_000 * self.seed + self.num_texts)

    def put(self, source: str, name: str, records: Records) -> None:
        """Write a file of a source."""
        self.files[source][name] = records
        write_lines(self.root / source / f"{name}.jsonl", records)

    def some_file(self, source: str) -> str:
        """The name of one of its files."""
        return self.dice.choice(sorted(self.files[source]))


def snapshot_of(store: Store, ref: Ref) -> list[tuple[str, bool]]:
    """Each document of a snapshot, and whether it is held out."""
    opened = store.open(ref.stage, ref.fingerprint, files=[SHARDS_FILE, EXCLUDED_FILE])
    out: dict[str, list[str]] = {}
    for row in read_table(opened.file(EXCLUDED_FILE)).to_pylist():
        out.setdefault(row["shard"], []).append(row["document_id"])
    found = []
    for row in read_table(opened.file(SHARDS_FILE)).to_pylist():
        tokens = store.open("tokenize", row["shard"], files=[TOKENS_FILE]).file(TOKENS_FILE)
        trained, held_out = trained_and_held_out(Shard(tokens, row["heldout_share"], tuple(out.get(row["shard"], ()))))
        found += [(name, False) for name in trained.to_pylist()] + [(name, True) for name in held_out.to_pylist()]
    return found


def nothing(_odd: OddYear) -> None:
    """A quiet day."""


def new_file(odd: OddYear) -> None:
    """Each source may have a new file."""
    for source in SOURCES:
        count = odd.dice.randrange(NEW + 1)
        name = f"{odd.num_texts:05d}"
        odd.put(source, name, {f"{number}": odd.text() for number in range(count)})


def edits(odd: OddYear) -> None:
    """Records of a file change, leave and come."""
    source = odd.dice.choice(SOURCES)
    name = odd.some_file(source)
    records = dict(odd.files[source][name])
    for record in list(records):
        match odd.dice.randrange(8):
            case 0:
                records[record] = odd.text()
            case 1:
                del records[record]
    records[f"n{odd.num_texts}"] = odd.text()
    shuffled = list(records.items())
    odd.dice.shuffle(shuffled)
    odd.put(source, name, dict(shuffled))


def file_goes(odd: OddYear) -> None:
    """A file is taken away, and is kept to come back."""
    source = odd.dice.choice(SOURCES)
    if len(odd.files[source]) > 1:
        name = odd.some_file(source)
        odd.away[source][name] = odd.files[source].pop(name)
        (odd.root / source / f"{name}.jsonl").unlink()


def file_comes_back(odd: OddYear) -> None:
    """A file that was taken away is put back."""
    for source in SOURCES:
        if odd.away[source]:
            name = odd.dice.choice(sorted(odd.away[source]))
            odd.put(source, name, odd.away[source].pop(name))


def source_is_left_out(odd: OddYear) -> None:
    """A source is taken out of the settings, or all are asked for again."""
    odd.asked = SOURCES if odd.asked != SOURCES else (odd.dice.choice(SOURCES),)


def limit_moves(odd: OddYear) -> None:
    """A rule is tuned; no document falls on the other side of it."""
    odd.settings_now["clean__rules__min_words__v1__at_least"] = odd.dice.choice(["20", "30", "40", "50"])


def share_moves(odd: OddYear) -> None:
    """Another share of what arrives from now on is held out."""
    odd.settings_now["tokenize__heldout_share"] = odd.dice.choice(["0.1", "0.2", "0.5"])


def artifact_is_lost(odd: OddYear) -> None:
    """Folders of artifacts are deleted."""
    for folder in _some_artifacts(odd, odd.dice.choice([1, 1, 3, 10])):
        shutil.rmtree(folder)


def artifact_is_damaged(odd: OddYear) -> None:
    """A byte of a file changes: of data, or of a manifest."""
    for folder in _some_artifacts(odd, odd.dice.choice([1, 3])):
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        path = odd.dice.choice(files)
        content = bytearray(path.read_bytes())
        if content:
            content[odd.dice.randrange(len(content))] ^= 1 << odd.dice.randrange(8)
            path.write_bytes(bytes(content))


def comfort_is_lost(odd: OddYear) -> None:
    """What can be worked out again is deleted."""
    for name in odd.dice.sample(["closed", "last", "scan"], 2):
        shutil.rmtree(odd.workspace.state / name, ignore_errors=True)


def night_is_killed(odd: OddYear) -> None:
    """Something is new, and the night that takes it in ends in the middle of it."""
    new_file(odd)
    left = odd.dice.randrange(30)

    def replaced(source: Path, target: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        replace_folder(source, target)

    with suppress(Killed), patch("pipeline_lib.store.local.replace_folder", replaced):
        odd.night()


def _some_artifacts(odd: OddYear, count: int) -> list[Path]:
    found = sorted(path for path in odd.workspace.store.root.glob("[a-z]*/*") if path.is_dir())
    return odd.dice.sample(found, min(count, len(found)))


EVENTS: tuple[tuple[Callable[[OddYear], None], int], ...] = (
    (nothing, 2),
    (new_file, 6),
    (edits, 6),
    (file_goes, 3),
    (file_comes_back, 3),
    (source_is_left_out, 2),
    (limit_moves, 2),
    (share_moves, 1),
    (artifact_is_lost, 3),
    (artifact_is_damaged, 3),
    (comfort_is_lost, 1),
    (night_is_killed, 2),
)
