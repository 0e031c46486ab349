"""Literal terms of a list in documents, in one linear pass over the bytes of an Arrow column.

    terms = terms_of(("badword", "two words", "坏词"))     folded terms: see `folded`
    share_in_terms(texts, terms)                          float32, 0..1: the share of words that stand in a term

A term counts where it stands as words of its own: where it begins or ends with a letter, a digit or a mark, none of
these stands before or behind it. Scripts written without blanks (Chinese, kana, Thai, Lao, Burmese, Khmer) have no such
bounds: there a term counts wherever it stands, and each letter is a word. Text and terms are folded: NFKC and lower
case by single characters, one blank for white space in a row. A sign that a term names (an emoji) counts as a word.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.arrays import read_only
from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.automaton import Codes, Kept, Tables, as_they_are, kept_of, next_state, tables_of
from pipeline_lib.text.buffers import buffers_of
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
from pipeline_lib.text.utf8 import decode

WITHOUT_BLANKS: Ranges = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))  # Thai, Lao; Burmese; Khmer

MARK = 4  # a class beside those of characters.py: it belongs to the word before it; behind all else it is a sign

_BLANK = ord(" ")

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Boolean = Any
Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Shares = npt.NDArray[np.float32]


def folded(term: str) -> str:
    """A term as it is looked for; "" where there is nothing but white space."""
    return " ".join("".join(chr(_folds()[ord(sign)]) for sign in term).split())


def terms_of(terms: Sequence[str]) -> Kept:
    """Folded terms, ready to be looked for; none may be empty, or there twice."""
    return kept_of(terms, _folds())


def share_in_terms(texts: pa.LargeStringArray, terms: Kept) -> Shares:
    """Of each text the share of its words that stand in a term, 0..1; 0 where there are no words. None may be null."""
    shares = np.zeros(len(texts), np.float32)
    _share(*buffers_of(texts), read_only(term_classes()), tables_of(terms, _folds()), shares)
    return shares


def load() -> None:
    """Compile what this needs: the first document would take seconds."""
    share_in_terms(pa.array([""], pa.large_string()), terms_of(("a",)))


@cache
def term_classes() -> Bytes:
    """The class of each code point below NUM_CODES: those of tokens, and MARK."""
    classes = token_classes().copy()
    classes[[code for code in range(NUM_CODES) if unicodedata.category(chr(code))[0] == "M"]] = MARK
    for first, last in WITHOUT_BLANKS:
        inside = classes[first : last + 1]
        inside[inside == WORD] = SINGLE
    return classes


@cache
def _folds() -> Codes:
    """What stands for each code point: its folded character, a blank for all white space."""
    table = as_they_are().copy()
    table[:NUM_CODES] = folded_characters()
    table[:NUM_CODES][token_classes() == SPACE] = _BLANK
    return table


@compiled
def _share(data: Bytes, offsets: Offsets, classes: Bytes, tables: Tables, shares: Shares) -> None:
    """Fill the share of each document data[offsets[i]:offsets[i + 1]]."""
    longest = 0
    for i in range(len(shares)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    begun, bounds = np.zeros(longest + 1, np.int32), np.zeros(longest + 1, np.int32)
    for i in range(len(shares)):
        text = data[offsets[i] : offsets[i + 1]]
        num_words, num_matches, num_signs = _match(text, classes, tables, begun, bounds)
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
    text: Bytes, classes: Bytes, tables: Tables, begun: Numbers, bounds: Numbers
) -> tuple[Integer, Integer, Integer]:
    """How many words a document has, how many matches, and how many of these hold no word.

    `begun` gets for each character the words that began before it, -1 where no term may begin. `bounds` (zeros) gets
    for each word how many more matches begin with it than end before it.
    """
    num_words, num_matches, num_signs, place, before, at = 0, 0, 0, 0, SPACE, 0
    state: Integer = np.int64(0)
    while at < len(text):
        point, width = decode(text, at)
        kind: Integer = classes[point] if point < len(classes) else SEPARATOR
        at += width
        if kind == SPACE and before == SPACE:
            continue
        if kind == MARK:
            kind = WORD if before == WORD else SEPARATOR
        is_inside = kind == WORD and before == WORD
        begun[place] = -1 if is_inside else num_words
        num_words += kind == SINGLE or (kind == WORD and not is_inside)
        place += 1
        state = next_state(tables, state, tables.symbols[point])
        hit = np.int64(tables.hits[state])
        if hit != 0 and not (kind == WORD and _goes_on(text, at, classes)):
            first = _first_word(hit, place, tables, begun)
            if first >= 0:
                num_matches += 1
                num_signs += first == num_words
                bounds[first] += 1
                bounds[num_words] -= 1
        before = kind
    return num_words, num_matches, num_signs


@compiled
def _goes_on(text: Bytes, at: Integer, classes: Bytes) -> Boolean:
    """Whether the character at a byte goes on with a word."""
    if at >= len(text):
        return False
    point, _ = decode(text, at)
    return point < len(classes) and (classes[point] == WORD or classes[point] == MARK)


@compiled
def _first_word(state: Integer, place: Integer, tables: Tables, begun: Numbers) -> Integer:
    """The first word of the longest term that ends before a character and may begin where it does; -1: none may."""
    while state != 0:
        first = begun[place - tables.lengths[tables.ends[state]]]
        if first >= 0:
            return first
        state = np.int64(tables.shorter[state])
    return -1
