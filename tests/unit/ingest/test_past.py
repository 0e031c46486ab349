"""The past of a source says the same, however many of its batches stand in one artifact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.ingest.history import KnownFile, PlannedBatch
from pipeline_lib.ingest.packed import Live, Placed
from pipeline_lib.ingest.past import PAST, SourcePast, merge
from pipeline_lib.ingest.plan import BatchPlan, FilePlan, ShardPlan, Tombstone
from pipeline_lib.ingest.tables import INVENTORY_SCHEMA, MEMBERS_SCHEMA, NO_RECORDS, TOMBSTONES_SCHEMA
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.tables import read_table, write_parquet
from tests.given import LooseStore

PATHS = ("a.jsonl", "b.jsonl", "c.txt")
SHARES = (0.25, 0.05, 0.1)  # in force from night to night
Place = tuple[str, int]  # batch, index of the shard
Content = frozenset[str]  # names of the documents in a file
Night = Mapping[str, Content | None]  # by path what is in the file now; None: it is gone


def id_of(document: str) -> str:
    return xxhash.xxh3_128_hexdigest(document.encode())


def placed(stones: Sequence[Tombstone]) -> Placed:
    return Placed.read([pa.Table.from_pylist([vars(stone) for stone in stones], TOMBSTONES_SCHEMA)])


def by_id(live: Mapping[str, Place]) -> dict[str, Place]:
    return {id_of(document): place for document, place in live.items()}


def by_path(live: Live) -> dict[str, dict[str, Place]]:
    """By file and by id where the live documents lie."""
    every = [(stone.document_id, (stone.batch, stone.shard)) for stone in live.documents]
    assert all(ids == sorted(ids) for ids in [[name for name, _ in every[part]] for part in live.parts.values()])
    return {path: dict(every[part]) for path, part in live.parts.items()}


@dataclass
class Twin:
    """What is there and what was, kept plainly: night after night, without any artifact."""

    shares: dict[str, float] = field(default_factory=dict)  # of a file and of a place, when it first arrived
    files: dict[str, KnownFile] = field(default_factory=dict)
    live: dict[str, dict[str, Place]] = field(default_factory=lambda: {path: {} for path in PATHS})


@dataclass
class Row:
    """Batches of one source, as a scan and its makers leave them behind, and pasts that are merged of them."""

    root: Path
    twin: Twin = field(default_factory=Twin)
    loose: LooseStore = field(default_factory=LooseStore)
    batches: list[Ref] = field(default_factory=list)
    plans: list[BatchPlan] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return cast(Store, self.loose)

    def night(self, night: Night) -> None:
        """One more batch: a shard for each file, new documents in it, a tombstone for each that left."""
        name, reading = f"batch {len(self.batches)}", f"reading {len(self.batches) % 2}"
        files, members, stones = [], [], []
        for number, (path, content) in enumerate(night.items()):
            live = self.twin.live[path]
            for document in sorted(live.keys() - (content or frozenset())):
                stones.append(Tombstone(id_of(document), *live.pop(document)))
            if content is None:
                self.twin.files[path] = KnownFile(None, "", self.twin.shares.get(path))
                files.append({"path": path})
                continue
            share = self.twin.shares.setdefault(path, SHARES[len(self.batches) % len(SHARES)])
            digest = f"digest of {sorted(content)}"
            self.twin.files[path] = KnownFile(digest, reading, share)
            files.append({"path": path, "digest": digest, "shard": number, "heldout_share": share})
            for document in sorted(content - live.keys()):
                live[document] = (name, number)
                members.append({"document_id": id_of(document), "path": path, "shard": number})
        self._put(name, reading, files, members, [vars(stone) for stone in stones])
        self._plan(reading, files, stones)

    def _put(self, name: str, reading: str, files: Any, members: Any, stones: Any) -> None:
        folder = self.root / name
        folder.mkdir()
        rows = [{**NO_RECORDS, **file} for file in files]
        write_parquet(pa.Table.from_pylist(rows, INVENTORY_SCHEMA), folder / "inventory.parquet")
        write_parquet(pa.Table.from_pylist(members, MEMBERS_SCHEMA), folder / "members.parquet")
        write_parquet(pa.Table.from_pylist(stones, TOMBSTONES_SCHEMA), folder / "tombstones.parquet")
        self.batches.append(self._known(folder, Outcome(0, 0, facts={"reading": reading}), "batch.v1"))

    def _plan(self, reading: str, files: Sequence[Mapping[str, Any]], stones: Sequence[Tombstone]) -> None:
        there = [file for file in files if "digest" in file]
        shards = tuple(
            ShardPlan(
                file["shard"], (FilePlan(file["path"], file["digest"], 1, heldout_share=file["heldout_share"]),), ""
            )
            for file in there
        )
        gone = tuple(file["path"] for file in files if "digest" not in file)
        self.plans.append(BatchPlan("docs", reading, "", shards, placed(stones), gone, {}, 0, 0))

    def merged(self, parts: Sequence[Ref]) -> Ref:
        folder = self.root / f"past {len(self.loose.folders)}"
        folder.mkdir()
        outcome = merge(self.store, parts, folder)
        assert outcome.rows_in == outcome.rows_out + sum(outcome.dropped.values())
        return self._known(folder, outcome, PAST)

    def _known(self, folder: Path, outcome: Outcome, schema: str) -> Ref:
        ref = Ref("ingest", folder.name)
        self.loose.folders[ref], self.loose.outcomes[ref], self.loose.schemas[ref] = folder, outcome, schema
        return ref

    def says_what_is_there(self, parts: Sequence[Ref | PlannedBatch]) -> None:
        past = SourcePast(self.store, parts)
        assert past.files() == self.twin.files
        expected = {path: by_id(live) for path, live in self.twin.live.items()}
        assert by_path(past.live_documents(PATHS)) == expected
        assert by_path(past.live_documents(PATHS[:1])) == {PATHS[0]: expected[PATHS[0]]}


@pytest.fixture
def row(tmp_path: Path) -> Row:
    return Row(tmp_path)


contents = st.none() | st.frozensets(st.sampled_from("1234"), max_size=4)
nights = st.dictionaries(st.sampled_from(PATHS), contents, min_size=1)


def with_names(night: Mapping[str, frozenset[str] | None]) -> Night:
    """The same document is in one file only: its id is a hash of its place, too."""
    return {p: None if inside is None else frozenset(f"{p}#{name}" for name in inside) for p, inside in night.items()}


@settings(deadline=None, max_examples=60)
@given(nights=st.lists(nights, min_size=1, max_size=6), data=st.data())
def test_consecutive_batches_may_be_merged_in_any_grouping(
    tmp_path_factory: pytest.TempPathFactory, nights: list[Any], data: st.DataObject
) -> None:
    row = Row(tmp_path_factory.mktemp("row"))
    for night in nights:
        row.night(with_names(night))
    parts = list(row.batches)
    row.says_what_is_there(parts)
    while len(parts) > 1 and data.draw(st.booleans(), label="merge once more"):
        first = data.draw(st.integers(0, len(parts) - 2), label="from")
        last = data.draw(st.integers(first + 2, len(parts)), label="up to")
        parts[first:last] = [row.merged(parts[first:last])]
        row.says_what_is_there(parts)


@settings(deadline=None, max_examples=20)
@given(nights=st.lists(nights, min_size=2, max_size=6), data=st.data())
def test_a_batch_behind_a_merged_past_may_be_planned_only(
    tmp_path_factory: pytest.TempPathFactory, nights: list[Any], data: st.DataObject
) -> None:
    """Its shards are read again; until then its plan answers for its files and what left with it."""
    row = Row(tmp_path_factory.mktemp("row"))
    for night in nights:
        row.night(with_names(night))
    plain = SourcePast(row.store, row.batches)
    past = row.merged(row.batches[:-1])
    lost = PlannedBatch(row.batches[-1].fingerprint, row.plans[-1], (None,) * len(row.plans[-1].shards))
    found = SourcePast(row.store, [past, lost])
    assert found.files() == plain.files()
    untouched = [path for path in PATHS if path not in nights[-1]]
    assert by_path(found.live_documents(untouched)) == by_path(plain.live_documents(untouched))


def in_file(*names: str) -> Night:
    return {"a.jsonl": frozenset(names)}


def test_what_left_and_came_back_lies_where_it_came_back(row: Row) -> None:
    for night in (in_file("x", "y"), in_file("y"), in_file("x", "y")):
        row.night(night)
    assert row.twin.live["a.jsonl"] == {"x": ("batch 2", 0), "y": ("batch 0", 0)}
    row.says_what_is_there([row.merged(row.batches)])
    row.says_what_is_there([row.merged(row.batches[:2]), row.batches[2]])
    row.says_what_is_there([row.batches[0], row.merged(row.batches[1:])])


def test_a_tombstone_waits_for_what_it_names(row: Row) -> None:
    """The document is in a batch that is merged later, or never."""
    row.night(in_file("x", "y"))
    row.night(in_file("y"))
    row.night({"b.jsonl": frozenset("z")})
    later = row.merged(row.batches[1:])
    gone = read_table(row.loose.folders[later] / "gone.parquet").to_pylist()
    assert gone == [{"document_id": id_of("x"), "batch": "batch 0", "shard": 0}]
    row.says_what_is_there([row.batches[0], later])


def test_a_tombstone_is_done_with_once_what_it_names_is_in_the_same_past(row: Row) -> None:
    row.night(in_file("x", "y"))
    row.night(in_file("y"))
    whole = row.merged(row.batches)
    assert read_table(row.loose.folders[whole] / "gone.parquet").num_rows == 0
    assert row.loose.outcomes[whole].dropped == {"withdrawn": 1}


def test_a_file_that_is_gone_keeps_its_share_and_one_that_is_back_is_known_as_it_is_now(row: Row) -> None:
    for night in ({"a.jsonl": frozenset("x"), "b.jsonl": frozenset("y")}, {"a.jsonl": None}):
        row.night(night)
    whole = row.merged(row.batches)
    files = SourcePast(row.store, [whole]).files()
    assert files["a.jsonl"] == KnownFile(None, "", SHARES[0])
    assert files["b.jsonl"].is_there
    row.says_what_is_there([whole])
    row.night({"a.jsonl": frozenset("x")})
    row.says_what_is_there([whole, row.batches[-1]])
    row.says_what_is_there([row.merged([whole, row.batches[-1]])])
    assert row.twin.files["a.jsonl"].heldout_share == SHARES[0]


def test_a_past_in_which_a_file_only_leaves_waits_for_the_one_in_which_it_arrived(row: Row) -> None:
    for night in (in_file("x"), {"a.jsonl": None}, {"b.jsonl": frozenset("y")}, in_file("x")):
        row.night(night)
    later = row.merged(row.batches[1:3])
    assert SourcePast(row.store, [later]).files()["a.jsonl"] == KnownFile(None, "", None)
    row.says_what_is_there([row.batches[0], later, row.batches[3]])
    row.says_what_is_there([row.merged([row.batches[0], later]), row.batches[3]])


def test_of_what_is_given_up_only_the_shares_are_left(row: Row) -> None:
    for night in (in_file("x"), {"b.jsonl": frozenset("y")}, {"a.jsonl": None, "c.txt": frozenset("z")}):
        row.night(night)
    past = SourcePast(row.store, row.batches[:1], row.batches[1:])
    files = past.files()
    assert files["a.jsonl"].is_there
    assert files["b.jsonl"] == KnownFile(None, "", SHARES[1])
    assert files["c.txt"] == KnownFile(None, "", SHARES[2])
    assert by_path(past.live_documents(["b.jsonl"])) == {"b.jsonl": {}}


def test_no_batch_knows_nothing(row: Row) -> None:
    past = SourcePast(row.store, [])
    assert past.files() == {}
    assert by_path(past.live_documents(["a.jsonl"])) == {"a.jsonl": {}}
