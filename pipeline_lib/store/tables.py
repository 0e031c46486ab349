"""Parquet files as all stages write and read them: whole, or in pieces of bounded size.

    for part in iterate(path, ["document_id", "text"]):   tables of at most PIECE_BYTES of text and PIECE_ROWS rows
    for text, signals in side_by_side((path, ["text"]), (other, ["language"])):    pieces of the same rows
    with TableWriter(path, schema) as writer:             a row group a piece, so that the next reader gets pieces too
        writer.write(table)

What one piece holds bounds the memory of a stage, whatever the size of a shard.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_lib.base.errors import DataError

PIECE_BYTES = 16 << 20
PIECE_ROWS = 8_192
ROW_GROUP_ROWS = 1 << 20  # what `write_parquet` puts into a row group
OPTIONS: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "write_page_checksum": True}
# What is read once and goes: half the time to write, twice the size.
PASSING_OPTIONS: dict[str, Any] = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
# Columns in which no value comes twice, or hardly any: a dictionary of them costs a tenth of the time to write texts, a
# third of a ledger's, and saves no byte. Nor do the numbers of signals gain by one.
OF_ITS_OWN = ("document_id", "url", "place", "text")
SMALL_ROWS = 64  # so few are written as they are: each column's zstd and dictionary cost more than they save
SMALL_OPTIONS: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table with the settings all stages share: zstd, page checksums, no writer's clock in the file."""
    is_small = table.num_rows <= SMALL_ROWS
    pq.write_table(table, path, **(SMALL_OPTIONS if is_small else {**OPTIONS, **dictionaries(table.schema)}))


def dictionaries(schema: pa.Schema) -> dict[str, list[str]]:
    """Which columns are written with a dictionary of their values, as an option of a writer."""
    fields = (field for field in schema if field.name not in OF_ITS_OWN)
    return {"use_dictionary": [path for field in fields for path in _leaves(field, field.name)]}


def _leaves(field: pa.Field, path: str) -> Iterator[str]:
    """The paths under which Parquet keeps a field; none of one that has fractions."""
    kind = field.type
    if pa.types.is_struct(kind):
        for inner in kind:
            yield from _leaves(inner, f"{path}.{inner.name}")
    elif pa.types.is_map(kind):
        yield from _leaves(kind.key_field, f"{path}.key_value.key")
        yield from _leaves(kind.item_field, f"{path}.key_value.value")
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(kind.value_field, f"{path}.list.element")
    elif not pa.types.is_floating(kind):
        yield path


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file, or some of its columns in their order. (`pq.read_table` would load pandas: 0.2 s a process.)"""
    with opened(path) as file:
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


def iterate(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The file in its row groups, in order; one without rows gives nothing."""
    with opened(path) as file:
        for number in range(file.num_row_groups):
            part = file.read_row_group(number, columns=None if columns is None else list(columns), use_threads=False)
            if part.num_rows:
                yield part


def iterate_evenly(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The same in pieces of PIECE_ROWS, of whatever size its row groups are."""
    with opened(path) as file:
        for part in file.iter_batches(
            PIECE_ROWS, columns=None if columns is None else list(columns), use_threads=False
        ):
            if part.num_rows:
                yield pa.Table.from_batches([part])


def opened(path: Path) -> pq.ParquetFile:
    """A file to be read by one thread, as it comes: a core is a process here.

    Arrow's threads and read-ahead cost more than they give, most of all for a table of a few rows.
    """
    return pq.ParquetFile(path, pre_buffer=False)


def side_by_side(*files: tuple[Path, Sequence[str] | None]) -> Iterator[tuple[pa.Table, ...]]:
    """The pieces of several files of the same rows, each with some columns: files that one maker wrote piece for piece.

    Raises DataError where their pieces differ.
    """
    for tables in itertools.zip_longest(*(iterate(path, columns) for path, columns in files)):
        if len({None if table is None else table.num_rows for table in tables}) > 1:
            names = ", ".join(str(path) for path, _ in files)
            raise DataError(f"These files should hold the same rows, and do not: {names}. Please report it.")
        yield tables


def num_rows(path: Path) -> int:
    """Rows of a Parquet file, by its footer."""
    return int(pq.read_metadata(path).num_rows)


class TableWriter:
    """Writes a Parquet file piece by piece: each `write` is a row group. No piece at all is a file without rows."""

    def __init__(self, path: Path, schema: pa.Schema, options: Mapping[str, Any] = OPTIONS) -> None:
        self.num_rows = 0
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, **{**dictionaries(schema), **options})

    def write(self, table: pa.Table) -> None:
        """Add a piece; an empty one adds nothing. Columns are taken by name and cast to the schema."""
        if table.num_rows:
            self._writer.write_table(table.select(self._schema.names).cast(self._schema), row_group_size=table.num_rows)
            self.num_rows += table.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
