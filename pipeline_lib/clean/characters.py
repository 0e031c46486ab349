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
_NUM_MIXED = 0x20000  # from there to NUM_CLASSIFIED all are Han

_HAN = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x40000))
_KANA = (range(0x3041, 0x3097), range(0x30A1, 0x30FB), range(0x31F0, 0x3200), range(0xFF66, 0xFF9E))
_FULL_WIDTH = (range(0x3000, 0x3040), range(0xFF00, 0xFFF0))


@cache
def character_classes() -> npt.NDArray[np.uint8]:
    """The class of each code point below NUM_CLASSIFIED, uint8. What is said last counts."""
    characters = [chr(point) for point in range(_NUM_MIXED)]
    classes = np.full(NUM_CLASSIFIED, SYMBOL, np.uint8)
    _set(classes, _FULL_WIDTH, BREAK)
    mixed = classes[:_NUM_MIXED]
    mixed[[unicodedata.category(character)[0] == "N" for character in characters]] = PLAIN
    mixed[[character.isalpha() for character in characters]] = LETTER
    _set(classes, _KANA, KANA)
    _set(classes, _HAN, HAN)
    mixed[[character.isspace() for character in characters]] = SPACE
    return classes


def _set(classes: npt.NDArray[np.uint8], ranges: tuple[range, ...], value: int) -> None:
    for part in ranges:
        classes[part.start : part.stop] = value
