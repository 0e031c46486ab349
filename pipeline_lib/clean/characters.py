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

from pipeline_lib.clean import kernel
from pipeline_lib.clean.kernel import BREAK, LETTER, PLAIN, SPACE, SYMBOL
from pipeline_lib.text.characters import HAN, KANA, Ranges

NUM_CLASSIFIED = 0x40000  # all code points from there on are SYMBOL: Unicode has no letters among them
_NUM_MIXED = 0x20000  # from there to NUM_CLASSIFIED all are Han

_FULL_WIDTH: Ranges = ((0x3000, 0x303F), (0xFF00, 0xFFEF))


@cache
def character_classes() -> npt.NDArray[np.uint8]:
    """The class of each code point below NUM_CLASSIFIED, uint8. What is said last counts."""
    characters = [chr(point) for point in range(_NUM_MIXED)]
    classes = np.full(NUM_CLASSIFIED, SYMBOL, np.uint8)
    _set(classes, _FULL_WIDTH, BREAK)
    mixed = classes[:_NUM_MIXED]
    mixed[[unicodedata.category(character)[0] == "N" for character in characters]] = PLAIN
    mixed[[character.isalpha() for character in characters]] = LETTER
    _set(classes, KANA, kernel.KANA)
    _set(classes, HAN, kernel.HAN)
    mixed[[character.isspace() for character in characters]] = SPACE
    return classes


def _set(classes: npt.NDArray[np.uint8], ranges: Ranges, value: int) -> None:
    for first, last in ranges:
        classes[first : last + 1] = value
