"""Document ids, and where documents lie, as columns: each record of a changed file has an id, and may have a tombstone.

    Ids       a set of ids: 16 bytes each (a frozenset of strings: 150)
    Placed    documents with the shard that holds them: 24 bytes each (objects: 350)
    Live      such documents by file
    find      where ids or rows are among those that are sorted

An id is 32 hexadecimal characters, packed its 16 bytes; both have the same order. So have rows that begin with an id,
taken as bytes (`as_bytes`), which sorts them where they lie. Zeros at the end of bytes are padding to numpy, but of
values of one width no two become equal by that.
"""

from binascii import hexlify, unhexlify
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.ingest.plan import Tombstone
from pipeline_lib.ingest.records import Lines
from pipeline_lib.ingest.tables import TOMBSTONES_SCHEMA
from pipeline_lib.store.tables import ROW_GROUP_ROWS
from pipeline_lib.store.tokens import numbers

ID_CHARS = 32
LISTED = 1 << 10  # ids or documents that are strings and lists at a time
ID = np.dtype("S16")
PLACE = np.dtype([("id", ID), ("batch", np.int32), ("shard", np.int32)])

Packed = NDArray[np.bytes_]
Rows = NDArray[Any]  # of a structured type


def pack(ids: Iterable[str]) -> Packed:
    """The ids as 16 bytes each, [D]. Raises `ValueError` where one is none."""
    return np.frombuffer(bytes.fromhex("".join(ids)), ID)


def pack_array(ids: pa.StringArray) -> Packed:
    """The same of a column."""
    if not len(ids):
        return np.empty(0, ID)
    ends = np.frombuffer(ids.buffers()[1], np.int32, count=ids.offset + len(ids) + 1)[ids.offset :]
    if np.any(np.diff(ends) != ID_CHARS):
        raise ValueError(f"a document id does not have {ID_CHARS} characters")
    return np.frombuffer(unhexlify(memoryview(ids.buffers()[2])[ends[0] : ends[-1]]), ID)


def unpack(ids: Packed) -> pa.Array:
    """The ids as strings again."""
    ends = np.arange(len(ids) + 1, dtype=np.int32) * ID_CHARS
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(ends), pa.py_buffer(hexlify(ids.tobytes())))


def as_bytes(rows: Rows) -> Packed:
    """The rows as bytes of one width, compared and sorted as a whole. The memory is that of the rows."""
    return rows.view(f"S{rows.itemsize}")


def find(ordered: Packed, wanted: Packed) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each of `wanted`, [W], its place in `ordered`, and whether it is there; if not, the place says nothing."""
    if not len(ordered):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return at, ordered[at] == wanted


def firsts(rows: Rows, *names: str) -> Rows:
    """Of neighbours that agree in these fields the first."""
    if len(rows) < 2:
        return rows
    is_first = np.ones(len(rows), np.bool_)
    is_first[1:] = np.logical_or.reduce([rows[name][1:] != rows[name][:-1] for name in names])
    return rows if is_first.all() else rows[is_first]


@dataclass(frozen=True, eq=False)
class Ids:
    """A set of document ids."""

    packed: Packed  # [D], in order, each once

    def __len__(self) -> int:
        return len(self.packed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and np.array_equal(self.packed, other.packed)

    def __hash__(self) -> int:
        return hash(self.packed.tobytes())

    def has(self, ids: Packed) -> NDArray[np.bool_]:
        """Whether each of these is in it."""
        return find(self.packed, ids)[1]

    def pieces(self) -> Iterator[list[str]]:
        """The ids as strings, in order, some at a time."""
        for first in range(0, len(self), LISTED):
            piece = self.packed[first : first + LISTED].tobytes().hex()
            yield [piece[start : start + ID_CHARS] for start in range(0, len(piece), ID_CHARS)]


@dataclass(frozen=True, eq=False)
class Placed:
    """Documents, each with the batch and the shard that hold it."""

    ids: Packed  # [D]
    batches: NDArray[np.int32]  # [D], places in `names`
    shards: NDArray[np.int32]  # [D], indexes in their batches
    names: Sequence[str]

    @classmethod
    def read(cls, tables: Iterable[pa.Table]) -> Self:
        """Those of tables of TOMBSTONES_SCHEMA, in their order."""
        names: dict[str, int] = {}
        rows = bytearray()
        for table in tables:
            rows += rows_of(table, names).tobytes()
        return cls.of(np.frombuffer(rows, PLACE), tuple(names))

    @classmethod
    def of(cls, rows: Rows, names: Sequence[str]) -> Self:
        """Those of rows with the fields of PLACE."""
        ids, batches, shards = (np.ascontiguousarray(rows[name]) for name in ("id", "batch", "shard"))
        return cls(ids, batches, shards, names)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Tombstone]:
        for piece in self.pieces():
            yield from (Tombstone(*row) for row in piece)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placed) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def where(self, is_wanted: NDArray[np.bool_]) -> "Placed":
        """Some of them, in their order."""
        return Placed(self.ids[is_wanted], self.batches[is_wanted], self.shards[is_wanted], self.names)

    def pieces(self) -> Iterator[list[list[Any]]]:
        """[id, batch, index of the shard] of each, some at a time."""
        for table in self.tables(LISTED):
            yield [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]

    def tables(self, num_rows: int = ROW_GROUP_ROWS) -> Iterator[pa.Table]:
        """They as tables of TOMBSTONES_SCHEMA, of at most so many rows; one at least."""
        for first in range(0, max(1, len(self)), num_rows):
            part = slice(first, first + num_rows)
            batches = [self.names[number] for number in self.batches[part].tolist()]
            yield pa.table([unpack(self.ids[part]), batches, self.shards[part]], schema=TOMBSTONES_SCHEMA)


@dataclass(frozen=True)
class Live:
    """The live documents of some files."""

    documents: Placed  # by path and id, each once
    parts: Mapping[str, slice]  # by path where those of a file are

    def ids_of(self, path: str) -> Packed | None:
        """The documents of a file, in order; None where it is none of these files."""
        return self.documents.ids[self.parts[path]] if path in self.parts else None

    def leaving(self, left: Mapping[str, NDArray[np.bool_]]) -> Placed:
        """Those that left, as `left` says of each document of a file; of a file that is not in it all."""
        has_left = np.ones(len(self.documents), np.bool_)
        for path, is_out in left.items():
            has_left[self.parts[path]] = is_out
        return self.documents.where(has_left)


def rows_of(table: pa.Table, names: dict[str, int]) -> Rows:
    """A row of PLACE for each document of a table with the columns of TOMBSTONES_SCHEMA.

    Batches are numbered as in `names`, which grows. Raises `ValueError` where an id is none.
    """
    rows = np.empty(table.num_rows, PLACE)
    if not len(rows):
        return rows
    ids, batches, shards = (table[name].combine_chunks() for name in TOMBSTONES_SCHEMA.names)
    encoded = batches.dictionary_encode()
    numbered = [names.setdefault(name, len(names)) for name in encoded.dictionary.to_pylist()]
    rows["id"] = pack_array(ids)
    rows["batch"] = np.array(numbered, np.int32)[numbers(encoded.indices, np.int32)]
    rows["shard"] = numbers(shards, np.int32)
    return rows


def lines_of(found: NDArray[np.int64]) -> Lines:
    """The numbers of lines, in whatever order, as a set."""
    marks = np.zeros(int(found.max()) + 1 if len(found) else 0, np.uint8)
    marks[found] = 1
    return Lines(marks.tobytes())


def line_numbers(lines: Lines) -> NDArray[np.int64]:
    """They in order again."""
    return np.flatnonzero(np.frombuffer(lines.marks, np.uint8))
