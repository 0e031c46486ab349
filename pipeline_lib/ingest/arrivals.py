"""The shares under which documents first arrived, where their file does not say it.

A document whose url is a path, or a part of one, is always in that file, and the file keeps the share (history.py). A
record with a url of its own, a row of a table say, may leave one file and come back in another; so the number of its
place is kept with the share that was in force when it first arrived. 16 bytes each, for good: it may be away for years.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.ingest.naming import escape
from pipeline_lib.ingest.tables import ARRIVALS_SCHEMA
from pipeline_lib.store.sides import sides_of
from pipeline_lib.store.tokens import numbers


@dataclass(frozen=True)
class Arrivals:
    """Places by their numbers, in the order of these, each with its first share."""

    sides: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))  # [P], each once
    shares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0, np.float64))  # [P]

    @classmethod
    def of(cls, tables: Iterable[pa.Table]) -> Self:
        """Those of several tables of ARRIVALS_SCHEMA, oldest first: of a place that is there twice the first counts."""
        parts = [table for table in tables if table.num_rows]
        if not parts:
            return cls()
        every = pa.concat_tables(parts).combine_chunks()
        sides, first = np.unique(numbers(every["side"].chunk(0), np.uint64), return_index=True)
        return cls(sides, numbers(every["heldout_share"].chunk(0), np.float64)[first])

    def __bool__(self) -> bool:
        return len(self.sides) > 0

    @property
    def table(self) -> pa.Table:
        """The same, to be kept."""
        return pa.table([self.sides, self.shares], schema=ARRIVALS_SCHEMA)

    def shares_of(self, source: str, urls: Sequence[str]) -> NDArray[np.float64]:
        """The share of each of these places; NaN for one that was never there."""
        if not self:
            return np.full(len(urls), np.nan)
        wanted = sides_of([source] * len(urls), urls)
        at = np.minimum(np.searchsorted(self.sides, wanted), len(self.sides) - 1)
        return np.where(self.sides[at] == wanted, self.shares[at], np.nan)


def is_own(url: str, path: str) -> bool:
    """Whether a url is a record's own, and not that of its file or of a part of it."""
    place = escape(path)
    return url != place and not url.startswith(f"{place}#")


def own_arrivals(source: str, ledger: pa.Table, share: float) -> pa.Table:
    """The documents of a ledger (`url`, `file`) that have urls of their own, as they arrived under this share."""
    places = zip(ledger["url"].to_pylist(), ledger["file"].to_pylist(), strict=True)
    urls = [url for url, path in places if is_own(url, path)]
    return pa.table([sides_of([source] * len(urls), urls), np.full(len(urls), share)], schema=ARRIVALS_SCHEMA)
