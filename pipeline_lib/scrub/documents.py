"""A table of documents without personal data: what becomes of its columns, which documents go, and its ledger.

Ids, source and url stay as they are: they name the document. All else that people wrote is looked at like the text.
N documents, K kinds.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.scrub.settings import KINDS
from pipeline_lib.scrub.strings import Counts, Scrubber
from pipeline_lib.store.schemas import FAILED_TYPE, LEDGER_SCHEMA

SCRUBBED = ("text", "title", "licence", "metadata", "messages")
SCRUB_LEDGER_SCHEMA = pa.schema([*LEDGER_SCHEMA, *(pa.field(f"num_{kind}", pa.int32()) for kind in KINDS)])


@dataclass(frozen=True)
class Scrubbed:
    """What became of a table of documents."""

    kept: pa.Table  # documents.v2
    ledger: pa.Table  # a row for each document
    counts: Counts  # [N, K]
    fails: NDArray[np.bool_]  # [N, K]: it holds a kind that takes the document out


def scrub_documents(scrubber: Scrubber, documents: pa.Table) -> Scrubbed:
    """Scrub the documents of a documents.v2 table."""
    counts = np.zeros((len(documents), len(KINDS)), np.int32)
    for name in SCRUBBED:
        place = documents.schema.get_field_index(name)
        column = documents.column(place)
        if column.null_count == len(column):
            continue
        changed, found = scrubber.scrub(pa.concat_arrays(column.chunks))
        documents = documents.set_column(place, documents.field(place), changed)
        counts += found
    is_forbidden = np.array([scrubber.settings.action(kind) == "drop" for kind in KINDS])
    fails = (counts > 0) & is_forbidden
    kept = documents.filter(pa.array(~fails.any(axis=1)))
    return Scrubbed(kept, _ledger(documents["document_id"], counts, fails), counts, fails)


def dropped_by_reason(fails: NDArray[np.bool_]) -> dict[str, int]:
    """How many documents go for each reason: the first kind that takes them out."""
    numbers = np.bincount(fails.argmax(axis=1)[fails.any(axis=1)], minlength=len(KINDS))
    return {f"has_{kind}": int(number) for kind, number in zip(KINDS, numbers, strict=True) if number}


def _ledger(ids: pa.ChunkedArray, counts: Counts, fails: NDArray[np.bool_]) -> pa.Table:
    is_kept = ~fails.any(axis=1)
    reasons = np.array([f"has_{kind}" for kind in KINDS])[fails.argmax(axis=1)]
    columns = [
        ids,
        pa.array(is_kept),
        pa.array(reasons, pa.string(), mask=is_kept),
        _failed(counts, fails),
        *(pa.array(counts[:, place]) for place in range(len(KINDS))),
    ]
    return pa.table(columns, schema=SCRUB_LEDGER_SCHEMA)


def _failed(counts: Counts, fails: NDArray[np.bool_]) -> pa.Array:
    """All failing rules of each document: more than 0 values of a kind."""
    rows, kinds = np.nonzero(fails)  # in order of rows
    rules = pa.array(np.array([f"has_{kind}.v1" for kind in KINDS])[kinds], pa.string())
    columns = [rules, pa.array(counts[rows, kinds].astype(np.float64)), pa.array(np.zeros(len(rows)))]
    entries = pa.StructArray.from_arrays(columns, fields=list(FAILED_TYPE.value_type))
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(fails.sum(axis=1), dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), entries, type=FAILED_TYPE)
