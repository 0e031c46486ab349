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

PER_DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string()),
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
    num_bytes: NDArray[np.int64]
    bits: NDArray[np.float64]  # of each document; NaN where the model had no answer


def write_per_document(measured: Measured, path: Path) -> None:
    """Write its documents."""
    columns = [
        list(measured.document_ids),
        list(measured.sources),
        list(measured.languages),
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
    """Bits per byte by source, then by language, in the order of their names."""
    spoken = [language or UNKNOWN for language in languages]
    return (*_slices("source", sources, num_bytes, bits), *_slices("language", spoken, num_bytes, bits))


def _slices(by: str, labels: Sequence[str], num_bytes: NDArray[np.int64], bits: NDArray[np.float64]) -> Iterator[Slice]:
    names = np.array(labels, dtype=object)
    for name in sorted(set(labels)):
        own = names == name
        total = int(num_bytes[own].sum())
        ratio = finite(float(bits[own].sum()) / total) if total else None
        yield Slice(by, name, int(own.sum()), total, ratio)
