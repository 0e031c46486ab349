"""Unicode repair: any text in, text with one form for each thing out. repair(repair(x)) = repair(x).

Mojibake ("â€™" for "’") is looked for only where its signs stand (mojibake.py).
Most documents hold nothing that repair would change, which `may_need_repair` tells by a table (suspects.py).
"""

import functools
import re
import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.clean.mojibake import without_mojibake
from pipeline_lib.clean.suspects import ALONE, FOLLOWS, LEADS, hold_damage

# A lead byte of UTF-8 read as Latin-1 or Windows-1252, and what its next byte reads as there; C1 controls; U+FFFD.
_LEADS = "[\xc2-\xf4]"
_FOLLOWS = (
    "[\xa0-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
)
_DECODED_WRONGLY = "[\x80-\x9f\ufffd]"
_MOJIBAKE = re.compile(f"{_DECODED_WRONGLY}|{_LEADS}{_FOLLOWS}")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # begins with what _CONTROL takes away
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]")
_LAST_LETTER, _COMPATIBLE_HAN = 0x20000, (0x2F800, 0x2FA20)  # between and above NFC changes nothing
_MAX_PASSES = 5  # one fix may bring another to light (mojibake of mojibake); more than three were never seen


def repair(text: str) -> str:
    """The text without mojibake and control characters (newline and tab stay), in NFC, with \\n as line end."""
    for _ in range(_MAX_PASSES):
        repaired = _repair_once(text)
        if repaired == text:
            return text
        text = repaired
    return text


def may_need_repair(texts: pa.LargeStringArray) -> pa.BooleanArray:
    """For each text, whether repair has to look at it; it leaves all others as they are."""
    return pa.array(hold_damage(texts, _kinds()))


@functools.cache
def _kinds() -> npt.NDArray[np.uint8]:
    """By code point, what the patterns find in it, and which character NFC might change.

    A text without such a character is in NFC (Unicode Annex 15, section 9).
    """
    codes = [*range(0xD800), *range(0xE000, _LAST_LETTER), *range(*_COMPATIBLE_HAN)]
    characters = [chr(code) for code in codes]
    damage = re.compile("|".join((_DECODED_WRONGLY, _LINE_END.pattern, _CONTROL.pattern)))
    kinds = np.zeros(_COMPATIBLE_HAN[1], np.uint8)
    for flag, pattern in ((ALONE, damage), (LEADS, re.compile(_LEADS)), (FOLLOWS, re.compile(_FOLLOWS))):
        kinds[[ord(character) for character in pattern.findall("".join(characters))]] |= flag
    kinds[[*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]] |= ALONE  # Hangul, composed by arithmetic
    for character in characters:
        parts = unicodedata.decomposition(character)
        if unicodedata.combining(character) or (parts and not unicodedata.is_normalized("NFC", character)):
            kinds[ord(character)] |= ALONE
        if parts and not parts.startswith("<"):  # what stands behind the first character may be composed with it
            kinds[[int(code, 16) for code in parts.split()[1:]]] |= ALONE
    return kinds


def _repair_once(text: str) -> str:
    if not text.isascii() and _MOJIBAKE.search(text):
        text = without_mojibake(text)
    text = _LINE_END.sub("\n", text)
    text = _CONTROL.sub("", _TERMINAL_ESCAPE.sub("", text))
    return text if text.isascii() else unicodedata.normalize("NFC", text)
