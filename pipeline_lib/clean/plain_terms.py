"""Plain terms counted by one linear pass over the buffers, as spaCy's EntityRuler counts them; spaCy is not loaded.

    counted = PlainTerms.of(rules, "en").count(texts)
    counted.numbers[k, i]      matches of rule k in text i, of which the longest win where they lie over each other
    counted.are_left           texts with something that only spaCy's tokenizer tells (word_edges.py): they count 0

To spaCy a term is a row of tokens in lower case. Its Chinese tokenizer takes each character as one, so a term is found
wherever its characters stand, with a blank between them or none. Its English one has words: a term of letters and
single blanks is plain, and is found where its first and last word are tokens. A text counts where a term of the list
stands in it as it is written, in any case of letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.settings import EntityRule
from pipeline_lib.clean.word_edges import NO_WORD, PARTED, UNKNOWN, WORD, told
from pipeline_lib.text.automaton import Automaton, Found, any_case, lower_case
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.utf8 import decode

CHINESE, ENGLISH = "zh", "en"  # the tokenizers
_MANY_LOWER = "Σσςİ"  # their lower case depends on what stands beside them, or is two characters
_BLANK = 32

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Counted:
    """What a few texts hold."""

    numbers: Places  # by rule, by text
    are_left: Flags


class _Table(NamedTuple):
    """The terms, by the string that the automaton finds: several, where they differ by their blanks alone."""

    firsts: Places  # by string: its first term
    starts: Places  # by term: its first code point in `codes`
    codes: Codes
    are_plain: Flags
    num_tokens: Places
    rules: Places


@dataclass(frozen=True)
class PlainTerms:
    """The terms of rules, for one tokenizer."""

    automaton: Automaton
    table: _Table
    num_rules: int
    is_english: bool

    @classmethod
    def of(cls, rules: tuple[EntityRule, ...], language: str) -> "PlainTerms":
        """Made once for each list."""
        return _plain_terms(tuple(rule.terms for rule in rules), language == ENGLISH)

    def count(self, texts: pa.LargeStringArray) -> Counted:
        """The matches in texts, which must not be null."""
        found = self.automaton.find(texts)
        data, offsets = buffers_of(texts)
        asked = _asked(found, self.table)
        are_held, are_left = np.zeros(len(texts), np.bool_), np.zeros(len(texts), np.bool_)
        is_match = np.zeros(len(asked.terms), np.bool_)
        _decide(
            data, offsets, asked, self.table, lower_case(), any_case(), self.is_english, is_match, are_held, are_left
        )
        is_match &= (are_held & ~are_left)[asked.texts]
        numbers = np.zeros((self.num_rules, len(texts)), np.int64)
        _resolve(_longest_first(asked, is_match, self.table), offsets, numbers)
        return Counted(numbers, are_held & are_left)


class _Asked(NamedTuple):
    """Places where a term may stand."""

    texts: Places
    begins: Places
    ends: Places
    terms: Places


class _Match(NamedTuple):
    texts: Places
    begins: Places
    ends: Places
    rules: Places


@cache
def _plain_terms(terms: tuple[tuple[str, ...], ...], is_english: bool) -> PlainTerms:
    fold = any_case()
    by_string: dict[str, list[tuple[str, int]]] = {}
    rules_of: dict[str, set[int]] = {}
    for rule, own in enumerate(terms):
        for term in dict.fromkeys(own):
            string = "".join(chr(fold[ord(one)]) for one in term if one != " ")
            by_string.setdefault(string, []).append((term, rule))
            rules_of.setdefault(_tokens_key(term, is_english), set()).add(rule)
    rows = [row for rows in by_string.values() for row in rows]
    lengths = [len(term) for term, _ in rows]
    table = _Table(
        _sums([len(own) for own in by_string.values()]),
        _sums(lengths),
        np.array([fold[ord(one)] for term, _ in rows for one in term], np.uint32),
        np.array(
            [_is_plain(term, is_english) and len(rules_of[_tokens_key(term, is_english)]) == 1 for term, _ in rows],
            bool,
        ),
        np.array([len(term.split()) if is_english else len(term.replace(" ", "")) for term, _ in rows], np.int64),
        np.array([rule for _, rule in rows], np.int64),
    )
    return PlainTerms(Automaton.of(list(by_string), fold, skips_blanks=True), table, len(terms), is_english)


def _sums(numbers: Sequence[int]) -> Places:
    return np.concatenate([[0], np.cumsum(numbers)]).astype(np.int64)


def _tokens_key(term: str, is_english: bool) -> str:
    """The same for terms that are the same tokens."""
    return term.lower() if is_english else term.lower().replace(" ", "")


def _is_plain(term: str, is_english: bool) -> bool:
    """Whether it is told here where a tokenizer finds a term."""
    words = term.split(" ")
    if not all(words) or any(one.isspace() for word in words for one in word):
        return False
    if any(lower_case()[ord(one)] != any_case()[ord(one)] for word in words for one in word):
        return False
    if not is_english:
        return "İ" not in term
    pairs = [a + b for a, b in pairwise(words)]
    is_parted = any(pair.lower() in one for pair in pairs for one in PARTED)  # "can not" is found in "cannot"
    return all(word.isalpha() and word.lower() not in PARTED for word in words) and not (
        is_parted or set(_MANY_LOWER) & set(term)
    )


def _asked(found: Found, table: _Table) -> _Asked:
    """Each term of each string that is found."""
    counts = (table.firsts[1:] - table.firsts[:-1])[found.strings]
    places = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    texts, begins, ends = (column[places] for column in (found.texts, found.begins, found.ends))
    return _Asked(texts, begins, ends, table.firsts[found.strings][places] + nth)


@compiled
def _decide(
    data: Bytes,
    offsets: Places,
    asked: _Asked,
    table: _Table,
    lower: Codes,
    fold: Codes,
    is_english: Any,
    is_match: Flags,
    are_held: Flags,
    are_left: Flags,
) -> None:
    """Fill the last three: by place, and by text."""
    for number in range(len(asked.terms)):
        text, term = asked.texts[number], asked.terms[number]
        begin, end = asked.begins[number], asked.ends[number]
        is_same, is_usual = _compare(
            data, begin, end, table.codes[table.starts[term] : table.starts[term + 1]], lower, fold
        )
        are_held[text] |= is_same
        if not table.are_plain[term] or not is_usual:
            are_left[text] = True
        elif not is_english:
            is_match[number] = True
        elif is_same:
            verdict = _words_told(data, offsets[text], offsets[text + 1], begin, end)
            is_match[number] = verdict == WORD
            are_left[text] |= verdict == UNKNOWN


@compiled
def _compare(data: Bytes, begin: Integer, end: Integer, codes: Codes, lower: Codes, fold: Codes) -> tuple[Any, Any]:
    """Whether a term stands there with its own blanks; and whether lower case alone makes it that."""
    is_same, is_usual, at, number = True, True, begin, 0
    while at < end:
        code, width = decode(data, at)
        is_same &= number < len(codes) and codes[number] == fold[code]
        is_usual &= lower[code] == fold[code]
        at += width
        number += 1
    return is_same and number == len(codes), is_usual


@compiled
def _words_told(data: Bytes, first: Integer, last: Integer, begin: Integer, end: Integer) -> Integer:
    """Whether the first and the last word are tokens: the others stand between blanks."""
    behind, before = begin, end
    while behind < end and data[behind] != _BLANK:
        behind += 1
    while before > begin and data[before - 1] != _BLANK:
        before -= 1
    verdict = told(data, first, last, begin, behind)
    if verdict == WORD and behind < end:
        return told(data, first, last, before, end)
    if verdict == UNKNOWN and behind < end and told(data, first, last, before, end) == NO_WORD:
        return NO_WORD
    return verdict


def _longest_first(asked: _Asked, is_match: Flags, table: _Table) -> _Match:
    """The matches by text, those of the most tokens first, of these the first."""
    chosen = np.flatnonzero(is_match)
    texts, begins, ends, terms = (column[chosen] for column in asked)
    order = np.lexsort((begins, -table.num_tokens[terms], texts))
    return _Match(texts[order], begins[order], ends[order], table.rules[terms[order]])


@compiled
def _resolve(matches: _Match, offsets: Places, numbers: Places) -> None:
    """Count those that lie over none before them."""
    longest = 0
    for number in range(len(offsets) - 1):
        longest = max(longest, offsets[number + 1] - offsets[number])
    is_taken = np.zeros(longest if len(matches.texts) else 0, np.bool_)
    first = 0
    for number in range(len(matches.texts)):
        text = matches.texts[number]
        if number and text != matches.texts[number - 1]:
            is_taken[: offsets[matches.texts[number - 1] + 1] - first] = False
        first = offsets[text]
        begin, end = matches.begins[number] - first, matches.ends[number] - first
        if not is_taken[begin] and not is_taken[end - 1]:
            is_taken[begin:end] = True
            numbers[matches.rules[number], text] += 1
