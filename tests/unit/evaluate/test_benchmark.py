"""Which documents a benchmark holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline_lib.evaluate.works import benchmark_work
from pipeline_lib.run.execute import execute, store_of
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.sides import side_of
from tests.shelf import Gone, documents, put, put_shards, shard_row

Row = Mapping[str, Any]  # of documents.v2


def many(first: int, last: int, **said: Any) -> list[Row]:
    """Documents 0003, 0004, ... with urls 3, 4, ..."""
    return [{"document_id": f"{n:04d}", "url": str(n), "text": f"text {n}", **said} for n in range(first, last)]


@dataclass(frozen=True)
class Shelves:
    """Scrubbed shards, tables of their token shards, and the benchmarks that are made of them."""

    workspace: Path

    def shard(self, name: str, rows: Sequence[Row], *, share: float = 1.0, batch: str = "", part: int = 0) -> Row:
        """A scrubbed shard; the row of its token shard."""
        put(store_of(self.workspace), Ref("scrub", name), {"documents.parquet": documents(rows)})
        return shard_row(f"tokens of {name}", documents=name, share=share, batch=batch or f"batch of {name}", part=part)

    def table(self, name: str, *rows: Row, gone: Gone = ()) -> Ref:
        return put_shards(store_of(self.workspace), name, rows, gone)

    def make(self, *tables: Ref, before: Manifest | None = None, at_most: int = 400, name: str = "frozen") -> Manifest:
        settings = AllSettings.model_validate({"evaluate": {"max_documents": at_most}})
        work = benchmark_work(settings, name, 1, tables, None if before is None else before.ref)
        return execute(work, self.workspace)

    def file(self, made: Manifest, name: str) -> Path:
        return store_of(self.workspace).open(made.ref.stage, made.fingerprint).file(name)

    def ids(self, made: Manifest) -> list[str]:
        return list(pq.read_table(self.file(made, "documents.parquet"))["document_id"].to_pylist())


@pytest.fixture
def shelves(tmp_path: Path) -> Shelves:
    return Shelves(tmp_path / "workspace")


def test_a_document_is_held_out_by_its_place_and_the_share_of_its_shard(shelves: Shelves) -> None:
    rows = [shelves.shard("1", many(0, 300), share=0.2), shelves.shard("2", many(300, 600), share=0.05)]
    made = shelves.make(shelves.table("t", *rows))
    expected = [f"{n:04d}" for n in range(600) if side_of("docs", str(n)) / 2**64 < (0.2 if n < 300 else 0.05)]
    assert shelves.ids(made) == expected
    assert made.dropped == {"learned_from": 600 - len(expected)}
    assert made.facts["num_held_out"] == len(expected)


def test_the_smallest_ids_are_taken_and_the_rest_is_counted(shelves: Shelves) -> None:
    rows = [{"document_id": name, "text": text} for name, text in (("d", "x"), ("a", ""), ("c", "x"), ("b", "x"))]
    made = shelves.make(shelves.table("t", shelves.shard("1", rows)), at_most=2)
    assert sorted(shelves.ids(made)) == ["b", "c"]
    assert made.dropped == {"empty_text": 1, "over_max_documents": 1}


def test_the_order_of_the_shards_changes_no_choice(shelves: Shelves) -> None:
    one, two = (shelves.table(n, shelves.shard(n, many(*r))) for n, r in (("1", (5, 9)), ("2", (0, 5))))
    for tables in ((one, two), (two, one)):
        assert sorted(shelves.ids(shelves.make(*tables, at_most=4))) == ["0000", "0001", "0002", "0003"]


def test_documents_keep_all_that_is_known_of_them(shelves: Shelves) -> None:
    told = {"language": "zh", "title": "t", "licence": "MIT", "metadata": [("a", "b")], "messages": []}
    made = shelves.make(shelves.table("t", shelves.shard("1", many(0, 3, **told))))
    before = store_of(shelves.workspace).open("scrub", "1").file("documents.parquet")
    assert pq.read_table(shelves.file(made, "documents.parquet")).equals(pq.read_table(before))


def test_a_benchmark_grows_until_it_is_full_and_keeps_what_it_has(shelves: Shelves) -> None:
    tables = [
        shelves.table(n, shelves.shard(n, many(*r))) for n, r in zip("123", ((10, 12), (0, 9), (20, 30)), strict=True)
    ]
    first = shelves.make(tables[0], at_most=4)
    second = shelves.make(tables[1], before=first, at_most=4)
    assert shelves.ids(second) == ["0010", "0011", "0000", "0001"]
    assert second.dropped == {"over_max_documents": 7}
    third = shelves.make(tables[2], before=second, at_most=4)
    assert shelves.ids(third) == shelves.ids(second)


def test_a_document_that_is_there_already_is_not_taken_twice(shelves: Shelves) -> None:
    one, two = (shelves.table(n, shelves.shard(n, many(*r))) for n, r in (("1", (0, 2)), ("2", (2, 3))))
    made = shelves.make(one, two, before=shelves.make(one))
    assert shelves.ids(made) == ["0000", "0001", "0002"]
    assert made.dropped == {"known": 2}


def test_what_left_its_source_leaves_what_was_kept_before_and_makes_room(shelves: Shelves) -> None:
    first = shelves.make(shelves.table("t1", shelves.shard("1", many(0, 3), batch="b1")), at_most=3)
    new = shelves.table("t2", shelves.shard("2", many(3, 6), batch="b2"), gone=[("0001", "b1", 0)])
    made = shelves.make(new, before=first, at_most=3)
    assert shelves.ids(made) == ["0000", "0002", "0003"]
    assert made.dropped == {"over_max_documents": 2, "withdrawn": 1}


def test_what_left_its_source_is_not_taken_of_the_shard_that_held_it(shelves: Shelves) -> None:
    rows = [shelves.shard("1", many(0, 2), batch="b1"), shelves.shard("2", many(2, 4), batch="b1", part=1)]
    made = shelves.make(shelves.table("t1", *rows), shelves.table("t2", gone=[("0003", "b1", 1), ("0000", "b1", 0)]))
    assert shelves.ids(made) == ["0001", "0002"]
    assert made.dropped == {"withdrawn": 2}


@pytest.mark.parametrize("is_kept_before", [True, False])
def test_what_came_back_after_it_had_left_is_taken_again(shelves: Shelves, is_kept_before: bool) -> None:
    first = shelves.table("t1", shelves.shard("1", many(0, 2), batch="b1"))
    left = shelves.table("t2", gone=[("0001", "b1", 0)])
    back = shelves.table("t3", shelves.shard("3", many(1, 2), batch="b3"))
    before = shelves.make(first) if is_kept_before else None
    made = shelves.make(left, back, before=before) if before else shelves.make(first, left, back)
    assert shelves.ids(made) == ["0000", "0001"]
    assert made.dropped == {"withdrawn": 1}


def test_a_smaller_limit_makes_a_benchmark_smaller(shelves: Shelves) -> None:
    first = shelves.make(shelves.table("t", shelves.shard("1", many(0, 5))))
    assert shelves.ids(shelves.make(before=first, at_most=2)) == ["0000", "0001"]


def test_it_says_what_it_is_made_of(shelves: Shelves) -> None:
    rows = [
        shelves.shard("1", many(0, 2, language="en")),
        shelves.shard("2", [{"document_id": "z", "source": "news", "language": "zh", "text": "夜班"}]),
        shelves.shard("3", [{"document_id": "y", "text": "?"}]),
    ]
    made = shelves.make(shelves.table("t", *rows), name="fresh")
    expected = {
        "name": "fresh",
        "generation": 1,
        "num_documents": 4,
        "num_bytes": 6 + 6 + 6 + 1,
        "num_held_out": 4,
        "sources": {"docs": 3, "news": 1},
        "languages": {"en": 2, "unknown": 1, "zh": 1},
    }
    assert json.loads(shelves.file(made, "benchmark.json").read_text()) == made.facts == expected


@pytest.mark.parametrize("share", [None, 0.0])
def test_a_benchmark_may_be_empty(shelves: Shelves, share: float | None) -> None:
    """A night of a handful of files may hold nothing out: the gate says what is missing."""
    rows = [] if share is None else [shelves.shard("1", many(0, 3), share=share)]
    made = shelves.make(shelves.table("t", *rows))
    assert shelves.ids(made) == []
    assert (made.rows_out, made.facts["num_bytes"], made.facts["sources"]) == (0, 0, {})


def test_the_same_shards_give_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        shelves = Shelves(tmp_path / name)
        rows = [shelves.shard("1", many(0, 50), share=0.5), shelves.shard("2", many(50, 60), share=0.5)]
        made = shelves.make(shelves.table("t", *rows), at_most=20)
        digests.add((made.fingerprint, made.digest))
    assert len(digests) == 1
