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
    Room,
    Table,
    Words,
    is_seen,
    keep_likely_pairs,
    keep_pairs,
    num_marks,
    num_slots,
    repeated_run_chars,
    top_run_chars,
)
from pipeline_lib.clean.sentence_ends import count_inner_ends, ends_as_sentence
from pipeline_lib.text.mixing import hash_bytes, mix64, mix_in
from pipeline_lib.text.utf8 import MOST_COUNTED, decode, num_followers

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
_LOWER = 0x20202020  # makes letters small
_RESTS = next(n for n in range(8, 64) if len({packed % n for packed in _PACKED_STOP_WORDS}) == len(ENGLISH_STOP_WORDS))
_STOP_WORDS = np.zeros(_RESTS, np.int64)
_STOP_WORDS[[packed % _RESTS for packed in _PACKED_STOP_WORDS]] = _PACKED_STOP_WORDS
_JAVASCRIPT = np.frombuffer(b"javascript", np.uint8)
_LOREM_IPSUM = np.frombuffer(b"lorem ipsum", np.uint8)
_DOTS = np.frombuffer(b"...", np.uint8)
_TAB, _NEWLINE, _BLANK, _HASH_SIGN, _DOT, _LEFT_BRACE, _RIGHT_BRACE = map(np.uint8, b"\t\n #.{}")
_ELLIPSIS, _REPLACEMENT = (np.frombuffer(sign.encode(), np.uint8) for sign in "…\ufffd")
_ELLIPSIS_POINT = 0x2026
_EXACTLY, _IN_ANY_CASE = np.uint8(0), np.uint8(32)

_SEED, _ONE, _EIGHT = np.uint64(14695981039346656037), np.uint64(1), np.uint64(8)
_NUM_PURPOSES, _LINES = 16, 0  # of the hash table in one document; n-grams use their n (2 to 10)

# numba decides by itself which integers are int64 and which uint64; Python's int is neither.
Integer = Any
Boolean = Any
Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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
    marks = np.empty(num_marks(longest), np.uint8)
    room = (np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64), marks)
    for i in range(len(rows)):
        text, row, epoch = data[offsets[i] : offsets[i + 1]], rows[i], (i + 1) * _NUM_PURPOSES
        _count_signs(text, row)
        num_words = _read_words(text, classes, hashes, lengths, row)
        # Lines and paragraphs stand in it together: with each paragraph but the first comes a line that is blank.
        mask = np.uint64(num_slots(max(num_words, _num_bytes(text, _NEWLINE) + 2)) - 1)
        _read_lines(text, table, mask, epoch, row)
        _read_ngrams((hashes[: num_words + 1], lengths[: num_words + 1]), room, table, mask, epoch, row)


@compiled
def _class_of(point: Integer, classes: Bytes) -> Integer:
    return np.int64(classes[point]) if point < len(classes) else SYMBOL


@compiled
def _count_signs(text: Bytes, row: Floats) -> None:
    """Fill the columns that need no words and no lines, and raw counts of signs.

    A pass a sign: each is a loop that the processor does on 32 bytes at once, so that all of them together take a
    fifth of the time of one that looks at each byte for all signs.
    """
    num_chars = len(text) - num_followers(text, 0, len(text))
    row[NUM_CHARS], row[HASH_SIGNS] = num_chars, _num_bytes(text, _HASH_SIGN)
    row[CURLY_BRACES] = _num_bytes(text, _LEFT_BRACE) + _num_bytes(text, _RIGHT_BRACE)
    row[ELLIPSES] = _num_triples(text, _ELLIPSIS, _EXACTLY) + _num_phrases(text, _DOTS, _DOTS)
    row[JAVASCRIPT] = _num_phrases(text, _JAVASCRIPT, _JAVASCRIPT)
    row[LOREM_IPSUM] = _num_phrases(text, _LOREM_IPSUM, _LOREM_IPSUM[7:])
    row[REPLACEMENT_CHARS] = _num_triples(text, _REPLACEMENT, _EXACTLY) / max(num_chars, 1)


@compiled
def _num_bytes(text: Bytes, sign: np.uint8) -> Integer:
    """Counted in 16 bits, of which a register holds four times as many as of 64."""
    total: Integer = 0
    for begin in range(0, len(text), MOST_COUNTED):
        count = np.uint16(0)
        for byte in text[begin : begin + MOST_COUNTED]:
            count = np.uint16(count + (byte == sign))
        total += count
    return total


@compiled
def _num_triples(text: Bytes, signs: Bytes, letters: np.uint8) -> Integer:
    """Places where the first three of `signs` stand; `letters` is 32 where both cases of them count, else 0."""
    one, two, three = signs[0], signs[1], signs[2]
    total: Integer = 0
    for begin in range(0, len(text) - 2, MOST_COUNTED):
        part, count = text[begin : begin + MOST_COUNTED + 2], np.uint16(0)
        for at in range(len(part) - 2):
            is_begun = (part[at] | letters == one) & (part[at + 1] | letters == two)
            count = np.uint16(count + (is_begun & (part[at + 2] | letters == three)))
        total += count
    return total


@compiled
def _num_phrases(text: Bytes, phrase: Bytes, rare: Bytes) -> Integer:
    """How often a phrase of ASCII stands there, one behind the other; letters, in lower case, stand for both cases.

    `rare`: three signs of it that are in few texts; only those that have them are read sign by sign.
    """
    count, at, first = 0, 0, phrase[0]
    if _num_triples(text, rare, _IN_ANY_CASE) == 0:
        return count
    while at + len(phrase) <= len(text):
        if text[at] | _IN_ANY_CASE == first and _starts_with(text, at, phrase):
            count += 1
            at += len(phrase) - 1
        at += 1
    return count


@compiled
def _starts_with(text: Bytes, at: Integer, phrase: Bytes) -> Boolean:
    for k in range(len(phrase)):
        if text[at + k] != phrase[k] and (phrase[k] < 97 or text[at + k] | 32 != phrase[k]):
            return False
    return True


@compiled
def _word_from(text: Bytes, at: Integer, classes: Bytes) -> tuple[Integer, Integer, Integer, Integer, Integer]:
    """The word that begins at a byte: its hash, characters, classes of them together, the last run of ASCII, its end.

    Up to eight bytes of ASCII are packed into one number, with a one before them, and mixed into the hash together.
    """
    length: Integer = 0
    flags: Integer = 0
    value, packed, is_word = _SEED, _ONE, True
    while is_word:
        packed, begin, behind = _ONE, at, min(at + 8, len(text))
        while at < behind and text[at] < 0x80 and classes[text[at]] < SPACE:
            packed = packed << _EIGHT | np.uint64(text[at])
            flags |= np.int64(classes[text[at]])
            at += 1
        value = mix_in(value, packed)
        length += at - begin
        if at - begin == 8:
            continue  # also where nothing follows: a word has one hash wherever it stands
        if at == len(text) or text[at] < 0x80:
            break
        point, width = decode(text, at)
        kind = _class_of(point, classes)
        is_word = kind < SPACE
        if is_word:
            value, length, flags, at = mix_in(value, ~np.uint64(point)), length + 1, flags | kind, at + width
    return mix64(value), length, flags, packed, at


@compiled
def _stop_word(packed: Integer, length: Integer) -> Integer:
    """A bit that names the English stop word of so many bytes, packed, in any case of letters; else 0."""
    mask = (1 << 8 * length) - 1
    letters = (np.int64(packed) | _LOWER) & mask
    rest = letters % _RESTS
    return (letters == _STOP_WORDS[rest]) << rest


@compiled
def _read_words(text: Bytes, classes: Bytes, hashes: Hashes, lengths: Counts, row: Floats) -> Integer:
    """Fill the columns about words and scripts, and the prefix sums over words; how many, those of symbols included.

    hashes[k] = hashes[k - 1] * BASE + hash of word k, so that the hash of a run is one product and one difference.
    """
    num_words, num_real, num_real_chars, num_alpha, num_stop, stop_found, at = 0, 0, 0, 0, 0, 0, 0
    num_spaces, num_han, num_kana = 0, 0, 0
    hashes[0], lengths[0] = 0, 0
    while at < len(text):
        point, width = np.int64(text[at]), 1
        if point >= 0x80:
            point, width = decode(text, at)
        kind = _class_of(point, classes)
        if SPACE <= kind < HAN:
            num_spaces += kind == SPACE
            at += width
            continue
        if kind < SPACE:
            value, length, flags, packed, at = _word_from(text, at, classes)
        else:
            value, length, flags, packed, at = mix64(_SEED ^ np.uint64(point)), 1, LETTER, _ONE, at + width
            num_han += kind == HAN
            num_kana += kind == KANA
        num_words += 1
        hashes[num_words] = hashes[num_words - 1] * BASE + value
        lengths[num_words] = lengths[num_words - 1] + length
        num_alpha += flags & LETTER
        if flags & (LETTER | PLAIN):
            num_real += 1
            num_real_chars += length
        if flags == LETTER and 2 <= length <= 4:
            bit = _stop_word(packed, length)
            num_stop += bit > 0
            stop_found |= bit
    for k in range(_RESTS):
        row[NUM_STOP_WORDS] += stop_found >> k & 1
    num_solid = max(row[NUM_CHARS] - num_spaces, 1)
    row[HAN_CHARS], row[KANA_CHARS] = num_han / num_solid, num_kana / num_solid
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
            value, length = hash_bytes(text, first, last), last - first - num_followers(text, first, last)
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
    row[ELLIPSIS_LINES] += end == _ELLIPSIS_POINT or has_three_dots


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
    num_chars, (places, slots, _) = max(words[1][-1], 1), room
    num_runs = keep_likely_pairs(words, room)
    for n in range(2, 5):
        top, num_runs = top_run_chars(n, words, places[:num_runs], slots, table, mask, epoch + n)
        row[TOP_2_GRAM + n - 2] = min(top / num_chars, 1.0)
        num_runs = keep_pairs(places[:num_runs])
    for n in range(5, 11):
        covered = repeated_run_chars(n, words, places[:num_runs], table, mask, epoch + n)
        row[DUPLICATE_5_GRAM + n - 5] = covered / num_chars
        num_runs = keep_pairs(places[:num_runs])
