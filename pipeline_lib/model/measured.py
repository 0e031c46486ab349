"""A measured model, document by document: what evaluate writes and the gate compares.

scores.json             model/records.py:Scores
per_document.parquet    one row a document, in the order of their ids: whatever is asked of a slice can be computed
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.records import Scores, Slice, finite, read_scores
from pipeline_lib.store.tables import read_table, write_parquet

UNKNOWN = "unknown"
LENGTH_LIMITS = (1_000, 4_000)  # bytes of what is scored of a document
LENGTHS = ("under 1 kB", "1 to 4 kB", "from 4 kB")

PER_DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("block", pa.int64(), nullable=False),  # equal where documents belong together (paired.py)
        pa.field("num_bytes", pa.int64(), nullable=False),  # UTF-8, of what was scored of the document
        pa.field("bits", pa.float64(), nullable=False),  # NaN when the model has no answer
    ]
)


@dataclass(frozen=True)
class Measured:
    """One candidate on one benchmark."""

    scores: Scores
    document_ids: tuple[str, ...]
    sources: tuple[str, ...]
    languages: tuple[str | None, ...]
    blocks: NDArray[np.int64]
    num_bytes: NDArray[np.int64]
    bits: NDArray[np.float64]  # of each document; NaN where the model had no answer


def write_per_document(measured: Measured, path: Path) -> None:
    """Write its documents."""
    columns = [
        list(measured.document_ids),
        list(measured.sources),
        list(measured.languages),
        measured.blocks,
        measured.num_bytes,
        measured.bits,
    ]
    write_parquet(pa.table(columns, schema=PER_DOCUMENT_SCHEMA), path)


def read_measured(scores: Path, per_document: Path) -> Measured:
    """What evaluate wrote. Raises `DataError` when it cannot be read."""
    try:
        table = read_table(per_document, PER_DOCUMENT_SCHEMA.names)
        return Measured(
            scores=read_scores(scores),
            document_ids=tuple(table["document_id"].to_pylist()),
            sources=tuple(table["source"].to_pylist()),
            languages=tuple(table["language"].to_pylist()),
            blocks=table["block"].to_numpy(),
            num_bytes=table["num_bytes"].to_numpy(),
            bits=table["bits"].to_numpy(),
        )
    except (OSError, ValueError, KeyError) as exc:
        raise DataError(f"{per_document}: the scores cannot be read. Delete the folder and run again.") from exc


def slices_of(
    sources: Sequence[str],
    languages: Sequence[str | None],
    num_bytes: NDArray[np.int64],
    bits: NDArray[np.float64],
) -> tuple[Slice, ...]:
    """Bits per byte by source, by language, then by length."""
    return tuple(
        _slice(by, name, num_bytes[own], bits[own]) for by, name, own in parts_of(sources, languages, num_bytes)
    )


def parts_of(
    sources: Sequence[str], languages: Sequence[str | None], num_bytes: NDArray[np.int64]
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """What the documents are told apart by, the name of each part of them, and which documents it has, bool[N].

    Sources and languages in the order of their names, lengths from short to long; no part is empty.
    """
    spoken = [language or UNKNOWN for language in languages]
    for by, labels in (("source", sources), ("language", spoken)):
        names = np.array(labels, dtype=object)
        yield from ((by, name, names == name) for name in sorted(set(labels)))
    places = np.searchsorted(LENGTH_LIMITS, num_bytes, side="right")
    yield from (("length", LENGTHS[place], places == place) for place in np.unique(places))


def _slice(by: str, name: str, num_bytes: NDArray[np.int64], bits: NDArray[np.float64]) -> Slice:
    total = int(num_bytes.sum())
    return Slice(by, name, len(bits), total, finite(float(bits.sum()) / total) if total else None)
