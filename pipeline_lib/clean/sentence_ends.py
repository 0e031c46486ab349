"""Where sentences end, in compiled code, by signs alone: so that a document of one line is judged like one of many.

A segment is a line, or what a sentence that ends inside a line cuts off it. The signs are those that Unicode calls
Sentence_Terminal (Unicode Annex 44), with the Chinese semicolon, which ends the items of a list. Most of them end a
sentence wherever they stand. Those that have other uses (. ! ?) do so inside a line only behind three words, where a
blank follows that no small letter comes after, or in the middle of Chinese; and a dot not behind a digit or a single
letter. So "1. Home 2. News" and "Mr. Smith" are no sentences, and a menu has none.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.characters import HAN, KANA
from pipeline_lib.text.utf8 import decode

_FEWEST_WORDS = 3
DOTS = ".․﹒．"
SHARED_STOPS = f"{DOTS}!?"  # addresses, numbers and abbreviations have them, too
OWN_STOPS = (  # as Unicode 17 has them, below U+10000
    "։؝؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶។៕᠃᠉᥄᥅᪨᪩᪪᪫᭎᭏᭚᭛᭞᭟᭽᭾᭿᰻᰼᱾᱿‼‽⁇⁈⁉⳹⳺⳻⸮⸼⹓⹔⹠⹡。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫︒︕︖﹖﹗！？｡；"
)
CLOSERS = "\"'”’»›)]}）］｝〕】〗》〉」』*_`"  # may stand behind the stop of a sentence and belong to it
LINE_ENDS = "\"'”’…；："  # end a line as a stop does, with what stands before and between the items of a Chinese list

# What a code point is; below _NUM_MARKED by table.
_OWN, _SHARED, _DOT, _CLOSER, _BLANK, _ALONE, _SMALL, _DIGIT, _LINE_END = 1, 2, 4, 8, 16, 32, 64, 128, 256
_NUM_MARKED = 0x20000  # from there on Unicode has Han, and nothing that counts here
_LAST_HAN = HAN[-1][1]

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Boolean = Any
Bytes = npt.NDArray[np.uint8]


def _marks() -> npt.NDArray[np.int16]:
    characters = [chr(point) for point in range(_NUM_MARKED)]
    marks = np.zeros(_NUM_MARKED, np.int16)
    for is_one, mark in ((str.isspace, _BLANK), (str.islower, _SMALL), (str.isdecimal, _DIGIT)):
        marks[list(map(is_one, characters))] |= mark
    for first, last in (*HAN, *KANA):
        marks[first : last + 1] |= _ALONE  # above the table a slice is empty
    signs = ((OWN_STOPS, _OWN), (SHARED_STOPS, _SHARED), (DOTS, _DOT), (CLOSERS, _CLOSER), (LINE_ENDS, _LINE_END))
    for those, mark in signs:
        marks[[ord(sign) for sign in those]] |= mark
    return marks


def _first_bytes() -> npt.NDArray[np.bool_]:
    """By byte, whether a stop begins with it: all others are passed over."""
    first = np.zeros(256, np.bool_)
    first[[sign.encode()[0] for sign in SHARED_STOPS + OWN_STOPS]] = True
    return first


_MARKS, _BEGINS_STOP = _marks(), _first_bytes()


@compiled
def count_inner_ends(text: Bytes, first: Integer, last: Integer) -> Integer:
    """How many sentences end inside a line that ends at a byte: more of the line follows behind each of them."""
    count, begin, at = 0, first, first
    while at < last:
        if not _BEGINS_STOP[text[at]]:
            at += 1
            continue
        point, width = decode(text, at)
        mark, stop = _mark_of(point), at
        at += width
        if mark & (_OWN | _SHARED):
            at = _behind_stop(text, at, last)
            if at < last and (mark & _OWN or _is_end(text, begin, stop, at, last)):
                count += 1
                begin = at
    return count


@compiled
def next_inner_end(text: Bytes, begin: Integer, last: Integer) -> Integer:
    """Behind the sentence that begins at a byte; `last`, where the line ends, if none ends before.

    Those that `count_inner_ends` counts, one by one: counting by it took 2 % more of all signals of a Chinese text.
    """
    at = begin
    while at < last:
        if not _BEGINS_STOP[text[at]]:
            at += 1
            continue
        point, width = decode(text, at)
        mark, stop = _mark_of(point), at
        at += width
        if mark & (_OWN | _SHARED):
            at = _behind_stop(text, at, last)
            if at < last and (mark & _OWN or _is_end(text, begin, stop, at, last)):
                return at
    return last


@compiled
def ends_as_sentence(text: Bytes, first: Integer, last: Integer) -> Boolean:
    """Whether a line, which is not empty, ends as a sentence does: with a stop, or with closing signs behind one."""
    point, at = _last_character(text, first, last)
    if _mark_of(point) & (_OWN | _SHARED | _LINE_END):
        return True
    while at > first and _mark_of(point) & _CLOSER:
        point, at = _last_character(text, first, at)
    return _mark_of(point) & (_OWN | _SHARED | _LINE_END) > 0


@compiled
def _mark_of(point: Integer) -> Integer:
    if point < _NUM_MARKED:
        return np.int64(_MARKS[point])
    return _ALONE if point <= _LAST_HAN else 0


@compiled
def _last_character(text: Bytes, first: Integer, last: Integer) -> tuple[Integer, Integer]:
    """The code point before a byte, and where it begins."""
    at = last - 1
    while at > first and text[at] & 0xC0 == 0x80:
        at -= 1
    return decode(text, at)[0], at


@compiled
def _behind_stop(text: Bytes, at: Integer, last: Integer) -> Integer:
    """Behind all stops and closing signs that follow one another."""
    while at < last:
        point, width = decode(text, at)
        if not _mark_of(point) & (_OWN | _SHARED | _CLOSER):
            break
        at += width
    return at


@compiled
def _is_end(text: Bytes, begin: Integer, stop: Integer, at: Integer, last: Integer) -> Boolean:
    """Whether a shared stop, with `at` behind what closes it, ends the sentence that began at `begin`."""
    if stop == begin:
        return False
    point, before = _last_character(text, begin, stop)
    last_mark, mark = _mark_of(point), _mark_of(decode(text, at)[0])
    if mark & _ALONE:
        return last_mark & _ALONE > 0
    is_dot = _mark_of(decode(text, stop)[0]) & _DOT
    if not mark & _BLANK or (is_dot and not _is_word_end(text, begin, before, last_mark)):
        return False
    while at < last and mark & _BLANK:
        point, width = decode(text, at)
        mark = _mark_of(point)
        at += width
    return not mark & _SMALL and _has_words(text, begin, stop)


@compiled
def _is_word_end(text: Bytes, begin: Integer, at: Integer, mark: Integer) -> Boolean:
    """Whether the character at a place, which has a mark, can be the last of a sentence that a dot ends."""
    if mark & _ALONE:
        return True
    return not mark & (_BLANK | _DIGIT) and at > begin and not _mark_of(_last_character(text, begin, at)[0]) & _BLANK


@compiled
def _has_words(text: Bytes, begin: Integer, end: Integer) -> Boolean:
    """Whether there are enough words for a sentence: runs without a blank, or characters that stand alone."""
    num_words, is_in_word, at = 0, False, begin
    while at < end and num_words < _FEWEST_WORDS:
        point, width = decode(text, at)
        mark = _mark_of(point)
        num_words += (not mark & _BLANK and not is_in_word) or mark & _ALONE > 0
        is_in_word = not mark & (_BLANK | _ALONE)
        at += width
    return num_words >= _FEWEST_WORDS
