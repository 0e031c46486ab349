"""Which documents a benchmark holds."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.stage import BENCHMARK
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.sides import side_of
from pipeline_lib.store.tables import write_parquet
from tests.given import given

Rows = list[tuple[str, str, str, str]]  # id, url, language, text


def shard(folder: Path, rows: Rows, *, source: str = "docs", group_rows: int = 2) -> Path:
    """A shard of scrub, in several row groups."""
    folder.mkdir()
    made = [
        {
            "document_id": name,
            "source": source,
            "url": url,
            "format": "text",
            "language": language or None,
            "text": text,
        }
        for name, url, language, text in rows
    ]
    table = pa.Table.from_pylist(made, schema=DOCUMENTS_SCHEMA)
    pq.write_table(table, folder / "documents.parquet", row_group_size=group_rows)
    return folder


def many(first: int, last: int, *, language: str = "en") -> Rows:
    """Documents 0003, 0004, ... with urls 3, 4, ..."""
    return [(f"{n:04d}", str(n), language, f"text {n}") for n in range(first, last)]


def make(
    folder: Path, *, at_most: int = 400, shares: Any = None, name: str = "frozen", **inputs: Path | list[Path]
) -> Outcome:
    folder.mkdir()
    documents = inputs.get("documents", [])
    runs = shares if shares is not None else [[1.0, len(documents)]] if isinstance(documents, list) else []
    params = {"name": name, "generation": 1, "heldout_shares": runs}
    settings = EvaluateSettings(max_documents=at_most).only(BENCHMARK.reads)
    outcome = BENCHMARK.make(settings, given(params=params, **inputs), folder)
    assert outcome.rows_in == outcome.rows_out + sum(outcome.dropped.values())
    return outcome


def ids(folder: Path) -> list[str]:
    return list(pq.read_table(folder / "documents.parquet")["document_id"].to_pylist())


def test_a_document_is_held_out_by_its_place_and_the_share_of_its_shard(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", many(0, 300)), shard(tmp_path / "2", many(300, 600))
    outcome = make(tmp_path / "b", documents=[one, two], shares=[[0.2, 1], [0.05, 1]])
    expected = [f"{n:04d}" for n in range(600) if side_of("docs", str(n)) / 2**64 < (0.2 if n < 300 else 0.05)]
    assert ids(tmp_path / "b") == expected
    assert outcome.dropped == {"learned_from": 600 - len(expected)}
    assert outcome.facts["num_held_out"] == len(expected)


def test_the_smallest_ids_are_taken_and_the_rest_is_counted(tmp_path: Path) -> None:
    rows = [("d", "1", "", "x"), ("a", "2", "", ""), ("c", "3", "", "x"), ("b", "4", "", "x")]
    outcome = make(tmp_path / "b", at_most=2, documents=[shard(tmp_path / "1", rows)])
    assert sorted(ids(tmp_path / "b")) == ["b", "c"]
    assert outcome.dropped == {"empty_text": 1, "over_max_documents": 1}


def test_the_order_of_the_shards_changes_no_choice(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", many(5, 9)), shard(tmp_path / "2", many(0, 5))
    make(tmp_path / "b", at_most=4, documents=[one, two])
    make(tmp_path / "c", at_most=4, documents=[two, one])
    assert sorted(ids(tmp_path / "b")) == sorted(ids(tmp_path / "c")) == ["0000", "0001", "0002", "0003"]


def test_documents_keep_all_that_is_known_of_them(tmp_path: Path) -> None:
    make(tmp_path / "b", documents=[shard(tmp_path / "1", many(0, 3, language="zh"))])
    before, after = (pq.read_table(tmp_path / name / "documents.parquet") for name in ("1", "b"))
    assert after.equals(before)


def test_a_benchmark_grows_until_it_is_full_and_keeps_what_it_has(tmp_path: Path) -> None:
    make(tmp_path / "b1", at_most=4, documents=[shard(tmp_path / "1", many(10, 12))])
    second = make(tmp_path / "b2", at_most=4, before=tmp_path / "b1", documents=[shard(tmp_path / "2", many(0, 9))])
    assert ids(tmp_path / "b2") == ["0010", "0011", "0000", "0001"]
    assert second.dropped == {"over_max_documents": 7}
    make(tmp_path / "b3", at_most=4, before=tmp_path / "b2", documents=[shard(tmp_path / "3", many(20, 30))])
    assert sorted(ids(tmp_path / "b3")) == sorted(ids(tmp_path / "b2"))


def test_a_document_that_is_there_already_is_not_taken_twice(tmp_path: Path) -> None:
    first = shard(tmp_path / "1", many(0, 2))
    make(tmp_path / "b1", documents=[first])
    outcome = make(tmp_path / "b2", before=tmp_path / "b1", documents=[first, shard(tmp_path / "2", many(2, 3))])
    assert ids(tmp_path / "b2") == ["0000", "0001", "0002"]
    assert outcome.dropped == {"known": 2}


def test_what_was_withdrawn_leaves_and_makes_room(tmp_path: Path) -> None:
    make(tmp_path / "b1", at_most=3, documents=[shard(tmp_path / "1", many(0, 3))])
    (tmp_path / "gone").mkdir()
    write_parquet(pa.table({"document_id": ["0001", "0003"]}), tmp_path / "gone" / "excluded.parquet")
    new = [shard(tmp_path / "2", many(3, 6))]
    outcome = make(tmp_path / "b2", at_most=3, before=tmp_path / "b1", documents=new, excluded=tmp_path / "gone")
    assert ids(tmp_path / "b2") == ["0000", "0002", "0004"]
    assert outcome.dropped == {"over_max_documents": 1, "withdrawn": 2}


def test_a_smaller_limit_makes_a_benchmark_smaller(tmp_path: Path) -> None:
    make(tmp_path / "b1", documents=[shard(tmp_path / "1", many(0, 5))])
    make(tmp_path / "b2", at_most=2, before=tmp_path / "b1")
    assert ids(tmp_path / "b2") == ["0000", "0001"]


def test_it_says_what_it_is_made_of(tmp_path: Path) -> None:
    english, chinese = (
        shard(tmp_path / "1", many(0, 2)),
        shard(tmp_path / "2", [("z", "z", "zh", "夜班")], source="news"),
    )
    nobody = shard(tmp_path / "3", [("y", "y", "", "?")])
    outcome = make(tmp_path / "b", name="fresh", documents=[english, chinese, nobody])
    expected = {
        "name": "fresh",
        "generation": 1,
        "num_documents": 4,
        "num_bytes": 6 + 6 + 6 + 1,
        "num_held_out": 4,
        "sources": {"docs": 3, "news": 1},
        "languages": {"en": 2, "unknown": 1, "zh": 1},
    }
    assert json.loads((tmp_path / "b" / "benchmark.json").read_text()) == outcome.facts == expected


@pytest.mark.parametrize("shares", [[], [[0.0, 1]]])
def test_a_benchmark_may_be_empty(tmp_path: Path, shares: Any) -> None:
    """A night of a handful of files may hold nothing out: the gate says what is missing."""
    shards = [shard(tmp_path / "1", many(0, 3))] if shares else []
    outcome = make(tmp_path / "b", documents=shards, shares=shares)
    assert ids(tmp_path / "b") == []
    assert (outcome.rows_out, outcome.facts["num_bytes"], outcome.facts["sources"]) == (0, 0, {})


def test_a_shard_without_a_share_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 shares for 2 shards"):
        make(
            tmp_path / "b",
            documents=[shard(tmp_path / "1", many(0, 1)), shard(tmp_path / "2", many(1, 2))],
            shares=[[0.5, 1]],
        )


def test_the_same_shards_give_the_same_bytes(tmp_path: Path) -> None:
    shards = [shard(tmp_path / "1", many(0, 50)), shard(tmp_path / "2", many(50, 60))]
    for name in ("b", "c"):
        make(tmp_path / name, at_most=20, documents=shards, shares=[[0.5, 2]])
    for file in ("documents.parquet", "benchmark.json"):
        assert (tmp_path / "b" / file).read_bytes() == (tmp_path / "c" / file).read_bytes()
