"""The texts that are compared: opened where the index says they lie, and only the row groups that hold them.

The text of an earlier document may be gone, since raw and clean text may be released once a batch is closed. Then a new
document that has the same text still goes, for the ids of their contents are equal; one that is only near to it cannot
be verified, and stays. No estimate takes the place of the Jaccard: a document that goes is always like one that stays.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.dedup.entries import Entries
from pipeline_lib.dedup.settings import ChineseScripts
from pipeline_lib.dedup.texts import ShingleSets, normalize, shingle_sets
from pipeline_lib.store.tables import opened

# Gives the verified documents.parquet of a clean.text shard by its fingerprint; None: it was released.
OpenText = Callable[[str], Path | None]


@dataclass(frozen=True)
class Compared:
    """The shingle sets of all entries: empty for those that are not compared, and for those whose text is gone."""

    sets: ShingleSets
    num_gone: int


def read_sets(
    entries: Entries,
    wanted: NDArray[np.int64],
    open_text: OpenText,
    *,
    shingle_tokens: int,
    chinese_scripts: ChineseScripts,
) -> Compared:
    """The shingle sets of the `wanted` entries, which are in rising order."""
    sizes = np.zeros(len(entries), np.int64)
    values = [np.empty(0, np.uint64)]
    num_gone = 0
    for run in _runs(entries, wanted):
        path = open_text(entries.shards[entries.numbers[run[0]]])
        if path is None:
            num_gone += len(run)
            continue
        for members, texts in _read(entries, run, path):
            sets = shingle_sets(normalize(texts, chinese_scripts), shingle_tokens)
            sizes[members] = np.diff(sets.offsets)
            values.append(sets.values)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return Compared(ShingleSets(np.concatenate(values), offsets), num_gone)


def _runs(entries: Entries, wanted: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The wanted entries in runs of rising rows of one shard."""
    is_border = (np.diff(entries.numbers[wanted]) != 0) | (np.diff(entries.rows[wanted]) <= 0)
    runs = np.split(wanted, np.flatnonzero(is_border) + 1)
    return (run for run in runs if len(run))


def _read(entries: Entries, run: NDArray[np.int64], path: Path) -> Iterator[tuple[NDArray[np.int64], pa.ChunkedArray]]:
    """Row group by row group: which entries of the run it holds, and their texts."""
    rows = entries.rows[run].astype(np.int64)
    with opened(path) as file:
        counts = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        groups = np.searchsorted(starts, rows, side="right") - 1
        for group in np.unique(groups).tolist():
            members, places = run[groups == group], rows[groups == group] - starts[group]
            if group == len(counts):
                raise _other_documents(path)
            piece = file.read_row_group(group, columns=["document_id", "text"], use_threads=False)
            found = piece.take(pa.array(places))
            if not _combined(found["document_id"]).equals(entries.document_ids.take(pa.array(members))):
                raise _other_documents(path)
            yield members, found["text"]


def _combined(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks)


def _other_documents(path: Path) -> DataError:
    return DataError(f"{path}: does not hold the documents that were sketched. Delete the sketches and run again.")
