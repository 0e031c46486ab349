"""Token shards, tokens.v2: one row a document, memory-mapped; a million documents open in milliseconds.

    document_id   string
    side          uint64, see store/sides.py
    ids           list<uint16>, or list<uint32> where the vocabulary is larger; no special tokens
    mask          list<bool> of the same lengths: which tokens are targets; null means all

An Arrow IPC stream, whose batches are bounded by what the writer is given. The stream form, not the file form:
`datasets.Dataset.from_file` maps it, and `pyarrow.ipc.open_stream`. A stream that is cut between two batches reads as a
shorter one, so only files whose digest was compared are opened.
Context, packing, order and side are decided when it is read (model/reading).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.schemas import TOKENS

Ids = NDArray[np.uint16] | NDArray[np.uint32]
NUM_SMALL = 1 << 16  # ids below this fit into two bytes
ALL_TARGETS = -1  # in place of the start of a mask


def tokens_schema(vocab_size: int) -> pa.Schema:
    """tokens.v2 for a vocabulary of that size."""
    ids = pa.uint16() if vocab_size <= NUM_SMALL else pa.uint32()
    return pa.schema(
        [
            pa.field("document_id", pa.string(), nullable=False),
            pa.field("side", pa.uint64(), nullable=False),
            pa.field("ids", pa.list_(ids), nullable=False),
            pa.field("mask", pa.list_(pa.bool_())),
        ]
    )


class TokensWriter:
    """Writes a token shard piece by piece: each `write` is a record batch."""

    def __init__(self, path: Path, vocab_size: int) -> None:
        self.num_rows = 0
        self._schema = tokens_schema(vocab_size)
        self._file = pa.OSFile(str(path), "wb")
        self._stream = pa.ipc.new_stream(self._file, self._schema)

    def write(
        self,
        document_ids: Sequence[str],
        sides: Sequence[int],
        ids: Sequence[Sequence[int] | Ids],
        masks: Sequence[Sequence[bool] | None] | None = None,
    ) -> None:
        """Add documents; none adds nothing."""
        if not document_ids:
            return
        kind = _kind(self._schema)
        columns = [
            pa.array(document_ids, pa.string()),
            pa.array(sides, pa.uint64()),
            _lists(ids, kind),
            pa.array(masks or [None] * len(ids), pa.list_(pa.bool_())),
        ]
        self._stream.write_batch(pa.record_batch(columns, schema=self._schema))
        self.num_rows += len(document_ids)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._file.close()


def _kind(schema: pa.Schema) -> Any:
    """The type of the ids. (`to_pandas_dtype` would load pandas as well.)"""
    return np.uint16 if schema.field("ids").type.value_type == pa.uint16() else np.uint32


def _lists(ids: Sequence[Sequence[int] | Ids], kind: Any) -> pa.ListArray:
    """Ten times as fast as `pa.array` of lists, and more for arrays."""
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in ids])]).astype(np.int32)
    values = _joined((np.asarray(one, kind) for one in ids), kind)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


@dataclass(frozen=True)
class TokenShard:
    """A mapped token shard: nothing of `ids` is in memory before it is looked at. N documents."""

    document_ids: pa.ChunkedArray  # string[N]
    sides: NDArray[np.uint64]  # [N]
    starts: NDArray[np.int64]  # [N], places in `ids`
    lengths: NDArray[np.int64]  # [N]
    mask_starts: NDArray[np.int64]  # [N], places in `mask` in bits; ALL_TARGETS where all tokens are targets
    ids: Ids  # the whole file as ids
    mask: NDArray[np.uint8]  # the whole file as bytes

    def of(self, document: int) -> Ids:
        """The ids of one document, by its row: a view that cannot be written to."""
        start = self.starts[document]
        return self.ids[start : start + self.lengths[document]]

    def part(self, first: int, count: int) -> "TokenShard":
        """The rows first, ..., first + count - 1."""
        own = slice(first, first + count)
        return replace(
            self,
            document_ids=self.document_ids.slice(first, count),
            sides=self.sides[own],
            starts=self.starts[own],
            lengths=self.lengths[own],
            mask_starts=self.mask_starts[own],
        )


def open_tokens(path: Path) -> TokenShard:
    """Map a token shard. Raises `DataError` for what is no whole stream of tokens.v2."""
    try:
        file = pa.memory_map(str(path)).read_buffer()
        reader = pa.ipc.open_stream(file)
        batches = list(reader)
    except (pa.ArrowInvalid, OSError) as exc:
        raise DataError(f"{path}: is not a whole Arrow stream. Delete its folder and run again.") from exc
    if reader.schema not in (tokens_schema(NUM_SMALL), tokens_schema(NUM_SMALL + 1)):
        raise DataError(f"{path}: is not {TOKENS} but holds {reader.schema.names}. Delete its folder and run again.")
    kind = _kind(reader.schema)
    return TokenShard(
        document_ids=pa.chunked_array([batch.column("document_id") for batch in batches], pa.string()),
        sides=_joined((numbers(batch.column("side"), np.uint64) for batch in batches), np.uint64),
        starts=_joined((_starts(file, batch.column("ids"), kind) for batch in batches), np.int64),
        lengths=_joined((np.diff(_offsets(batch.column("ids"))) for batch in batches), np.int64),
        mask_starts=_joined((_mask_starts(file, batch, path) for batch in batches), np.int64),
        ids=np.frombuffer(file, kind, count=file.size // np.dtype(kind).itemsize),
        mask=np.frombuffer(file, np.uint8),
    )


def numbers(array: pa.Array, kind: Any) -> NDArray[Any]:
    """What an Arrow array without nulls holds, as it lies there. (`to_numpy` would load pandas: 0.4 s a process.)"""
    return np.frombuffer(array.buffers()[1], kind, count=array.offset + len(array))[array.offset :]


def _joined(parts: Iterable[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts]).astype(kind, copy=False)


def _offsets(lists: pa.ListArray) -> NDArray[np.int64]:
    return numbers(lists.offsets, np.int32).astype(np.int64)


def _starts(file: pa.Buffer, lists: pa.ListArray, kind: Any) -> NDArray[np.int64]:
    """Places of the lists in the file, counted in ids: the bodies of messages begin at multiples of 8 bytes."""
    if not len(lists.values):
        return np.zeros(len(lists), np.int64)
    first: int = (lists.values.buffers()[1].address - file.address) // np.dtype(kind).itemsize
    return first + _offsets(lists)[:-1]


def _mask_starts(file: pa.Buffer, batch: pa.RecordBatch, path: Path) -> NDArray[np.int64]:
    masks = batch.column("mask")
    if masks.null_count == len(masks):
        return np.full(len(masks), ALL_TARGETS, np.int64)
    is_there = numbers(masks.is_valid().cast(pa.uint8()), np.bool_)
    offsets = _offsets(masks)
    if np.any((np.diff(offsets) != np.diff(_offsets(batch.column("ids")))) & is_there):
        raise DataError(f"{path}: a mask has another length than its document. Delete its folder and run again.")
    first: int = 8 * (masks.values.buffers()[1].address - file.address)
    return np.where(is_there, first + offsets[:-1], ALL_TARGETS)
