"""Which side a document is on: learned from, or held out to judge models on. One function for all who ask.

The side is a number of the document's place (xxh3_64 of source, NUL, url), compared with the share that was in force
when its batch arrived. So an edited document stays on its side, shards that are put together anew change nothing, and
a document that was learned from is never judged on. tokens.v2 stores the number; the share is kept with the batch.

    is_held_out = number / 2^64 < share
"""

import math
from collections.abc import Iterable

import numpy as np
import xxhash
from numpy.typing import NDArray

NUM_SIDES = 2**64


def side_of(source: str, url: str) -> int:
    """The number of a place, uniform in [0, 2^64)."""
    return xxhash.xxh3_64_intdigest(f"{source}\0{url}".encode())


def sides_of(sources: Iterable[str], urls: Iterable[str]) -> NDArray[np.uint64]:
    """The numbers of many places."""
    return np.array([side_of(source, url) for source, url in zip(sources, urls, strict=True)], dtype=np.uint64)


def is_held_out(sides: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    """Whether each document is held out at this share, 0..1. Exact: the share is made a whole number, not the side."""
    limit = math.ceil(share * NUM_SIDES)
    return np.ones(len(sides), np.bool_) if limit >= NUM_SIDES else sides < np.uint64(limit)
