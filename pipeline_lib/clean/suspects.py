"""Which texts repair has to look at, in compiled code: those that hold one sign of damage, or two that make one.

A text of ASCII without control characters, which most are, is passed over 32 bytes at a time (10 GB/s); the others are
read sign by sign, with a table by code point (500 MB/s). RE2 went through all of them at 400 MB/s.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.language_sample import Counts
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.utf8 import MOST_COUNTED, Bytes, Integer, decode

ALONE, LEADS, FOLLOWS = 1, 2, 4  # a sign of damage; the first, and the second, of two that are one
_BLANK, _TAB, _NEWLINE, _DELETE = map(np.uint8, b" \t\n\x7f")

Flags = npt.NDArray[np.bool_]


def hold_damage(texts: pa.LargeStringArray, kinds: Bytes) -> Flags:
    """Whether each text holds a sign of the kind ALONE, or one that LEADS and behind it one that FOLLOWS.

    `kinds`: flags by code point, for ASCII ALONE at most, and at all control characters but tab and newline; what lies
    above the table has none.
    """
    found = np.zeros(len(texts), np.bool_)
    data, offsets = buffers_of(texts)
    _fill(data, offsets, kinds, found)
    return found


@compiled
def _fill(data: Bytes, offsets: Counts, kinds: Bytes, found: Flags) -> None:
    for i in range(len(found)):
        text = data[offsets[i] : offsets[i + 1]]
        found[i] = _is_odd(text) and _holds_damage(text, kinds)


@compiled
def _is_odd(text: Bytes) -> bool:
    """Whether there is more in it than printable ASCII, tabs and newlines."""
    for begin in range(0, len(text), MOST_COUNTED):
        count = np.uint16(0)
        for byte in text[begin : begin + MOST_COUNTED]:
            is_control = (byte < _BLANK) & (byte != _TAB) & (byte != _NEWLINE)
            count = np.uint16(count + (is_control | (byte >= _DELETE)))
        if count > 0:
            return True
    return False


@compiled
def _holds_damage(text: Bytes, kinds: Bytes) -> bool:
    at: Integer = 0
    wanted: Integer = ALONE
    while at < len(text):
        point, width = np.int64(text[at]), 1
        if point >= 0x80:
            point, width = decode(text, at)
        kind = np.int64(kinds[point]) if point < len(kinds) else 0
        if kind & wanted:
            return True
        wanted = ALONE | FOLLOWS if kind & LEADS else ALONE
        at += width
    return False
