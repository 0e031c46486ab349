"""Tables of token shards."""

from pathlib import Path

import numpy as np
import pytest

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.shards import (
    EXCLUDED_SCHEMA,
    GONE_SCHEMA,
    SHARDS_FILE,
    SHARDS_SCHEMA,
    excluded_of,
    read_counts,
    read_shards,
    totals_of,
    write_counts,
)
from tests.shelf import put_shards, shard_row


def test_several_tables_are_read_as_one_in_their_order(store: Store) -> None:
    tables = [
        put_shards(store, "t2", [shard_row("k2"), shard_row("k1", part=1)], gone=[("a", "b0", 3)]),
        put_shards(store, "t0", []),
        put_shards(store, "t1", [shard_row("k0")], gone=[("b", "b0", 0)]),
    ]
    shards, gone = read_shards(store, tables)
    assert shards["shard"].to_pylist() == ["k2", "k1", "k0"]
    assert [tuple(row.values()) for row in gone.to_pylist()] == [("a", "b0", 3, None), ("b", "b0", 0, None)]


def test_no_table_at_all_reads_as_empty_ones(store: Store) -> None:
    shards, gone = read_shards(store, [])
    assert (shards.schema, shards.num_rows) == (SHARDS_SCHEMA, 0)
    assert (gone.schema, gone.num_rows) == (GONE_SCHEMA, 0)


def test_a_damaged_table_is_not_read(store: Store) -> None:
    ref = put_shards(store, "t", [shard_row("k")])
    path = store.path(ref.stage, ref.fingerprint) / SHARDS_FILE
    path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2"))
    with pytest.raises(DamagedArtifact):
        read_shards(store, [ref])


def excluded(store: Store, rows: list[dict[str, object]], gone: list[tuple[str, str, int]]) -> list[tuple[str, str]]:
    found = excluded_of(*read_shards(store, [put_shards(store, "t", rows, gone)]))
    assert found.schema == EXCLUDED_SCHEMA
    return [(row["shard"], row["document_id"]) for row in found.to_pylist()]


def test_what_left_is_left_out_of_the_shard_that_held_it_and_of_no_other(store: Store) -> None:
    rows = [shard_row("k0", batch="b1"), shard_row("k1", batch="b1", part=1), shard_row("k2", batch="b2")]
    gone = [("c", "b2", 0), ("a", "b1", 1), ("b", "b1", 1)]
    assert excluded(store, rows, gone) == [("k1", "a"), ("k1", "b"), ("k2", "c")]


def test_what_left_a_batch_that_is_not_among_the_shards_is_left_out_of_none(store: Store) -> None:
    assert excluded(store, [shard_row("k0", batch="b1")], [("a", "b1", 1), ("b", "b0", 0)]) == []


@pytest.mark.parametrize("is_gone", [True, False])
def test_nothing_gone_or_no_shards_leave_nothing_out(store: Store, is_gone: bool) -> None:
    assert excluded(store, [] if is_gone else [shard_row("k0")], [("a", "batch 1", 0)] if is_gone else []) == []


def test_totals_are_sums_and_zero_of_nothing(store: Store) -> None:
    rows = [
        shard_row("k0", num_documents=3, num_tokens=50, num_held_out=1),
        shard_row("k1", part=1, num_documents=4, num_tokens=7),
    ]
    shards, _ = read_shards(store, [put_shards(store, "t", rows)])
    assert totals_of(shards) == {"num_documents": 7, "num_tokens": 57, "num_held_out": 1}
    assert totals_of(SHARDS_SCHEMA.empty_table()) == {"num_documents": 0, "num_tokens": 0, "num_held_out": 0}


def counts_at(path: Path, *counts: int) -> Path:
    write_counts(np.array(counts, np.int64), path)
    return path


def test_counts_add_up_token_by_token(tmp_path: Path) -> None:
    paths = [counts_at(tmp_path / "1", 1, 0, 2), counts_at(tmp_path / "2", 0, 5, 2**40)]
    assert read_counts(paths).tolist() == [1, 5, 2**40 + 2]
    assert read_counts([]).tolist() == []


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [1, 2, 0]])
def test_a_batch_without_token_shards_counts_nothing(tmp_path: Path, order: list[int]) -> None:
    """One that only withdraws has no vocabulary to count by."""
    paths = [counts_at(tmp_path / "1", 1, 2), counts_at(tmp_path / "0"), counts_at(tmp_path / "2", 3, 4)]
    assert read_counts([paths[number] for number in order]).tolist() == [4, 6]


def test_counts_of_two_vocabularies_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="counts 3 tokens, others 2"):
        read_counts([counts_at(tmp_path / "1", 1, 2), counts_at(tmp_path / "2", 1, 2, 3)])


def test_the_place_of_a_table_is_no_matter(store: Store, tmp_path: Path) -> None:
    ref = put_shards(store, "t", [shard_row("k")])
    moved = Store(tmp_path / "elsewhere")
    store.root.rename(moved.root)
    assert read_shards(moved, [Ref(*ref.__reduce__()[1])])[0]["shard"].to_pylist() == ["k"]
