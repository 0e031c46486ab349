"""What earlier batches left: their documents that stand, oldest first, as one table or in segments.

A *segment* is what some batches in a row left: `index.parquet`, and `withdrawn.parquet`, the documents of batches
before it that left their sources in it. A decided batch is a segment; `merge` makes one of several. So the past of a
batch is one segment or a short list of them, as deep as its owner likes (with 2^k batches in each of log n segments a
batch is merged log n times), and it says the same however it was merged, since

    merge(a, b) = a without what b withdrew, then b            merge(merge(a, b), c) = merge(a, merge(b, c))

A withdrawal concerns what is before it only: the same text may be back under the same id later, and counts there.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.dedup.candidates import num_keys
from pipeline_lib.dedup.entries import Entries, from_index
from pipeline_lib.dedup.marks import mark, may_share
from pipeline_lib.dedup.schemas import INDEX_FILE, INDEX_SCHEMA, WITHDRAWN_FILE, WITHDRAWN_SCHEMA
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.tables import PIECE_ROWS, TableWriter, iterate, num_rows, read_table, write_parquet


@dataclass(frozen=True)
class Segment:
    """The two files of a segment."""

    index: Path
    withdrawn: Path


def read_earlier(
    settings: DedupSettings, segments: Sequence[Segment], withdrawn: Collection[str], batch: Entries
) -> Entries:
    """Of what stands before `batch`, which withdraws `withdrawn`: documents that may share a text or a key with it."""
    marks = mark(_places(batch))
    width = num_keys(settings)
    found = [INDEX_SCHEMA.empty_table()]
    for piece in _in_pieces(_standing(segments, withdrawn)):
        found.append(piece.filter(pa.array(may_share(marks, _places(from_index(piece, width))))))
    return from_index(pa.concat_tables(found), width)


def merge(segments: Sequence[Segment], folder: Path, *, is_oldest: bool) -> Outcome:
    """Write the segment that stands for all of these, oldest first.

    Where nothing lies before it (`is_oldest`) what it withdrew is done with.
    """
    with TableWriter(folder / INDEX_FILE, INDEX_SCHEMA) as writer:
        for piece in _in_pieces(_standing(segments, ())):
            writer.write(piece)
    withdrawn = set() if is_oldest else {name for segment in segments for name in read_ids(segment.withdrawn)}
    write_ids(withdrawn, folder / WITHDRAWN_FILE)
    rows_in = sum(num_rows(segment.index) for segment in segments)
    num_left = rows_in - writer.num_rows
    return Outcome(
        rows_in=rows_in,
        rows_out=writer.num_rows,
        dropped={"withdrawn": num_left} if num_left else {},
        file_rows={INDEX_FILE: writer.num_rows, WITHDRAWN_FILE: len(withdrawn)},
    )


def read_ids(path: Path) -> list[str]:
    """The document ids of a table."""
    ids: list[str] = read_table(path, ["document_id"])["document_id"].to_pylist()
    return ids


def write_ids(ids: Collection[str], path: Path) -> None:
    """Write document ids, in the order of their names."""
    write_parquet(pa.table({"document_id": sorted(ids)}, schema=WITHDRAWN_SCHEMA), path)


def _places(entries: Entries) -> NDArray[np.uint32]:
    """What two documents share when they may be alike: a key, or half of the content id; uint32[D, K + 1]."""
    return np.column_stack([entries.keys, entries.contents[:, 0].astype(np.uint32)])


def _standing(segments: Sequence[Segment], withdrawn: Collection[str]) -> Iterator[pa.Table]:
    """The documents of all segments that neither a later segment nor `withdrawn` withdrew, in pieces."""
    left = [set(withdrawn)]
    for segment in reversed(segments[1:]):
        left.append(left[-1] | set(read_ids(segment.withdrawn)))
    for segment, gone in zip(segments, reversed(left[: len(segments)]), strict=True):
        names = pa.array(sorted(gone), pa.string())
        for piece in iterate(segment.index):
            yield piece.filter(pc.invert(pc.is_in(piece["document_id"], names))) if gone else piece


def _in_pieces(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of `PIECE_ROWS` and more: the documents of many small batches are one row group."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(map(len, held)) >= PIECE_ROWS:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)
