"""Texts in segments of a bounded length, for those who split: none ends inside a sentence.

    segments_of(texts, at_least=200, at_most=1_000)     a list of strings for each text, which together are that text

A segment ends where a paragraph does once it has `at_least` characters, else with the last sentence that fits into
`at_most`. Where no sentence ends within that, the last line that fits ends it: a list or a table has no sentences.
Where no line does, it is as long as it has to be. It is shorter than `at_least` only where the one before is too long
to take it. Where sentences end, signs say (sentence_ends.py); a line that ends without one may go on in the next.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.sentence_ends import ends_as_sentence, next_inner_end
from pipeline_lib.text.buffers import parts_of

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

_LINE, _SENTENCE, _PARAGRAPH = 0, 1, 2  # what ends at a border
_NEWLINE, _BLANK, _TAB = 10, 32, 9


def segments_of(texts: pa.LargeStringArray, *, at_least: int, at_most: int) -> pa.LargeListArray:
    """The segments of each text, lengths in characters; an empty text has none. The texts are not copied.

    Raises `ValueError` where `at_least` is below 0 or above `at_most`.
    """
    if not 0 <= at_least <= at_most:
        raise ValueError(f"at_least is {at_least}, at_most {at_most}: 0 <= at_least <= at_most")

    def cut(data: Bytes, offsets: Offsets, ends: Offsets, counts: Offsets) -> None:
        _cut_all(data, offsets, at_least, at_most, ends, counts)

    return parts_of(texts, cut)


@compiled
def _cut_all(
    text: Bytes, offsets: Offsets, at_least: Integer, at_most: Integer, ends: Offsets, counts: Offsets
) -> None:
    """Fill `ends` with the borders of all segments, and `counts` with how many there are up to each text."""
    for number in range(len(offsets) - 1):
        first, last = offsets[number], offsets[number + 1]
        counts[number + 1] = _cut(text, first, last, at_least, at_most, ends, counts[number])


@compiled
def _cut(
    text: Bytes, first: Integer, last: Integer, at_least: Integer, at_most: Integer, ends: Offsets, count: Integer
) -> Integer:
    """Add the borders of one text; how many segments there are with it. `at` and `chars` go from border to border."""
    before = count  # segments of other texts: nothing is joined with them
    begin, chars, begun, joined = first, 0, 0, 0  # `begun`: characters before this segment, `joined`: before the last
    strong, strong_chars, weak, weak_chars = first, 0, first, 0  # the last borders that would do
    at, line_end = first, first - 1
    while at < last:
        if at > line_end:
            line_end = _line_end(text, at, last)
        end, kind = _next_border(text, at, line_end, last)
        chars += _num_chars(text, at, end)
        at = end
        while chars - begun > at_most and (strong > begin or weak > begin):
            cut, cut_chars = (strong, strong_chars) if strong > begin else (weak, weak_chars)
            count, joined = _add(cut, cut_chars, begun, joined, at_least, at_most, ends, count, before)
            begin, begun = cut, cut_chars
        length = chars - begun
        if at == last or length > at_most or (kind == _PARAGRAPH and length >= at_least):
            count, joined = _add(at, chars, begun, joined, at_least, at_most, ends, count, before)
            begin, begun = at, chars
        elif kind == _LINE:
            weak, weak_chars = at, chars
        else:
            strong, strong_chars = at, chars
    return count


@compiled
def _add(
    end: Integer,
    chars: Integer,
    begun: Integer,
    joined: Integer,
    at_least: Integer,
    at_most: Integer,
    ends: Offsets,
    count: Integer,
    before: Integer,
) -> tuple[Integer, Integer]:
    """Add a segment, or let the one before it take it in; how many there are, and where the last one begins."""
    if count > before and chars - begun < at_least and chars - joined <= at_most:
        ends[count] = end
        return count, joined
    ends[count + 1] = end
    return count + 1, begun


@compiled
def _line_end(text: Bytes, at: Integer, last: Integer) -> Integer:
    while at < last and text[at] != _NEWLINE:
        at += 1
    return at


@compiled
def _next_border(text: Bytes, at: Integer, line_end: Integer, last: Integer) -> tuple[Integer, Integer]:
    """The first border behind a byte in a line, and what ends there. Line ends belong to what they end."""
    end = next_inner_end(text, at, line_end)
    if end < line_end:
        return end, _SENTENCE
    behind = _behind_blank_lines(text, line_end, last)
    if behind > line_end + 1 or behind == last:
        return behind, _PARAGRAPH
    while line_end > at and (text[line_end - 1] == _BLANK or text[line_end - 1] == _TAB):
        line_end -= 1
    is_whole = line_end > at and ends_as_sentence(text, at, line_end)
    return behind, _SENTENCE if is_whole else _LINE


@compiled
def _behind_blank_lines(text: Bytes, at: Integer, last: Integer) -> Integer:
    """Behind the end of a line, and behind the lines of blanks that follow it."""
    behind = at
    while at < last and (text[at] == _NEWLINE or text[at] == _BLANK or text[at] == _TAB):
        at += 1
        if text[at - 1] == _NEWLINE:
            behind = at
    return last if at == last else behind


@compiled
def _num_chars(text: Bytes, first: Integer, last: Integer) -> Integer:
    count = 0
    for at in range(first, last):
        count += text[at] & 0xC0 != 0x80
    return count
