"""Token shards as one table of rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.schemas import tokens_schema
from pipeline_lib.store.token_shards import open_rows


def shard(path: Path, batches: list[list[list[int]]], *, row_tokens: int = 3, vocab_size: int = 600) -> Path:
    schema = tokens_schema(row_tokens, vocab_size)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for batch in batches:
            writer.write_batch(pa.record_batch([pa.array(batch, schema.field("ids").type)], schema=schema))
    return path


def test_rows_of_all_batches_and_shards_have_one_numbering(tmp_path: Path) -> None:
    first = shard(tmp_path / "a.arrow", [[[1, 2, 3], [3, 4, 5]], [[5, 6, 7]]])
    second = shard(tmp_path / "b.arrow", [[[7, 8, 9]]])
    table = open_rows([first, second])
    assert (table.num_rows, table.row_tokens) == (4, 3)
    assert [table.rows[index].tolist() for index in range(4)] == [[1, 2, 3], [3, 4, 5], [5, 6, 7], [7, 8, 9]]


def test_shards_without_rows_do_not_shift_the_others(tmp_path: Path) -> None:
    paths = [shard(tmp_path / "a", []), shard(tmp_path / "b", [[[1, 2, 3]], []]), shard(tmp_path / "c", [[[4, 5, 6]]])]
    table = open_rows(paths)
    assert table.num_rows == 2 and table.rows[1].tolist() == [4, 5, 6]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(600, np.uint16), (100_000, np.uint32)])
def test_a_row_has_the_type_of_the_file_and_cannot_be_changed(tmp_path: Path, vocab_size: int, dtype: type) -> None:
    row = open_rows([shard(tmp_path / "a", [[[1, 2, 3]]], vocab_size=vocab_size)]).rows[0]
    assert row.dtype == dtype
    with pytest.raises(ValueError, match="read-only"):
        row[0] = 5


def test_there_is_no_row_before_the_first_or_behind_the_last(tmp_path: Path) -> None:
    rows = open_rows([shard(tmp_path / "a", [[[1, 2, 3]]])]).rows
    for index in (-1, 1):
        with pytest.raises(IndexError):
            rows[index]
    assert [row.tolist() for row in rows] == [[1, 2, 3]]


def test_rows_of_different_lengths_are_refused(tmp_path: Path) -> None:
    paths = [shard(tmp_path / "a", [[[1, 2, 3]]]), shard(tmp_path / "b", [[[1, 2]]], row_tokens=2)]
    with pytest.raises(DataError, match=r"rows of \[2, 3\] tokens"):
        open_rows(paths)


def test_no_shard_is_refused() -> None:
    with pytest.raises(DataError, match="no token shard"):
        open_rows([])


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = shard(tmp_path / "a", [[[1, 2, 3]]])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="is not an Arrow IPC file"):
        open_rows([path])


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    table = pa.table({"ids": [1, 2]})
    with pa.OSFile(str(tmp_path / "a"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError, match=r"is not tokens\.v1"):
        open_rows([tmp_path / "a"])
