"""The sentences of texts, by signs alone, in compiled code over the buffers.

    sentences_of(texts)      a list of strings for each text, which together are that text

Where they end, inside a line and with it, says sentence_ends.py; a line that ends without a sign goes on in the next,
so a heading belongs to the sentence behind it, as it does to spaCy's sentencizer. White space behind a sentence is part
of it. One core: 300 MB/s; the sentencizer, which goes by tokens, 1.3 MB/s. How far both agree says docs/terms.md.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.sentence_ends import ends_as_sentence, next_inner_end
from pipeline_lib.text.buffers import parts_of

_NEWLINE, _BLANK = 10, 32  # up to _BLANK all bytes are blanks or controls

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


def sentences_of(texts: pa.LargeStringArray) -> pa.LargeListArray:
    """The sentences of each text, which must not be null; an empty text has none. The texts are not copied."""
    return parts_of(texts, _cut_all)


@compiled
def _cut_all(text: Bytes, offsets: Places, ends: Places, counts: Places) -> None:
    """Fill `ends` with the borders of all sentences, and `counts` with how many there are up to each text."""
    for number in range(len(offsets) - 1):
        counts[number + 1] = _cut(text, offsets[number], offsets[number + 1], ends, counts[number])


@compiled
def _cut(text: Bytes, first: Integer, last: Integer, ends: Places, count: Integer) -> Integer:
    """Add the borders of one text; how many sentences there are with it."""
    at, line_end = first, first - 1
    while at < last:
        if at > line_end:
            line_end = at
            while line_end < last and text[line_end] != _NEWLINE:
                line_end += 1
        end = next_inner_end(text, at, line_end)
        is_end = end < line_end
        if not is_end:
            word_end = line_end
            while word_end > at and text[word_end - 1] <= _BLANK:
                word_end -= 1
            is_end = word_end > at and ends_as_sentence(text, at, word_end)
        at = _behind_blanks(text, end, last)
        if is_end:
            count += 1
            ends[count] = at
    if ends[count] < last:  # at first it is where the text begins: they lie one behind the other
        count += 1
        ends[count] = last
    return count


@compiled
def _behind_blanks(text: Bytes, at: Integer, last: Integer) -> Integer:
    while at < last and text[at] <= _BLANK:
        at += 1
    return at
