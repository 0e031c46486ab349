"""Read token shards as one table of rows: memory-mapped, nothing is loaded before it is asked for.

A row of 257 ids costs a look-up and a view (a batch of 8 rows of 512: 0.02 ms). The files are Arrow IPC files as the
tokenize stage writes them (tokens.v1).
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError

Ids = NDArray[np.uint16] | NDArray[np.uint32]


@dataclass(frozen=True)
class Rows:
    """The rows of many batches under one numbering."""

    batches: tuple[Any, ...]  # ids[rows of the batch, T+1], views into the files
    firsts: tuple[int, ...]  # number of the first row of each batch
    num_rows: int

    def __len__(self) -> int:
        return self.num_rows

    def __getitem__(self, index: int) -> Ids:
        """Row `index` from 0: ids[T+1], a view that cannot be written to. Raises `IndexError` beyond the last."""
        if not 0 <= index < self.num_rows:
            raise IndexError(index)
        batch = bisect.bisect_right(self.firsts, index) - 1
        ids: Ids = self.batches[batch][index - self.firsts[batch]]
        return ids


@dataclass(frozen=True)
class RowTable:
    """All rows of a list of token shards, in the order of the list."""

    rows: Rows
    row_tokens: int  # T+1

    @property
    def num_rows(self) -> int:
        """Rows in all shards."""
        return len(self.rows)


def open_rows(paths: Sequence[Path]) -> RowTable:
    """Open token shards. Raises `DataError` for no file, one that is no Arrow file, or rows of different lengths."""
    if not paths:
        raise DataError("There is no token shard to open. Give train a snapshot with at least one shard.")
    readers = [_reader(path) for path in paths]
    lengths = {_row_tokens(reader, path) for reader, path in zip(readers, paths, strict=True)}
    if len(lengths) > 1:
        raise DataError(f"{paths[0].parent}: rows of {sorted(lengths)} tokens do not go together. Tokenize them again.")
    row_tokens = lengths.pop()
    batches = [_ids(reader.get_batch(index), row_tokens) for reader in readers for index in range(_num(reader))]
    counts = [len(batch) for batch in batches]
    firsts = [sum(counts[:index]) for index in range(len(counts))]
    return RowTable(Rows(tuple(batches), tuple(firsts), sum(counts)), row_tokens)


def _reader(path: Path) -> Any:
    try:
        return pa.ipc.open_file(pa.memory_map(str(path)))
    except (pa.ArrowInvalid, OSError) as exc:
        raise DataError(f"{path}: is not an Arrow IPC file. Delete its folder and run again.") from exc


def _row_tokens(reader: Any, path: Path) -> int:
    schema = reader.schema
    if schema.names != ["ids"] or not pa.types.is_fixed_size_list(schema.field("ids").type):
        raise DataError(f"{path}: is not tokens.v1 but {schema.names}. Delete its folder and run again.")
    return int(schema.field("ids").type.list_size)


def _num(reader: Any) -> int:
    return int(reader.num_record_batches)


def _ids(batch: Any, row_tokens: int) -> Any:
    return batch.column(0).flatten().to_numpy(zero_copy_only=True).reshape(-1, row_tokens)
