"""The compiled half of the quality signals: the UTF-8 bytes of documents in, one row of numbers for each out.

A document is read three times while it lies in the processor's cache (signs, words, lines); then runs of words
(n-grams) are looked up in a small hash table (repeats.py), as lines and paragraphs are.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.repeats import (
    BASE,
    Table,
    Words,
    is_seen,
    keep_pairs,
    num_slots,
    repeated_run_chars,
    top_run_chars,
)
from pipeline_lib.clean.sentence_ends import count_inner_ends, ends_as_sentence
from pipeline_lib.text.mixing import mix64
from pipeline_lib.text.utf8 import decode

SIGNALS = (
    "num_chars",
    "num_words",  # words with a letter or a digit
    "mean_word_length",  # in characters, of those words
    "alpha_word_share",  # words with a letter, of all words
    "num_stop_words",  # how many of the eight English stop words occur
    "stop_word_share",
    "hash_signs_per_word",
    "ellipses_per_word",
    "curly_braces_per_word",
    "num_lorem_ipsum",
    "replacement_char_share",  # U+FFFD, which a decoder leaves where it failed
    "han_char_share",  # of the characters that are not white space; so is the next
    "kana_char_share",
    "num_lines",  # lines that are not blank
    "bullet_line_share",
    "ellipsis_line_share",
    "terminal_line_share",  # lines that end as a sentence does
    "javascript_per_line",
    "duplicate_line_share",
    "duplicate_line_char_share",
    "duplicate_paragraph_share",
    "duplicate_paragraph_char_share",
    "top_2_gram_char_share",
    "top_3_gram_char_share",
    "top_4_gram_char_share",
    "duplicate_5_gram_char_share",
    "duplicate_6_gram_char_share",
    "duplicate_7_gram_char_share",
    "duplicate_8_gram_char_share",
    "duplicate_9_gram_char_share",
    "duplicate_10_gram_char_share",
    "num_paragraphs",  # runs of lines that are not blank
    "num_segments",  # lines, cut behind each sentence that ends inside one; see sentence_ends.py
    "ended_segment_share",  # segments that end as a sentence does
    "bullets_per_segment",  # lines that begin with one
    "cut_lines_per_segment",  # lines that end in an ellipsis
    "javascript_per_segment",
)
NUM_CHARS, NUM_WORDS, MEAN_WORD_LENGTH, ALPHA_WORDS, NUM_STOP_WORDS, STOP_WORDS = range(6)
HASH_SIGNS, ELLIPSES, CURLY_BRACES, LOREM_IPSUM, REPLACEMENT_CHARS, HAN_CHARS, KANA_CHARS = range(6, 13)
NUM_LINES, BULLET_LINES, ELLIPSIS_LINES, TERMINAL_LINES, JAVASCRIPT = range(13, 18)
DUPLICATE_LINES, DUPLICATE_LINE_CHARS, DUPLICATE_PARAGRAPHS, DUPLICATE_PARAGRAPH_CHARS = range(18, 22)
TOP_2_GRAM, DUPLICATE_5_GRAM = 22, 25
NUM_PARAGRAPHS, NUM_SEGMENTS, ENDED_SEGMENTS, SEGMENT_BULLETS, SEGMENT_CUT_LINES, SEGMENT_JAVASCRIPT = range(31, 37)

# Classes of code points. Words are made of the first three; a Chinese character or a kana is a word of its own.
LETTER, PLAIN, SYMBOL, SPACE, BREAK, HAN, KANA = 1, 2, 4, 8, 16, 32, 64

BULLETS = "-*•‣◦●·▪"
TERMINAL = ".!?\"'”’…。！？；：」』"  # with what stands before and between the items of a Chinese list
ENGLISH_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
_BULLETS = np.array([ord(sign) for sign in BULLETS], np.int64)
_TERMINAL = np.array([ord(sign) for sign in TERMINAL], np.int64)
_PACKED_STOP_WORDS = [int.from_bytes(word.encode(), "big") for word in ENGLISH_STOP_WORDS]
# The number by which they leave eight different rests: a word is compared with the one of its rest alone.
_RESTS = next(n for n in range(8, 64) if len({packed % n for packed in _PACKED_STOP_WORDS}) == len(ENGLISH_STOP_WORDS))
_STOP_WORDS = np.zeros(_RESTS, np.int64)
_STOP_WORDS[[packed % _RESTS for packed in _PACKED_STOP_WORDS]] = _PACKED_STOP_WORDS
_JAVASCRIPT = np.frombuffer(b"javascript", np.uint8)
_LOREM_IPSUM = np.frombuffer(b"lorem ipsum", np.uint8)
_DOTS = np.frombuffer(b"...", np.uint8)
_TAB, _NEWLINE, _BLANK, _HASH_SIGN, _DOT, _LEFT_BRACE, _RIGHT_BRACE = 9, 10, 32, 35, 46, 123, 125
_ELLIPSIS, _REPLACEMENT = 0x2026, 0xFFFD

_SEED, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a
_NUM_PURPOSES, _LINES = 16, 0  # of the hash table in one document; n-grams use their n (2 to 10)

# numba decides by itself which integers are int64 and which uint64; Python's int is neither.
Integer = Any
Boolean = Any
Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Room = tuple[Counts, Counts]  # for the places of runs, and for their slots in the table


@compiled
def measure(data: Bytes, offsets: Counts, classes: Bytes, table: Table, rows: Floats) -> None:
    """Fill one row of `rows` (documents x SIGNALS, zeros) for each document data[offsets[i]:offsets[i + 1]].

    `classes` gives the class of each code point below its length; what lies above is SYMBOL. `table` needs
    `num_slots(bytes of the longest document + 2)` slots, with epochs of zero.
    """
    longest = 0
    for i in range(len(rows)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    hashes = np.empty(longest + 1, np.uint64)  # of the first k words
    lengths = np.empty(longest + 1, np.int64)  # characters in the first k words
    room = (np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64))
    for i in range(len(rows)):
        text, row, epoch = data[offsets[i] : offsets[i + 1]], rows[i], (i + 1) * _NUM_PURPOSES
        num_newlines = _count_signs(text, classes, row)
        num_words = _read_words(text, classes, hashes, lengths, row)
        # Lines and paragraphs stand in it together: with each paragraph but the first comes a line that is blank.
        mask = np.uint64(num_slots(max(num_words, num_newlines + 2)) - 1)
        _read_lines(text, table, mask, epoch, row)
        _read_ngrams((hashes[: num_words + 1], lengths[: num_words + 1]), room, table, mask, epoch, row)


@compiled
def _class_of(point: Integer, classes: Bytes) -> Integer:
    return np.int64(classes[point]) if point < len(classes) else SYMBOL


@compiled
def _count_signs(text: Bytes, classes: Bytes, row: Floats) -> Integer:
    """Fill the columns that need no words and no lines, and raw counts of signs; the number of newlines."""
    ascii_counts = np.zeros(128, np.int64)
    num_wide, num_wide_spaces, num_han, num_kana, num_ellipses, num_replacement, at = 0, 0, 0, 0, 0, 0, 0
    while at < len(text):
        byte = text[at]
        if byte < 0x80:
            ascii_counts[byte] += 1
            if byte == _DOT and _starts_with(text, at, _DOTS):
                num_ellipses += 1
                ascii_counts[_DOT] += 2
                at += 2
            elif byte | 32 == _JAVASCRIPT[0] and _starts_with(text, at, _JAVASCRIPT):
                row[JAVASCRIPT] += 1
            elif byte | 32 == _LOREM_IPSUM[0] and _starts_with(text, at, _LOREM_IPSUM):
                row[LOREM_IPSUM] += 1
            at += 1
            continue
        point, width = decode(text, at)
        at += width
        kind = _class_of(point, classes)
        num_wide += 1
        num_wide_spaces += kind == SPACE
        num_han += kind == HAN
        num_kana += kind == KANA
        num_ellipses += point == _ELLIPSIS
        num_replacement += point == _REPLACEMENT
    num_chars = num_wide + ascii_counts.sum()
    num_solid = num_chars - num_wide_spaces
    for sign in range(128):
        num_solid -= ascii_counts[sign] * (classes[sign] == SPACE)
    row[NUM_CHARS], row[ELLIPSES], row[HASH_SIGNS] = num_chars, num_ellipses, ascii_counts[_HASH_SIGN]
    row[CURLY_BRACES] = ascii_counts[_LEFT_BRACE] + ascii_counts[_RIGHT_BRACE]
    row[REPLACEMENT_CHARS] = num_replacement / max(num_chars, 1)
    row[HAN_CHARS], row[KANA_CHARS] = num_han / max(num_solid, 1), num_kana / max(num_solid, 1)
    return ascii_counts[_NEWLINE]


@compiled
def _starts_with(text: Bytes, at: Integer, phrase: Bytes) -> Boolean:
    """Whether a phrase of ASCII stands there; its letters, which must be lower case, match both cases."""
    if at + len(phrase) > len(text):
        return False
    for k in range(len(phrase)):
        if text[at + k] != phrase[k] and (phrase[k] < 97 or text[at + k] | 32 != phrase[k]):
            return False
    return True


@compiled
def _next_word(text: Bytes, at: Integer, classes: Bytes) -> tuple[Integer, Integer, Integer, Integer]:
    """The first word at or behind a byte: hash, characters (0: there is none), classes of them together, its end."""
    value, length, flags = _SEED, 0, 0
    while at < len(text):
        point, width = np.int64(text[at]), 1
        if point >= 0x80:
            point, width = decode(text, at)
        kind = _class_of(point, classes)
        if kind < SPACE:
            value = (value ^ np.uint64(point)) * _PRIME
            length += 1
            flags |= kind
        elif length > 0:
            break
        elif kind >= HAN:
            return mix64((_SEED ^ np.uint64(point)) * _PRIME), 1, LETTER, at + width
        at += width
    return mix64(value), length, flags, at


@compiled
def _stop_word(text: Bytes, end: Integer, length: Integer) -> Integer:
    """A bit that names the English stop word of `length` bytes before `end`, in any case of letters; else 0."""
    packed = 0
    for at in range(end - length, end):
        packed = packed << 8 | text[at] | 32
    rest = packed % _RESTS
    return (packed == _STOP_WORDS[rest]) << rest


@compiled
def _read_words(text: Bytes, classes: Bytes, hashes: Hashes, lengths: Counts, row: Floats) -> Integer:
    """Fill the columns about words and the prefix sums over them; the number of words, those of symbols included.

    hashes[k] = hashes[k - 1] * BASE + hash of word k, so that the hash of a run is one product and one difference.
    """
    num_words, num_real, num_real_chars, num_alpha, num_stop, stop_found, at = 0, 0, 0, 0, 0, 0, 0
    hashes[0], lengths[0] = 0, 0
    while True:
        value, length, flags, at = _next_word(text, at, classes)
        if length == 0:
            break
        num_words += 1
        hashes[num_words] = hashes[num_words - 1] * BASE + value
        lengths[num_words] = lengths[num_words - 1] + length
        num_alpha += flags & LETTER
        if flags & (LETTER | PLAIN):
            num_real += 1
            num_real_chars += length
        if flags == LETTER and 2 <= length <= 4:
            bit = _stop_word(text, at, length)
            num_stop += bit > 0
            stop_found |= bit
    for k in range(_RESTS):
        row[NUM_STOP_WORDS] += stop_found >> k & 1
    row[NUM_WORDS] = num_real
    row[MEAN_WORD_LENGTH] = num_real_chars / max(num_real, 1)
    row[ALPHA_WORDS] = num_alpha / max(num_words, 1)
    row[STOP_WORDS] = num_stop / max(num_words, 1)
    for column in (HASH_SIGNS, ELLIPSES, CURLY_BRACES):
        row[column] /= max(num_words, 1)
    return num_words


@compiled
def _read_lines(text: Bytes, table: Table, mask: Integer, epoch: Integer, row: Floats) -> None:
    """Fill the columns about lines, and about paragraphs: runs of lines that are not blank."""
    num_chars, paragraph, paragraph_chars, start = 0, _SEED, 0, 0
    for end in range(len(text) + 1):
        if end < len(text) and text[end] != _NEWLINE:
            continue
        first, last = _trimmed(text, start, end)
        start = end + 1
        if first < last:
            value, length = _hash_bytes(text, first, last)
            _count_line(text, first, last, row)
            _count_segments(text, first, last, row)
            num_chars += length
            if is_seen(value, table, mask, epoch + _LINES):
                row[DUPLICATE_LINES] += 1
                row[DUPLICATE_LINE_CHARS] += length
            paragraph, paragraph_chars = mix64(paragraph * BASE + value), paragraph_chars + length
        if paragraph_chars > 0 and (first == last or end == len(text)):
            row[NUM_PARAGRAPHS] += 1
            if is_seen(paragraph, table, mask, epoch + _LINES):
                row[DUPLICATE_PARAGRAPHS] += 1
                row[DUPLICATE_PARAGRAPH_CHARS] += paragraph_chars
            paragraph, paragraph_chars = _SEED, 0
    row[SEGMENT_BULLETS], row[SEGMENT_CUT_LINES] = row[BULLET_LINES], row[ELLIPSIS_LINES]
    row[SEGMENT_JAVASCRIPT] = row[JAVASCRIPT]
    for column in (ENDED_SEGMENTS, SEGMENT_BULLETS, SEGMENT_CUT_LINES, SEGMENT_JAVASCRIPT):
        row[column] /= max(row[NUM_SEGMENTS], 1)
    for column in (BULLET_LINES, ELLIPSIS_LINES, TERMINAL_LINES, JAVASCRIPT, DUPLICATE_LINES):
        row[column] /= max(row[NUM_LINES], 1)
    row[DUPLICATE_PARAGRAPHS] /= max(row[NUM_PARAGRAPHS], 1)
    for column in (DUPLICATE_LINE_CHARS, DUPLICATE_PARAGRAPH_CHARS):
        row[column] /= max(num_chars, 1)


@compiled
def _trimmed(text: Bytes, first: Integer, last: Integer) -> tuple[Integer, Integer]:
    """The range without blanks and tabs at its ends."""
    while first < last and (text[first] == _BLANK or text[first] == _TAB):
        first += 1
    while first < last and (text[last - 1] == _BLANK or text[last - 1] == _TAB):
        last -= 1
    return first, last


@compiled
def _hash_bytes(text: Bytes, first: Integer, last: Integer) -> tuple[Integer, Integer]:
    """The hash of a range that is not empty, and its length in characters."""
    value, num_chars = _SEED, 0
    for at in range(first, last):
        value = (value ^ np.uint64(text[at])) * _PRIME
        num_chars += text[at] & 0xC0 != 0x80
    return mix64(value), num_chars


@compiled
def _count_line(text: Bytes, first: Integer, last: Integer, row: Floats) -> None:
    """Count one line that is not blank, by how it begins and ends."""
    begin, _ = decode(text, first)
    at = last - 1
    while text[at] & 0xC0 == 0x80:
        at -= 1
    end, _ = decode(text, at)
    has_three_dots = last - first >= 3 and end == _DOT and text[last - 2] == _DOT and text[last - 3] == _DOT
    row[NUM_LINES] += 1
    row[BULLET_LINES] += _is_among(begin, _BULLETS)
    row[TERMINAL_LINES] += _is_among(end, _TERMINAL)
    row[ELLIPSIS_LINES] += end == _ELLIPSIS or has_three_dots


@compiled
def _is_among(point: Integer, signs: Counts) -> Boolean:
    """Without an array of its own, which would cost more than the line."""
    found = False
    for sign in signs:
        found |= point == sign
    return found


@compiled
def _count_segments(text: Bytes, first: Integer, last: Integer, row: Floats) -> None:
    """Count the segments of one line that is not blank, and those that end as a sentence does."""
    num_inner_ends = count_inner_ends(text, first, last)
    row[NUM_SEGMENTS] += num_inner_ends + 1
    row[ENDED_SEGMENTS] += num_inner_ends + ends_as_sentence(text, first, last)


@compiled
def _read_ngrams(words: Words, room: Room, table: Table, mask: Integer, epoch: Integer, row: Floats) -> None:
    """Fill the columns about runs of words: shares of the characters that lie in words."""
    num_chars, num_runs = max(words[1][-1], 1), max(len(words[0]) - 2, 0)
    places, slots = room
    for k in range(num_runs):
        places[k] = k
    for n in range(2, 5):
        top, num_runs = top_run_chars(n, words, places[:num_runs], slots, table, mask, epoch + n)
        row[TOP_2_GRAM + n - 2] = min(top / num_chars, 1.0)
        num_runs = keep_pairs(places[:num_runs])
    for n in range(5, 11):
        covered = repeated_run_chars(n, words, places[:num_runs], table, mask, epoch + n)
        row[DUPLICATE_5_GRAM + n - 5] = covered / num_chars
        num_runs = keep_pairs(places[:num_runs])
