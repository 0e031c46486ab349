"""Texts as py3langid's model reads them: in NFC, and what is in capitals alone in small letters.

Nearly all are so already, which a table by code point tells: letters and their case as Python has them, and the quick
check for NFC of Unicode Annex 15 (section 9: every mark in the order of its class, no character that NFC may change).
Only the others become Python strings.
"""

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.language_sample import Counts
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.utf8 import Bytes, Integer, decode

LETTER, SMALL, CAPITAL, UNSURE = 1, 2, 4, 8  # a title-case letter counts as a small one, as `str.isupper` has it
_NUM_CODES = 0x20000  # above it are Han, which have no case, and nothing that is a letter or a mark
_BEHIND_HAN = 0x323B0
_COMPATIBLE_HAN, _BEHIND_COMPATIBLE = 0x2F800, 0x2FA1E  # each of them is another character in NFC
_HANGUL_PARTS = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # composed by arithmetic

Flags = npt.NDArray[np.uint8]


def look(texts: pa.LargeStringArray) -> Flags:
    """Which of LETTER, SMALL, CAPITAL and UNSURE (whether it is in NFC) hold for each text, uint8."""
    flags = np.zeros(len(texts), np.uint8)
    data, offsets = buffers_of(texts)
    _look(data, offsets, *_tables(), flags)
    return flags


def readable(texts: pa.LargeStringArray, flags: Flags) -> pa.LargeStringArray:
    """The texts as the model reads them, given what `look` says."""
    is_odd = pa.array((flags & UNSURE > 0) | (flags & (SMALL | CAPITAL) == CAPITAL))
    if not is_odd.true_count:
        return texts
    plain = [_plain(text) for text in texts.filter(is_odd).to_pylist()]
    return pc.replace_with_mask(texts, is_odd, pa.array(plain, pa.large_string()))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text)


@compiled
def _look(data: Bytes, offsets: Counts, kinds: Bytes, orders: Bytes, flags: Flags) -> None:
    for i in range(len(flags)):
        flags[i] = _flags_of(data, offsets[i], offsets[i + 1], kinds, orders)


@compiled
def _flags_of(data: Bytes, at: Integer, end: Integer, kinds: Bytes, orders: Bytes) -> Integer:
    found, last_order = 0, np.int64(0)
    while at < end:
        code, width = decode(data, at)
        at += width
        kind, order = _kind_of(code, kinds), np.int64(orders[code]) if code < len(orders) else np.int64(0)
        found |= kind | (UNSURE if 0 < order < last_order else 0)
        last_order = order
    return found


@compiled
def _kind_of(code: Integer, kinds: Bytes) -> Integer:
    if code < len(kinds):
        return np.int64(kinds[code])
    if _COMPATIBLE_HAN <= code < _BEHIND_COMPATIBLE:
        return LETTER | UNSURE
    return LETTER if code < _BEHIND_HAN else 0


@cache
def _tables() -> tuple[Bytes, Bytes]:
    """By code point below _NUM_CODES: flags, and the canonical combining class; uint8 each."""
    characters = [chr(code) for code in range(_NUM_CODES)]
    kinds = np.zeros(_NUM_CODES, np.uint8)
    kinds[[character.isalpha() for character in characters]] |= LETTER
    kinds[[character.islower() or unicodedata.category(character) == "Lt" for character in characters]] |= SMALL
    kinds[[character.isupper() for character in characters]] |= CAPITAL
    kinds[list(_HANGUL_PARTS)] |= UNSURE
    for character, parts in zip(characters, map(unicodedata.decomposition, characters), strict=True):
        if parts and not unicodedata.is_normalized("NFC", character):
            kinds[ord(character)] |= UNSURE
        if parts and not parts.startswith("<"):  # what stands behind the first character may be composed with it
            kinds[[int(code, 16) for code in parts.split()[1:]]] |= UNSURE
    return kinds, np.array([unicodedata.combining(character) for character in characters], np.uint8)
