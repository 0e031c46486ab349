"""Literal terms of a list in documents, in one linear pass over the bytes of an Arrow column (Aho and Corasick 1975).

    automaton = automaton_of(("badword", "two words", "坏词"))     folded terms: see `folded`
    share_in_terms(texts, automaton)                              float32, 0..1: the share of words that stand in a term

A term counts where it stands as words of its own: where it begins or ends with a letter, a digit or a mark, none of
these stands before or behind it. Scripts written without blanks (Chinese, kana, Thai, Lao, Burmese, Khmer) have no such
bounds: there a term counts wherever it stands, and each letter is a word. Text and terms are folded: NFKC and lower
case by single characters, one blank for white space in a row. A sign that a term names (an emoji) counts as a word.
"""

import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.arrays import read_only
from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.characters import (
    NUM_CODES,
    SEPARATOR,
    SINGLE,
    SPACE,
    WORD,
    Ranges,
    folded_characters,
    token_classes,
)
from pipeline_lib.text.mixing import mix64
from pipeline_lib.text.utf8 import decode

WITHOUT_BLANKS: Ranges = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))  # Thai, Lao; Burmese; Khmer
FAIL, LENGTH, OWN, NEXT = range(4)  # columns of states: see Automaton

MARK = 4  # a class beside those of characters.py: it belongs to the word before it; behind all else it is a sign

_BLANK = 32
_NUM_ASCII = 128
_POINT_BITS = np.uint64(21)
_ONE = np.uint64(1)

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Boolean = Any
Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Edges = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Automaton:
    """Terms that are looked for. State 0 is the root.

    states[s]: the state of the longest proper suffix that is a prefix of a term; the characters of the term that ends
    in s, 0 where none does; the first state of s and its suffixes in which a term ends, 0 for none; the next one of
    these behind that.
    edges: a hash table of (state and character, next state), with an empty row (0, 0) behind each run.
    """

    states: Numbers  # [S, 4]
    edges: Edges  # [a power of two, 2]


def folded(term: str) -> str:
    """A term as it is looked for; "" where there is nothing but white space."""
    table = folded_characters()
    points = (int(table[ord(sign)]) if ord(sign) < len(table) else ord(sign) for sign in " ".join(term.split()))
    return " ".join("".join(map(chr, points)).split())


def automaton_of(terms: Sequence[str]) -> Automaton:
    """The automaton of folded terms; none may be empty."""
    children: list[dict[int, int]] = [{}]
    lengths = [0]
    for term in terms:
        state = 0
        for sign in term:
            after = children[state].setdefault(ord(sign), len(children))
            if after == len(children):
                children.append({})
                lengths.append(0)
            state = after
        lengths[state] = len(term)
    states = np.zeros((len(children), 4), np.int32)
    states[:, LENGTH] = lengths
    _link(children, states)
    return Automaton(states, _edges_of(children))


def _link(children: Sequence[dict[int, int]], states: Numbers) -> None:
    """Fill where each state goes when no term goes on, breadth first."""
    waiting = deque([0])
    while waiting:
        state = waiting.popleft()
        for point, child in children[state].items():
            fail = int(states[state, FAIL]) if state else -1
            while fail > 0 and point not in children[fail]:
                fail = int(states[fail, FAIL])
            states[child, FAIL] = children[fail].get(point, 0) if fail >= 0 else 0
            suffix = states[states[child, FAIL], OWN]
            states[child, OWN] = child if states[child, LENGTH] else suffix
            states[child, NEXT] = suffix
            waiting.append(child)


def _edges_of(children: Sequence[dict[int, int]]) -> Edges:
    number = sum(map(len, children))
    edges = np.zeros((1 << max(4, (2 * number).bit_length()), 2), np.uint64)
    steps = ((state, point, child) for state, own in enumerate(children) for point, child in own.items())
    _insert(np.array([(state << int(_POINT_BITS) | point, child) for state, point, child in steps], np.uint64), edges)
    return edges


def share_in_terms(texts: pa.LargeStringArray, automaton: Automaton) -> Shares:
    """Of each text the share of its words that stand in a term, 0..1; 0 where there are no words. None may be null."""
    shares = np.zeros(len(texts), np.float32)
    if len(texts):
        _, offsets, data = texts.buffers()
        chosen = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        text = read_only(np.frombuffer(data or b"", np.uint8))
        tables = read_only(term_classes()), read_only(folded_characters())
        _share(text, read_only(chosen), *tables, read_only(automaton.states), read_only(automaton.edges), shares)
    return shares


def load() -> None:
    """Compile what this needs: the first document would take seconds."""
    share_in_terms(pa.array([""], pa.large_string()), automaton_of(("a",)))


@cache
def term_classes() -> Bytes:
    """The class of each code point below NUM_CODES: those of tokens, and MARK."""
    classes = token_classes().copy()
    classes[[code for code in range(NUM_CODES) if unicodedata.category(chr(code))[0] == "M"]] = MARK
    for first, last in WITHOUT_BLANKS:
        inside = classes[first : last + 1]
        inside[inside == WORD] = SINGLE
    return classes


@compiled
def _insert(pairs: Edges, edges: Edges) -> None:
    """Put (key, value) into the hash table; keys differ, and are stored one larger, so that none is 0."""
    mask = np.uint64(len(edges) - 1)
    for i in range(len(pairs)):
        at = mix64(pairs[i, 0]) & mask
        while edges[at, 0] != 0:
            at = (at + _ONE) & mask
        edges[at, 0], edges[at, 1] = pairs[i, 0] + _ONE, pairs[i, 1]


@compiled
def _go(state: Integer, point: Integer, edges: Edges) -> Integer:
    """The state behind an edge; -1 where there is no such edge."""
    key = np.uint64(state) << _POINT_BITS | np.uint64(point)
    mask = np.uint64(len(edges) - 1)
    at = mix64(key) & mask
    while edges[at, 0] != 0:
        if edges[at, 0] == key + _ONE:
            return np.int64(edges[at, 1])
        at = (at + _ONE) & mask
    return -1


@compiled
def _share(
    data: Bytes, offsets: Offsets, classes: Bytes, table: Points, states: Numbers, edges: Edges, shares: Shares
) -> None:
    """Fill the share of each document data[offsets[i]:offsets[i + 1]]."""
    longest = 0
    for i in range(len(shares)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    begun, bounds = np.zeros(longest + 1, np.int32), np.zeros(longest + 1, np.int32)
    begins = np.array([_go(0, point, edges) >= 0 for point in range(_NUM_ASCII)])
    for i in range(len(shares)):
        text = data[offsets[i] : offsets[i + 1]]
        num_words, num_matches, num_signs = _match(text, classes, table, states, edges, begins, begun, bounds)
        if num_matches == 0:
            continue
        num_inside, depth = num_signs, 0
        for word in range(num_words):
            depth += bounds[word]
            num_inside += depth > 0
        bounds[: num_words + 1] = 0
        shares[i] = num_inside / (num_words + num_signs)


@compiled
def _match(
    text: Bytes, classes: Bytes, table: Points, states: Numbers, edges: Edges, begins: Flags, begun: Numbers,
    bounds: Numbers,
) -> tuple[Integer, Integer, Integer]:  # fmt: skip
    """How many words a document has, how many matches, and how many of these hold no word.

    `begun` gets for each character the words that began before it, -1 where no term may begin. `bounds` (zeros) gets
    for each word how many more matches begin with it than end before it.
    """
    num_words, num_matches, num_signs, place, state, before, at = 0, 0, 0, 0, 0, SPACE, 0
    while at < len(text):
        point, width = decode(text, at)
        kind: Integer = classes[point] if point < len(classes) else SEPARATOR
        at += width
        if kind == SPACE:
            if before == SPACE:
                continue
            point = _BLANK
        elif point < len(table):
            point = np.int64(table[point])
        if kind == MARK:
            kind = WORD if before == WORD else SEPARATOR
        is_inside = kind == WORD and before == WORD
        begun[place] = -1 if is_inside else num_words
        num_words += kind == SINGLE or (kind == WORD and not is_inside)
        place += 1
        state = _next_state(state, point, states, edges, begins)
        if states[state, OWN] != 0 and not (kind == WORD and _goes_on(text, at, classes)):
            first = _first_word(states[state, OWN], place, states, begun)
            if first >= 0:
                num_matches += 1
                num_signs += first == num_words
                bounds[first] += 1
                bounds[num_words] -= 1
        before = kind
    return num_words, num_matches, num_signs


@compiled
def _next_state(state: Integer, point: Integer, states: Numbers, edges: Edges, begins: Flags) -> Integer:
    """The state behind a character; each step back was paid for by one ahead."""
    while True:
        if state == 0 and point < _NUM_ASCII and not begins[point]:
            return 0
        after = _go(state, point, edges)
        if after >= 0:
            return after
        if state == 0:
            return 0
        state = np.int64(states[state, FAIL])


@compiled
def _goes_on(text: Bytes, at: Integer, classes: Bytes) -> Boolean:
    """Whether the character at a byte goes on with a word."""
    if at >= len(text):
        return False
    point, _ = decode(text, at)
    return point < len(classes) and (classes[point] == WORD or classes[point] == MARK)


@compiled
def _first_word(state: Integer, place: Integer, states: Numbers, begun: Numbers) -> Integer:
    """The first word of the longest term that ends before a character and may begin where it does; -1: none may."""
    while state != 0:
        first = begun[place - states[state, LENGTH]]
        if first >= 0:
            return first
        state = states[state, NEXT]
    return -1
