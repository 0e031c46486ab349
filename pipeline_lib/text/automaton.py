"""Many strings found in one pass over the bytes of texts, however many there are (Aho and Corasick 1975, CACM 18, 6).

    automaton = Automaton.of(["neural net", "神经网络"], lower_case())
    found = automaton.find(texts)              every occurrence, also those that lie in others: text, begin, end, string

Characters are compared by a table of code points (identity, or one that puts them into lower case). Where blanks are
skipped, one blank may stand between any two characters of what is found, and those of the strings do not count.
One core: 240 to 800 MB/s for a few strings, 90 to 220 for two thousand, of which no whole table is made.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.mixing import mix64
from pipeline_lib.text.utf8 import decode

NUM_CODES = 0x110000
_BLANK = 32
_STATE_BITS = 32
_LARGEST_WHOLE = 1 << 18  # numbers, 1 MB: what stays in the cache of a core

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]


class Kept(NamedTuple):
    """An automaton as it is worth keeping: all but what a table of code points makes of it.

    States are numbers, 0 is the root; symbols are numbers, 0 is in no string.
    """

    codes: Codes  # by symbol, 1 and up, in ascending order: the folded code point
    roots: Numbers  # by symbol: the state behind it from the root
    keys: Places  # an open hash table of the edges of all other states: state << 32 | symbol, 0 is empty
    targets: Numbers  # beside them: where they lead
    fails: Numbers  # by state: that of its longest end which begins a string
    ends: Numbers  # by state: the string that ends in it, or -1
    shorter: Numbers  # by state: the nearest one on the way of `fails` in which a string ends, or 0
    lengths: Numbers  # by string, in symbols


class Tables(NamedTuple):
    """An automaton as it runs: what of it is kept, and some tables more."""

    symbols: Numbers  # by code point
    whole: Numbers  # by state and symbol the next state; empty where that would be large
    hits: Numbers  # by state: the longest string that ends there, as the state that it ends in, or 0
    roots: Numbers
    keys: Places
    targets: Numbers
    fails: Numbers
    ends: Numbers
    shorter: Numbers
    lengths: Numbers


@dataclass(frozen=True)
class Found:
    """Occurrences, by text and by where they end: a number of each in each array."""

    texts: Places
    begins: Places  # bytes of the buffer that the texts lie in
    ends: Places
    strings: Numbers  # numbers in the list that was looked for


@dataclass(frozen=True)
class Automaton:
    """Finds strings."""

    tables: Tables
    skips_blanks: bool

    @classmethod
    def of(cls, strings: Sequence[str], folded: Codes, *, skips_blanks: bool = False) -> "Automaton":
        """The automaton of strings that differ when they are folded, and are not empty."""
        return cls(tables_of(kept_of(strings, folded, skips_blanks=skips_blanks), folded), skips_blanks)

    def find(self, texts: pa.LargeStringArray) -> Found:
        """All occurrences in texts, which must not be null."""
        nothing = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32)
        if not len(texts):
            return Found(*nothing)
        data, offsets = buffers_of(texts)
        counts = np.zeros(len(texts), np.int64)
        ring = np.empty(_power_of_two(int(self.tables.lengths.max(initial=0)) + 1), np.int64)
        _scan_all(data, offsets, self.tables, self.skips_blanks, ring, counts, *nothing)
        total = int(counts.sum())
        if not total:
            return Found(*nothing)
        in_texts, begins, ends = (np.empty(total, np.int64) for _ in range(3))
        found = Found(in_texts, begins, ends, np.empty(total, np.int32))
        rooms = found.texts, found.begins, found.ends, found.strings
        _scan_all(data, offsets, self.tables, self.skips_blanks, ring, counts, *rooms)
        return found


def kept_of(strings: Sequence[str], folded: Codes, *, skips_blanks: bool = False) -> Kept:
    """The automaton of strings. Raises `ValueError` where one is empty, or two are one when they are folded."""
    coded = [_codes(string, folded, skips_blanks) for string in strings]
    if not all(map(len, coded)) or len(set(coded)) < len(coded):
        raise ValueError("a string is empty, or there twice")
    codes = sorted(set().union(*coded))
    number_of = {code: number for number, code in enumerate(codes, start=1)}
    edges: list[dict[int, int]] = [{}]
    ends = [-1]
    for number, string in enumerate(coded):
        state = 0
        for code in string:
            state = edges[state].setdefault(number_of[code], len(edges))
            if state == len(edges):
                edges.append({})
                ends.append(-1)
        ends[state] = number
    roots = np.zeros(len(codes) + 1, np.int32)
    roots[list(edges[0])] = list(edges[0].values())
    lists = (*_failures(edges, ends), [len(string) for string in coded])
    fails, shorter, lengths = (np.array(values, np.int32) for values in lists)
    return Kept(np.array(codes, np.uint32), roots, *_hashed(edges), fails, np.array(ends, np.int32), shorter, lengths)


def tables_of(kept: Kept, folded: Codes) -> Tables:
    """The automaton ready to run over text that is folded by the same table of code points, uint32[NUM_CODES]."""
    symbols = np.zeros(NUM_CODES, np.int32)
    symbols[kept.codes] = np.arange(1, len(kept.codes) + 1)
    hits = np.where(kept.ends >= 0, np.arange(len(kept.ends), dtype=np.int32), kept.shorter)
    tables = Tables(symbols[folded], np.empty(0, np.int32), hits, *kept[1:])
    if len(kept.fails) * len(kept.roots) > _LARGEST_WHOLE:
        return tables
    whole = np.empty(len(kept.fails) * len(kept.roots), np.int32)
    _fill_whole(tables, whole)
    return tables._replace(whole=whole)


@cache
def as_they_are() -> Codes:
    """Each code point for itself."""
    return np.arange(NUM_CODES, dtype=np.uint32)


@cache
def lower_case() -> Codes:
    """The lower case of each code point that has one of one character; all others are their own."""
    return _each(str.lower)


@cache
def any_case() -> Codes:
    """One code point for all that differ by their case alone, also where lower case keeps them apart ("ſ" and "s")."""
    return _each(lambda character: character.casefold() if len(character.casefold()) == 1 else character.lower())


def _each(fold: Any) -> Codes:
    table = as_they_are().copy()
    for character in _cased():
        folded = fold(character)
        if len(folded) == 1:
            table[ord(character)] = ord(folded)
    return table


@cache
def _cased() -> tuple[str, ...]:
    """What differs from its lower case, or in how it is compared: one character in fifty of those that may."""
    signs = map(chr, range(0x20000))  # above, nothing has a case
    return tuple(sign for sign in signs if sign.casefold() != sign or sign.lower() != sign)


def _codes(string: str, folded: Codes, skips_blanks: bool) -> tuple[int, ...]:
    return tuple(int(folded[ord(one)]) for one in string if one != " " or not skips_blanks)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def _failures(edges: Sequence[dict[int, int]], ends: Sequence[int]) -> tuple[list[int], list[int]]:
    """`fails` and `shorter`, state by state in the order of their depth."""
    fails, shorter = [0] * len(edges), [0] * len(edges)
    waiting = deque(edges[0].values())
    while waiting:
        state = waiting.popleft()
        for symbol, target in edges[state].items():
            back = fails[state]
            while back and symbol not in edges[back]:
                back = fails[back]
            fails[target] = edges[back].get(symbol, 0)
            waiting.append(target)
        shorter[state] = fails[state] if ends[fails[state]] >= 0 else shorter[fails[state]]
    return fails, shorter


def _hashed(edges: Sequence[dict[int, int]]) -> tuple[Places, Numbers]:
    pairs = [
        (state << _STATE_BITS | symbol, to) for state in range(1, len(edges)) for symbol, to in edges[state].items()
    ]
    size = _power_of_two(2 * len(pairs) + 2)
    keys, targets = np.zeros(size, np.int64), np.zeros(size, np.int32)
    _fill(np.array([key for key, _ in pairs], np.int64), np.array([to for _, to in pairs], np.int32), keys, targets)
    return keys, targets


@compiled
def _fill(pairs: Places, to: Numbers, keys: Places, targets: Numbers) -> None:
    for number in range(len(pairs)):
        slot = np.int64(mix64(np.uint64(pairs[number])) & np.uint64(len(keys) - 1))
        while keys[slot] != 0:
            slot = (slot + 1) & (len(keys) - 1)
        keys[slot], targets[slot] = pairs[number], to[number]


@compiled
def _fill_whole(tables: Tables, whole: Numbers) -> None:
    num_symbols = len(tables.roots)
    for state in range(len(tables.fails)):
        whole[state * num_symbols] = 0
        for symbol in range(1, num_symbols):
            whole[state * num_symbols + symbol] = next_state(tables, state, symbol)


@compiled
def _scan_all(
    data: Bytes,
    offsets: Places,
    tables: Tables,
    skips_blanks: Any,
    ring: Places,
    counts: Places,
    texts: Places,
    begins: Places,
    ends: Places,
    strings: Numbers,
) -> None:
    """Without room for what is found: how often there is something in each text; else all of it in those that have."""
    total = 0
    for number in range(len(counts)):
        if len(texts) and not counts[number]:
            continue
        before = total
        total = _scan(
            data, offsets[number], offsets[number + 1], tables, skips_blanks, ring, total, begins, ends, strings
        )
        counts[number] = total - before
        if len(texts):
            texts[before:total] = number


@compiled
def _scan(
    data: Bytes,
    first: Integer,
    last: Integer,
    tables: Tables,
    skips_blanks: Any,
    ring: Places,  # where the last symbols begin
    total: Integer,
    begins: Places,
    ends: Places,
    strings: Numbers,
) -> Integer:
    """Find all in one text; how many there are with it.

    The tables are taken out of their tuple once: numba counts references to an array each time that it is.
    """
    symbols, whole, hits, shorter = tables.symbols, tables.whole, tables.hits, tables.shorter
    num_symbols, is_whole, behind = len(tables.roots), len(whole) > 0, len(ring) - 1
    state: Integer = np.int64(0)
    count, at, is_behind_blank = 0, first, False
    while at < last:
        code, width = decode(data, at)
        if skips_blanks and code == _BLANK:
            if is_behind_blank:
                state = 0
            is_behind_blank = True
            at += width
            continue
        is_behind_blank = False
        symbol = np.int64(symbols[code])
        if symbol == 0:
            state = 0
            at += width
            continue
        state = np.int64(whole[state * num_symbols + symbol]) if is_whole else next_state(tables, state, symbol)
        ring[count & behind] = at
        count += 1
        at += width
        hit = hits[state]
        while hit != 0:
            string = tables.ends[hit]
            if total < len(begins):
                begins[total] = ring[(count - tables.lengths[string]) & behind]
                ends[total] = at
                strings[total] = string
            total += 1
            hit = shorter[hit]
    return total


@compiled
def next_state(tables: Tables, state: Integer, symbol: Integer) -> Integer:
    """The state behind a symbol where there is no whole table; each step back was paid for by one ahead."""
    if symbol == 0:
        return np.int64(0)
    while state != 0:
        key = np.int64(state) << _STATE_BITS | np.int64(symbol)
        slot = np.int64(mix64(np.uint64(key)) & np.uint64(len(tables.keys) - 1))
        while tables.keys[slot] != 0:
            if tables.keys[slot] == key:
                return np.int64(tables.targets[slot])
            slot = (slot + 1) & (len(tables.keys) - 1)
        state = np.int64(tables.fails[state])
    return np.int64(tables.roots[symbol])
