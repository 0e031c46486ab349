"""Train or held out: a place in [0, 1) by the name of a document, compared with a share when it is read.

The side is a hash of source and URL, not of the text: it stays when a text changes. What was held out at a small share
is held out at any larger one.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUM_SIDES: Final = 2**64


def side_of(source: str, url: str) -> int:
    """The place of a document, 0 to 2^64 - 1: xxh3_64 of source, NUL and URL."""
    import xxhash

    return xxhash.xxh3_64_intdigest(f"{source}\0{url}".encode())


def is_heldout(sides: "NDArray[np.uint64]", share: float) -> "NDArray[np.bool_]":
    """Which documents are held out at a share, 0 to 1."""
    heldout: NDArray[np.bool_] = sides < int(share * NUM_SIDES)  # numpy compares with 2^64 too, which is everything
    return heldout
