"""Which documents are shown as samples: of each reason, and of what is kept, those with the smallest ids.

Ids are hashes, so this is a fair draw that is the same each time, without dice; two draws merge to that of all.
"""

from dataclasses import dataclass
from heapq import nsmallest

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
    """Draws from the pieces of one shard."""

    text: Ref
    source: str
    at_most: int

    def dropped(self, stage: str, ledger: pa.Table, rows: Rows) -> Candidates:
        """Of each reason for which a stage has dropped something."""
        reasons = ledger["reason"].combine_chunks().dictionary_encode()
        codes = np.asarray(reasons.indices.fill_null(-1), np.int64)
        return {
            (stage, reason): self._first(ledger, rows, np.flatnonzero(codes == code))
            for code, reason in enumerate(reasons.dictionary.to_pylist())
        }

    def kept(self, ledger: pa.Table, rows: Rows, is_kept: Flags) -> Candidates:
        """Of what the last stage kept."""
        return {KEPT: self._first(ledger, rows, np.flatnonzero(is_kept))}

    def _first(self, ledger: pa.Table, rows: Rows, at: Numbers) -> list[Candidate]:
        ids = ledger["document_id"].combine_chunks().take(pa.array(at))
        return [
            Candidate(
                document_id=ids[place].as_py(),
                text=self.text,
                row=int(rows.places[at[place]]),
                source=self.source,
                language=rows.language(int(at[place])),
                failed=tuple(one["rule"] for one in ledger["failed"][int(at[place])].as_py() or ()),
            )
            for place in pc.sort_indices(ids)[: self.at_most].to_pylist()
        ]
