"""MurmurHash3's 64-bit finalizer in compiled code, and hashes of bytes by it: eight at a time."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled

MIX_1, MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)  # fmix64
S33 = np.uint64(33)
_1, _2, _3, _4, _5, _6, _7, _8 = (np.uint64(number) for number in range(1, 9))
_S8, _S16, _S24, _S32, _S40, _S48, _S56 = (np.uint64(8 * number) for number in range(1, 8))


@compiled
def mix64(value: np.uint64) -> np.uint64:
    """Spread every bit over all 64: a bijection."""
    value = (value ^ (value >> S33)) * MIX_1
    value = (value ^ (value >> S33)) * MIX_2
    return value ^ (value >> S33)


@compiled
def mix_in(value: np.uint64, more: np.uint64) -> np.uint64:
    """A hash with eight more bytes in it: the half of `mix64`, which a hash ends with."""
    value = (value ^ more) * MIX_1
    return value ^ (value >> S33)


@compiled
def hash_bytes(text: npt.NDArray[np.uint8], first: Any, last: Any) -> np.uint64:
    """The hash of a range of bytes; what follows from its last eight may be mixed in twice."""
    value, at, end = np.uint64(last - first) * MIX_2, np.uint64(first), np.uint64(last)
    if at + _8 > end:
        packed = np.uint64(0)
        while at < end:
            packed = packed << _S8 | np.uint64(text[at])
            at += _1
        return mix64(mix_in(value, packed))
    while at + _8 < end:
        value = mix_in(value, _eight_bytes(text, at))
        at += _8
    return mix64(mix_in(value, _eight_bytes(text, end - _8)))


@compiled
def _eight_bytes(text: npt.NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Eight bytes in one number. A place that has no sign spares the look at whether it counts from the end; so this
    becomes one instruction."""
    low = np.uint64(text[at]) | np.uint64(text[at + _1]) << _S8
    low |= np.uint64(text[at + _2]) << _S16 | np.uint64(text[at + _3]) << _S24
    high = np.uint64(text[at + _4]) << _S32 | np.uint64(text[at + _5]) << _S40
    return low | high | np.uint64(text[at + _6]) << _S48 | np.uint64(text[at + _7]) << _S56
