"""Which code points make words: a table by code point, from the Unicode data that Python carries.

White space and letters are what `str.isspace` and `str.isalpha` say; digits and other numbers are PLAIN; the rest,
which makes no word by itself (punctuation, symbols, combining marks, unassigned), is SYMBOL. Chinese has no blanks
between words: each Han character and each kana stands alone, and the full-width signs between them part words and
belong to none.
"""

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline_lib.clean.kernel import BREAK, HAN, KANA, LETTER, PLAIN, SPACE, SYMBOL

NUM_CLASSIFIED = 0x40000  # all code points from there on are SYMBOL: Unicode has no letters among them

_HAN = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x40000))
_KANA = (range(0x3041, 0x3097), range(0x30A1, 0x30FB), range(0x31F0, 0x3200), range(0xFF66, 0xFF9E))
_FULL_WIDTH = (range(0x3000, 0x3040), range(0xFF00, 0xFFF0))


@cache
def character_classes() -> npt.NDArray[np.uint8]:
    """The class of each code point below NUM_CLASSIFIED, uint8."""
    return np.fromiter((class_of(chr(point)) for point in range(NUM_CLASSIFIED)), np.uint8, NUM_CLASSIFIED)


def class_of(character: str) -> int:
    """The class of one character."""
    if character.isspace():
        return SPACE
    if _lies_in(_HAN, character):
        return HAN
    if _lies_in(_KANA, character):
        return KANA
    if character.isalpha():
        return LETTER
    if unicodedata.category(character)[0] == "N":
        return PLAIN
    return BREAK if _lies_in(_FULL_WIDTH, character) else SYMBOL


def _lies_in(ranges: tuple[range, ...], character: str) -> bool:
    return any(ord(character) in part for part in ranges)
