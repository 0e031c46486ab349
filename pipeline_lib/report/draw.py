"""Which documents are shown as samples: of each reason, and of what is kept, those with the smallest ids.

Ids are hashes, so this is a fair draw that is the same each time, without dice; two draws merge to that of all.
"""

from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.report.rows import Flags, Numbers, Rows
from pipeline_lib.store.artifact import Ref

KEPT = ("", "")  # in the place of stage and reason, of a document that all stages kept


@dataclass(frozen=True, order=True)
class Candidate:
    """A document that may be shown."""

    document_id: str
    text: Ref  # of clean.text
    row: int
    source: str
    language: str
    failed: tuple[str, ...] = ()  # rules


Candidates = dict[tuple[str, str], list[Candidate]]  # by stage and reason


def merged(one: Candidates, other: Candidates, at_most: int) -> Candidates:
    """The first of both."""
    names = one.keys() | other.keys()
    return {name: nsmallest(at_most, [*one.get(name, ()), *other.get(name, ())]) for name in sorted(names)}


@dataclass(frozen=True)
class Draw:
    """Draws from one shard."""

    ids: pa.Array  # of all its documents
    text: Ref
    source: str
    at_most: int

    def dropped(self, stage: str, ledger: pa.Table, rows: Rows, is_kept: Flags) -> Candidates:
        """Of each reason for which a stage has dropped something."""
        if is_kept.all() or not self.at_most:
            return {}
        reasons = ledger["reason"].combine_chunks().dictionary_encode()
        codes = np.asarray(reasons.indices.fill_null(-1), np.int64)
        return {
            (stage, reason): self._first(rows, np.flatnonzero(codes == code), ledger["failed"])
            for code, reason in enumerate(reasons.dictionary.to_pylist())
        }

    def kept(self, rows: Rows) -> Candidates:
        """Of what all stages kept."""
        return {KEPT: self._first(rows, np.arange(len(rows.places)), None)} if self.at_most else {}

    def _first(self, rows: Rows, at: Numbers, failed: Any) -> list[Candidate]:
        ids = self.ids.take(pa.array(rows.places[at]))
        return [
            Candidate(
                document_id=ids[place].as_py(),
                text=self.text,
                row=int(rows.places[at[place]]),
                source=self.source,
                language=rows.language(at[place]),
                failed=() if failed is None else tuple(one["rule"] for one in failed[int(at[place])].as_py() or ()),
            )
            for place in pc.sort_indices(ids)[: self.at_most].to_pylist()
        ]
