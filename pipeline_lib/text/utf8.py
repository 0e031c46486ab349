"""UTF-8 in compiled code: bytes that Arrow has checked in, code points out, and back.

Nothing here looks for errors: a byte that begins a character is followed by the rest of it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled

Bytes = npt.NDArray[np.uint8]
Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
MOST_COUNTED = 1 << 15  # in 16 bits, of which a register holds four times as many as of 64


@compiled
def decode(text: Bytes, at: Integer) -> tuple[Integer, Integer]:
    """The code point that starts at a byte, and its width in bytes."""
    first = np.int64(text[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | text[at + 1] & 0x3F, 2
    if first < 0xF0:
        return (first & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | text[at + 2] & 0x3F, 3
    high = (first & 0x07) << 18 | (text[at + 1] & 0x3F) << 12
    return high | (text[at + 2] & 0x3F) << 6 | text[at + 3] & 0x3F, 4


@compiled
def encode(code: Integer, out: Bytes, at: Integer) -> Integer:
    """Write a code point at a place; its width in bytes."""
    if code < 0x80:
        out[at] = code
        return 1
    if code < 0x800:
        out[at], out[at + 1] = 0xC0 | code >> 6, 0x80 | code & 0x3F
        return 2
    if code < 0x10000:
        out[at], out[at + 1], out[at + 2] = 0xE0 | code >> 12, 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F
        return 3
    out[at], out[at + 1] = 0xF0 | code >> 18, 0x80 | code >> 12 & 0x3F
    out[at + 2], out[at + 3] = 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F
    return 4


@compiled
def num_followers(text: Bytes, first: Integer, last: Integer) -> Integer:
    """Bytes of a range that do not begin a character: 10 GB/s."""
    total: Integer = 0
    for begin in range(first, last, MOST_COUNTED):
        count = np.uint16(0)
        for byte in text[begin : min(begin + MOST_COUNTED, last)]:
            count = np.uint16(count + (byte & 0xC0 == 0x80))
        total += count
    return total


@compiled
def behind_characters(text: Bytes, at: Integer, num_chars: Integer) -> Integer:
    """The byte behind so many characters from the one that begins there; as many are there.

    So many characters are so many bytes at least: those that begin in these are counted, and the rest goes on from
    there, until the next byte would be the first of one too many.
    """
    while num_chars > 0:
        num_begun = num_chars - num_followers(text, at, at + num_chars)
        at += num_chars
        num_chars -= num_begun
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return at
