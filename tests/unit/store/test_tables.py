"""Tables in pieces."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.tables import TableWriter, iterate, num_rows, side_by_side

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
