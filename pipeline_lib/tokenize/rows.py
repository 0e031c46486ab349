"""Pack the tokens of many documents into rows of T+1, and write them as an Arrow IPC file.

The stream is d0 <|endoftext|> d1 <|endoftext|> ...; row i is stream[i*T : i*T + T+1], so that the last token of a row
is the first of the next: each token but the first is a target exactly once. The tail is filled up with <|pad|>.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.store.schemas import tokens_schema

ROWS_PER_BATCH = 4096


@dataclass(frozen=True)
class Packed:
    """A padded stream and where each document starts in it."""

    stream: NDArray[np.uint32]  # num_rows * T + 1 ids, or none at all
    starts: NDArray[np.int64]  # one a document
    num_tokens: int  # without padding
    sequence_length: int  # T

    @property
    def num_rows(self) -> int:
        """Rows of T+1 ids."""
        return max(0, len(self.stream) - 1) // self.sequence_length

    @property
    def num_pad_tokens(self) -> int:
        """Padding at the end of the last row."""
        return len(self.stream) - self.num_tokens


def pack(documents: Sequence[Sequence[int]], *, sequence_length: int, end_id: int, pad_id: int) -> Packed:
    """Join documents, each with `end_id` behind it, and pad the stream to full rows. No document gives no row."""
    lengths = np.array([len(ids) + 1 for ids in documents], np.int64)
    num_tokens = int(lengths.sum())
    num_rows = -(-(num_tokens - 1) // sequence_length) if num_tokens else 0
    stream = np.full(num_rows * sequence_length + 1 if num_rows else 0, pad_id, np.uint32)
    starts = np.cumsum(lengths) - lengths
    for start, ids in zip(starts, documents, strict=True):
        stream[start : start + len(ids)] = ids
        stream[start + len(ids)] = end_id
    return Packed(stream, starts, num_tokens, sequence_length)


def write_rows(packed: Packed, vocab_size: int, path: Path) -> None:
    """Write the rows as tokens.v1, in batches of at most 4096 rows."""
    row_tokens = packed.sequence_length + 1
    schema = tokens_schema(row_tokens, vocab_size)
    ids_type = schema.field("ids").type
    dtype = np.uint16 if ids_type.value_type == pa.uint16() else np.uint32
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for first in range(0, packed.num_rows, ROWS_PER_BATCH):
            last = min(first + ROWS_PER_BATCH, packed.num_rows)
            part = packed.stream[first * packed.sequence_length : last * packed.sequence_length + 1].astype(dtype)
            rows_RS = np.lib.stride_tricks.sliding_window_view(part, row_tokens)[:: packed.sequence_length]
            values = pa.array(np.ascontiguousarray(rows_RS).reshape(-1), ids_type.value_type)
            rows = pa.FixedSizeListArray.from_arrays(values, type=ids_type)
            writer.write_batch(pa.record_batch([rows], schema=schema))
