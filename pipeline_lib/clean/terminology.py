"""The terms of a user: where they stand in texts, what no step may change, how often each comes.

    terms = Terminology.of(settings.terminology)
    terms.kept(make, texts)        the texts behind a change, which sees one sign in the place of each term
    terms.counted(texts)            how often each term comes, and in how many texts

A term is found as it is written, letter by letter, where it is not part of a longer word: where it begins or ends with
a letter or digit, none may stand beside that. Chinese is written without blanks, so its characters stand for
themselves. Of two terms that lie over each other the first counts, of those that begin together the longest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.automaton import Automaton, Found, as_they_are
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.characters import WORD, token_classes
from pipeline_lib.text.utf8 import decode

STAND_INS = tuple(map(chr, range(0xFDD0, 0xFDF0)))  # noncharacters, for use inside of a program (Unicode, 23.7)

Comes = tuple[int, int]  # matches, and texts that have some
Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither


@dataclass(frozen=True)
class Terminology:
    """Some terms."""

    terms: tuple[str, ...]
    automaton: Automaton

    @staticmethod
    @cache
    def of(terms: tuple[str, ...]) -> "Terminology":
        """Made once for each list, which has no term twice."""
        return Terminology(terms, Automaton.of(terms, as_they_are()))

    def found(self, texts: pa.LargeStringArray) -> Found:
        """Where terms stand, by text and place."""
        found = self.automaton.find(texts)
        order = np.lexsort((-found.ends, found.begins, found.texts))
        is_chosen = np.zeros(len(order), np.bool_)
        if len(order):
            columns = found.texts[order], found.begins[order], found.ends[order]
            _choose(*buffers_of(texts), *columns, token_classes(), is_chosen)
        chosen = order[is_chosen]
        return Found(found.texts[chosen], found.begins[chosen], found.ends[chosen], found.strings[chosen])

    def counted(self, texts: pa.LargeStringArray) -> dict[str, Comes]:
        """How often the terms come that do, in their order; texts must not be null."""
        found, number = self.found(texts), len(self.terms)
        matches = np.bincount(found.strings, minlength=number)
        documents = np.bincount(np.unique(found.texts * number + found.strings) % number, minlength=number)
        return {self.terms[k]: (int(matches[k]), int(documents[k])) for k in np.flatnonzero(matches)}

    def kept(
        self, make: Callable[[pa.LargeStringArray], pa.LargeStringArray], texts: pa.LargeStringArray
    ) -> pa.LargeStringArray:
        """The texts behind a change that cannot see into a term; null those of which it would take one away."""
        found = self.found(texts)
        if not len(found.texts):
            return make(texts)
        seen, hidden = texts.to_pylist(), dict[int, _Hidden]()
        for place in np.unique(found.texts).tolist():
            first, last = np.searchsorted(found.texts, [place, place + 1])
            hidden[place] = _Hidden.of(
                seen[place], found.begins[first:last], found.ends[first:last], _start(texts, place)
            )
            seen[place] = hidden[place].shown
        made = make(pa.array(seen, pa.large_string())).to_pylist()
        for place, one in hidden.items():
            made[place] = one.restored(made[place])
        return pa.array(made, pa.large_string())


def added(some: Mapping[str, Comes], more: Mapping[str, Comes]) -> dict[str, Comes]:
    """Two counts as one."""
    none = 0, 0
    sums = {term: (some.get(term, none), more.get(term, none)) for term in sorted({*some, *more})}
    return {term: (one[0] + other[0], one[1] + other[1]) for term, (one, other) in sums.items()}


@dataclass(frozen=True)
class _Hidden:
    """A text with one sign for each of its terms."""

    terms: Sequence[str]
    sign: str  # that the text does not have; "" where it has all of them: no change is let at it
    shown: str

    @staticmethod
    def of(text: str, begins: Places, ends: Places, start: int) -> "_Hidden":
        """The places are bytes of the buffer in which the text begins at `start`."""
        data, at, terms, between = text.encode(), 0, [], []
        for begin, end in zip((begins - start).tolist(), (ends - start).tolist(), strict=True):
            between.append(data[at:begin].decode())
            terms.append(data[begin:end].decode())
            at = end
        sign = next((sign for sign in STAND_INS if sign not in text), "")
        return _Hidden(terms, sign, sign.join([*between, data[at:].decode()]) if sign else "")

    def restored(self, text: str | None) -> str | None:
        """With the terms again; None where one of them is gone."""
        if text is None or not self.sign or text.count(self.sign) != len(self.terms):
            return None
        parts = text.split(self.sign)
        return "".join([part + term for part, term in zip(parts, [*self.terms, ""], strict=True)])


def _start(texts: pa.LargeStringArray, place: int) -> int:
    return int(buffers_of(texts)[1][place])


@compiled
def _choose(
    data: Bytes,
    offsets: Places,
    texts: Places,
    begins: Places,
    ends: Places,
    classes: Bytes,
    is_chosen: npt.NDArray[np.bool_],
) -> None:
    """Of places in their order, the longest first of those that begin together: which count."""
    text, behind = -1, 0
    for number in range(len(texts)):
        if texts[number] != text:
            text, behind = texts[number], 0
        begin, end = begins[number], ends[number]
        if begin < behind:
            continue
        if not (
            _goes_on(data, offsets[text], begin, offsets[text + 1], classes)
            or (_goes_on(data, offsets[text], end, offsets[text + 1], classes))
        ):
            is_chosen[number] = True
            behind = end


@compiled
def _goes_on(data: Bytes, first: Integer, at: Integer, last: Integer, classes: Bytes) -> Any:
    """Whether a word goes on across a byte: the characters on both sides of it are letters or digits of words."""
    if at <= first or at >= last:
        return False
    before = at - 1
    while data[before] & 0xC0 == 0x80:
        before -= 1
    left, right = decode(data, before)[0], decode(data, at)[0]
    return left < len(classes) and right < len(classes) and classes[left] == WORD and classes[right] == WORD
