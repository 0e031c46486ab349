"""Compiled half of the n-gram models: texts as characters of two scripts, and the bits that they take by a model.

A character is folded (lower case; a digit counts as 0; white space in a row as one blank), and belongs to one of two
scripts: Han, with kana and full-width signs, and all others. What stands before a character is looked at as far back as
its script goes, so the two are models of their own in one table, and neither makes the other odd.

The bits of a character behind its context of up to ORDER - 1 characters: those of the longest n-gram that the table
has, and behind each longer context that it has those of going back one step. All are whole numbers of 1 / UNIT bit, so
that sums are the same on every machine. A row of the table: check (32 bits), bits of the n-gram (16), bits of going
back from it as a context (16); 0 is empty.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.kernel import BREAK, SPACE, SYMBOL
from pipeline_lib.text.utf8 import decode

ORDER = 4  # characters of the longest n-grams: 5 cost a third of the speed, and tell quality by .004 better
UNIT = 1024  # of a bit
OTHER, HAN = 0, 1  # scripts
SCRIPTS = ("other", "han")
BLANK = 32

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_32, _16, _LOW, _ONE = np.uint64(32), np.uint64(16), np.uint64(0xFFFF), np.uint64(1)

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
Slots = npt.NDArray[np.uint64]


@compiled
def read(text: Bytes, classes: Bytes, folds: Points, points: Points, scripts: Bytes) -> Integer:
    """The folded characters of a text and their scripts, in `points` and `scripts`; how many there are."""
    number, at, before = 0, 0, BLANK
    while at < len(text):
        point, script, _, at = _next(text, at, classes, folds)
        if point == BLANK and before == BLANK:
            continue
        points[number], scripts[number] = point, script
        number, before = number + 1, point
    return number


@compiled
def measure(
    data: Bytes, offsets: Counts, classes: Bytes, folds: Points, slots: Slots, unknown: Counts, sums: Counts
) -> None:
    """Fill for each document data[offsets[i]:offsets[i + 1]] sums[i]: bits in UNITs, bytes that these are of, others.

    `unknown`: of each script the bits of a character that the table has not; -1: the script is not measured.
    """
    contexts = np.zeros(ORDER + 1, np.uint64)
    for i in range(len(sums)):
        text, at, before, script_before, length, back = data[offsets[i] : offsets[i + 1]], 0, BLANK, -1, 0, 0
        while at < len(text):
            point, script, width, at = _next(text, at, classes, folds)
            if point == BLANK and before == BLANK:
                continue
            before = point
            if unknown[script] < 0:
                sums[i, 2] += width
                script_before = -1
                continue
            if script != script_before:
                length, script_before = 0, script
            bits, length, back = _bits_of(point, length, back, contexts, slots, unknown[script])
            sums[i, 0] += bits
            sums[i, 1] += width


@compiled
def _next(text: Bytes, at: Integer, classes: Bytes, folds: Points) -> tuple[Integer, Integer, Integer, Integer]:
    """The folded character at a byte, its script, the bytes that it counts for, and where the next one begins."""
    point, width = decode(text, at)
    kind = np.int64(classes[point]) if point < len(classes) else SYMBOL
    if kind == SPACE:
        return BLANK, OTHER, 1, at + width
    small = np.int64(folds[point]) if point < len(folds) else point
    return small, HAN if kind >= BREAK else OTHER, width, at + width


@compiled
def _bits_of(
    point: Integer, length: Integer, back: Integer, contexts: Slots, slots: Slots, unknown: Integer
) -> tuple[Integer, Integer, Integer]:
    """The bits of a character behind a context that the table has `length` characters of.

    `contexts[k]` is the hash of the last k characters, and is brought up to date; `back` are the bits of going back
    from all of them. With the bits come how many characters the table has now, this one included, and what going back
    from these takes. One n-gram is looked up, and for each step back one more, behind the first with its context.
    """
    bits, first = 0, min(length + 1, ORDER)
    for n in range(first, 0, -1):
        value = joined(contexts[n - 1], point)
        found = _find(value, slots)
        if found >= 0:
            for k in range(n - 1, 0, -1):
                contexts[k + 1] = value
                value = joined(contexts[k - 1], point)
            contexts[1] = value
            return bits + (found >> 16), n, found & 0xFFFF
        if n > length and n > 1:
            bits += back
        elif n > 1:
            bits += max(_find(contexts[n - 1], slots), 0) & 0xFFFF
    return bits + unknown, 0, 0


@compiled
def _find(value: Integer, slots: Slots) -> Integer:
    """The bits of an n-gram, and in the lower half those of going back from it; -1: the table has it not."""
    mask, check = np.uint64(len(slots) - 1), value >> _32 | _ONE
    at = value & mask
    while slots[at] != 0:
        if slots[at] >> _32 == check:
            return np.int64(slots[at] & np.uint64(0xFFFFFFFF))
        at = (at + _ONE) & mask
    return -1


@compiled
def joined(context: Integer, point: Integer) -> Integer:
    """The hash of a context, 0 of none, with one character more."""
    value = (context + np.uint64(point) + _ONE) * _MULTIPLIER
    return value ^ value >> _32


@compiled
def joined_all(contexts: Slots, points: Counts, values: Slots) -> None:
    """The hashes of contexts with one character more each, in `values`."""
    for i in range(len(values)):
        values[i] = joined(contexts[i], points[i])


@compiled
def insert(values: Slots, bits: Counts, backs: Counts, slots: Slots) -> None:
    """Put n-grams into the table; of two that it cannot tell apart the first counts."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(values)):
        check, at = values[i] >> _32 | _ONE, values[i] & mask
        while slots[at] != 0 and slots[at] >> _32 != check:
            at = (at + _ONE) & mask
        if slots[at] == 0:
            slots[at] = check << _32 | np.uint64(bits[i]) << _16 | np.uint64(backs[i])
