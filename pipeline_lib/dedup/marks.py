"""Which rows of a long index may matter to a batch: a bit is set for each key that the batch has, column by column.

Tables are made once for a batch, whatever number of earlier batches is asked, and are as large as the batch needs:
about a thousand bits a key, at most 2 MiB a column (2^24 bits), so that they stay in the processor's cache. A row too
many (one in 50 of those that share nothing, with 20 keys; nearly half of them beside a batch of half a million
documents) does no harm, because candidates are compared by whole keys; none is overlooked.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.arrays import read_only
from pipeline_lib.base.compiled import compiled

U32 = NDArray[np.uint32]
Marks = NDArray[np.uint8]  # uint8[K, 2^width / 8]

BITS_A_KEY = 1024
MIN_WIDTH, MAX_WIDTH = 10, 24


def mark(keys: U32) -> Marks:
    """The marks of a batch, from its keys uint32[D, K]."""
    width = (len(keys) * BITS_A_KEY).bit_length()
    bits = np.zeros((keys.shape[1], (1 << min(max(width, MIN_WIDTH), MAX_WIDTH)) // 8), np.uint8)
    _set_bits(read_only(keys), bits)
    return bits


def may_share(marks: Marks, keys: U32) -> NDArray[np.bool_]:
    """Whether each row of `keys`, uint32[M, K], may have a key of the marked batch in the same column, bool[M]."""
    shares = np.zeros(len(keys), np.bool_)
    _look_up(read_only(keys), marks, shares)
    return shares


@compiled
def _set_bits(keys: U32, bits: Marks) -> None:
    low = np.uint32(bits.shape[1] * 8 - 1)
    for row in range(keys.shape[0]):
        for column in range(keys.shape[1]):
            place = keys[row, column] & low
            bits[column, place >> 3] |= np.uint8(1 << (place & 7))


@compiled
def _look_up(keys: U32, bits: Marks, shares: NDArray[np.bool_]) -> None:
    low = np.uint32(bits.shape[1] * 8 - 1)
    for row in range(keys.shape[0]):
        for column in range(keys.shape[1]):
            place = keys[row, column] & low
            if bits[column, place >> 3] >> (place & 7) & 1:
                shares[row] = True
                break
