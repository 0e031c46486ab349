"""Which runs of words come twice in a document, in compiled code; and the small hash table in which they are looked up.

The table is never cleared: an entry carries the epoch (which document, which purpose) that wrote it, and an entry of
another epoch is free. So purposes take turns: what is looked up in between would be lost. Two runs are equal here when
their 64-bit hashes are: that of a run is a difference of prefix hashes, hash[k + n] - hash[k] * BASE^n.

A run of n + 1 words comes twice only where both runs of n words in it do. So the places of those that do are handed on
from n to n + 1, and all others, which are most, are not looked up: a fifth of the time of all signals.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled

BASE = np.uint64(0x9E3779B97F4A7C15)  # of the polynomial that hashes runs of words; odd, so that no bit is lost

# numba decides by itself which integers are int64 and which uint64; Python's int is neither.
Integer = Any
Boolean = Any
Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
Table = tuple[Hashes, Small, Small]  # keys, epochs, counts: a power of two of slots each
Words = tuple[Hashes, Counts]  # hash of the first k words, characters in them
Room = tuple[Counts, Counts, npt.NDArray[np.uint8]]  # for places of runs, for their slots, for marks

_S32 = np.uint64(32)


@compiled
def num_slots(num_entries: int) -> int:
    """The smallest power of two (and at least 16) that `num_entries` fill at most by half."""
    slots = 16
    while slots < 2 * num_entries:
        slots *= 2
    return slots


@compiled
def is_seen(key: Integer, table: Table, mask: Integer, epoch: Integer) -> Boolean:
    """Whether the key was looked up before in this epoch; from now on it was."""
    slot = _find(key, table, mask, epoch)
    table[2][slot] += 1
    return table[2][slot] > 1


@compiled
def num_marks(num_words: int) -> int:
    """How many marks `keep_likely_pairs` needs for so many words: eight a pair at least."""
    return 4 * num_slots(num_words)


@compiled
def keep_likely_pairs(words: Words, room: Room) -> Integer:
    """Put the places of pairs of words that may come twice into the first array of `room`: how many.

    Two pairs may share a mark, so some come along that come once. The others, which are most, are found without the
    table, and without a branch that the processor would have to guess.
    """
    hashes, (places, slots, marks) = words[0], room
    num_pairs, power = max(len(hashes) - 2, 0), _power(2)
    used = num_marks(num_pairs)
    mask = np.uint64(used - 1)
    marks[:used] = 0
    for k in range(num_pairs):
        slot = np.int64((hashes[k + 2] - hashes[k] * power) >> _S32 & mask)
        slots[k] = slot
        marks[slot] = marks[slot] << 1 | 1  # 1, 3, 7, ...: more than 1 from the second on
    num_likely = 0
    for k in range(num_pairs):
        places[num_likely] = k
        num_likely += marks[slots[k]] > 1
    return num_likely


@compiled
def top_run_chars(
    n: Integer, words: Words, places: Counts, slots: Counts, table: Table, mask: Integer, epoch: Integer
) -> tuple[Integer, Integer]:
    """Occurrences times characters of the run of n words that comes most often, of several the longest; 0 when none
    comes twice. Of the places, where runs begin, those whose run comes twice move to the front: how many.

    `slots` is room for as many numbers as there are places.
    """
    hashes, lengths = words
    counts, power = table[2], _power(n)
    most: Integer = 1
    longest: Integer = 0
    for at in range(len(places)):
        k = places[at]
        slot = _find(hashes[k + n] - hashes[k] * power, table, mask, epoch)
        slots[at] = slot
        counts[slot] += 1
        length = lengths[k + n] - lengths[k]
        if counts[slot] > most or (counts[slot] == most > 1 and length > longest):
            most, longest = counts[slot], length
    num_repeated = 0
    for at in range(len(places)):
        if counts[slots[at]] > 1:
            places[num_repeated] = places[at]
            num_repeated += 1
    return most * longest, num_repeated


@compiled
def repeated_run_chars(
    n: Integer, words: Words, places: Counts, table: Table, mask: Integer, epoch: Integer
) -> Integer:
    """Characters in runs of n words that came before; behind a repeated one the search goes on after its last word.

    `places` are those, in order, from which on a run may come twice.
    """
    hashes, lengths = words
    power = _power(n)
    covered, behind = 0, 0
    for at in range(len(places)):
        k = places[at]
        if k >= behind and is_seen(hashes[k + n] - hashes[k] * power, table, mask, epoch):
            covered += lengths[k + n] - lengths[k]
            behind = k + n
    return covered


@compiled
def keep_pairs(places: Counts) -> Integer:
    """Of the places of runs of n words those move to the front where a run of n + 1 words may come twice: how many."""
    num_kept = 0
    for at in range(len(places) - 1):
        if places[at + 1] == places[at] + 1:
            places[num_kept] = places[at]
            num_kept += 1
    return num_kept


@compiled
def _power(n: Integer) -> Integer:
    """BASE to the n-th, modulo 2^64."""
    power = np.uint64(1)
    for _ in range(n):
        power *= BASE
    return power


@compiled
def _find(key: Integer, table: Table, mask: Integer, epoch: Integer) -> Integer:
    """The slot of the key in this epoch; a new one starts with a count of 0."""
    keys, epochs, counts = table
    slot = np.int64(key & mask)
    while epochs[slot] == epoch:
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & np.int64(mask)
    keys[slot], epochs[slot], counts[slot] = key, epoch, 0
    return slot
