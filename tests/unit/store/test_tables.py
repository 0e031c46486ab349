"""Tables in pieces."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA, FAILED_TYPE
from pipeline_lib.store.tables import (
    SMALL_ROWS,
    TableWriter,
    iterate,
    num_rows,
    read_table,
    side_by_side,
    write_parquet,
)

SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.string())])


def _write(path: Path, *pieces: int) -> Path:
    """Numbers from 0 on, in pieces of so many rows."""
    start = 0
    with TableWriter(path, SCHEMA) as writer:
        for rows in pieces:
            numbers = range(start, start + rows)
            writer.write(pa.table({"b": [str(n) for n in numbers], "a": list(numbers)}))
            start += rows
    return path


def test_what_was_written_in_pieces_is_read_in_the_same_pieces(tmp_path: Path) -> None:
    path = _write(tmp_path / "t", 2, 0, 3)
    assert [part["a"].to_pylist() for part in iterate(path, ["a"])] == [[0, 1], [2, 3, 4]]
    assert num_rows(path) == 5


def test_a_file_without_rows_has_no_pieces(tmp_path: Path) -> None:
    assert list(iterate(_write(tmp_path / "t"))) == []


def test_files_of_the_same_rows_are_read_side_by_side(tmp_path: Path) -> None:
    one, other = _write(tmp_path / "one", 2, 3), _write(tmp_path / "other", 2, 3)
    for left, right in side_by_side((one, ["a"]), (other, None)):
        assert left["a"].to_pylist() == right["a"].to_pylist()
        assert (left.column_names, right.column_names) == (["a"], ["a", "b"])


@pytest.mark.parametrize("pieces", [(2,), (2, 2), (3, 2), (2, 3, 1), ()])
def test_files_of_other_rows_are_not_read_side_by_side(tmp_path: Path, pieces: tuple[int, ...]) -> None:
    one, other = _write(tmp_path / "one", 2, 3), _write(tmp_path / "other", *pieces)
    with pytest.raises(DataError, match="same rows"):
        list(side_by_side((one, None), (other, None)))


@pytest.mark.parametrize("rows", [0, 1, SMALL_ROWS, SMALL_ROWS + 1, 10 * SMALL_ROWS])
def test_a_table_is_read_as_it_was_written_whatever_its_size(tmp_path: Path, rows: int) -> None:
    columns = {
        "text": pa.array(["中文 x", None] * rows, pa.large_string())[:rows],
        "number": pa.array(range(rows), pa.int64()),
        "list": pa.array([["a", "b"]] * rows, pa.list_(pa.string())),
    }
    table = pa.table(columns)
    write_parquet(table, tmp_path / "table.parquet")
    assert read_table(tmp_path / "table.parquet").equals(table)
    assert read_table(tmp_path / "table.parquet", ["number", "text"]).equals(table.select(["number", "text"]))
    assert sum(piece.num_rows for piece in iterate(tmp_path / "table.parquet")) == rows


def test_what_comes_again_is_written_once_and_what_does_not_has_no_dictionary(tmp_path: Path) -> None:
    path, rows = tmp_path / "t", 10 * SMALL_ROWS
    schema = DOCUMENTS_SCHEMA.append(pa.field("score", pa.float64())).append(pa.field("failed", FAILED_TYPE))
    columns = {
        **{name: ["same"] * rows for name in ("document_id", "source", "url", "format", "language", "title", "text")},
        "fetched": [None] * rows,
        "licence": ["same"] * rows,
        "metadata": [[("key", "value")]] * rows,
        "messages": [[{"role": "user", "content": "same"}]] * rows,
        "score": [0.5] * rows,
        "failed": [[{"rule": "same", "value": 0.5, "limit": 1.0}]] * rows,
    }
    with TableWriter(path, schema) as writer:
        writer.write(pa.table(columns, schema))
    group = pq.read_metadata(path).row_group(0)
    found = [group.column(at) for at in range(group.num_columns)]
    assert {column.path_in_schema for column in found if column.has_dictionary_page} == {
        "source", "format", "language", "fetched", "title", "licence", "metadata.key_value.key",
        "metadata.key_value.value", "messages.list.element.role", "messages.list.element.content",
        "failed.list.element.rule",
    }  # fmt: skip
    assert read_table(path).to_pylist() == pa.table(columns, schema).to_pylist()
