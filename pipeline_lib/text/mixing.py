"""MurmurHash3's 64-bit finalizer in compiled code."""

import numpy as np

from pipeline_lib.base.compiled import compiled

MIX_1, MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)  # fmix64
S33 = np.uint64(33)


@compiled
def mix64(value: np.uint64) -> np.uint64:
    """Spread every bit over all 64: a bijection."""
    value = (value ^ (value >> S33)) * MIX_1
    value = (value ^ (value >> S33)) * MIX_2
    return value ^ (value >> S33)
