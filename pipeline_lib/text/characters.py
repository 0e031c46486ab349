"""What characters are, once for all stages: ranges for Han and kana, tables for what texts are compared by.

Chinese and Japanese are written without blanks, so where words are counted or compared each of these characters stands
alone. Ranges name blocks: a stage whose table looks at them leaves out what is not assigned there. Marks are what
Unicode's category M says, everywhere, and need no table: they belong to no word by themselves.

Characters are folded one by one: to NFKC and lower case where that is one character (full-width letters become plain
ones), so that a table does it at the speed of reading. pyarrow's `utf8_normalize` is no way: in 25.0.1 its "NFKC"
decomposes, and accents would split words.

A token is what `\\w+` finds, or one character that stands alone: `\\w+` would take a whole Chinese clause for a word,
and near-duplicates would be nearly blind (recall .16 instead of .70 at a Jaccard of .7 to .8).
"""

import functools
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ranges = tuple[tuple[int, int], ...]  # first and last code point

HAN: Final[Ranges] = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
KANA: Final[Ranges] = ((0x3041, 0x3096), (0x30A1, 0x30FA), (0x31F0, 0x31FF), (0xFF66, 0xFF9D))
# Radicals; iteration marks and numerals; marks of length and repetition; historic kana. For tokens they stand alone
# like the characters that they stand beside.
BESIDE_HAN_AND_KANA: Final[Ranges] = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x303C),
    (0x309D, 0x309F),
    (0x30FC, 0x30FF),
    (0x1AFF0, 0x1B16F),
)
ALONE: Final[Ranges] = (*HAN, *KANA, *BESIDE_HAN_AND_KANA)

# Classes of characters for tokens. Behind CJK Extension H nothing is assigned but tags and private use: separators,
# without a table.
SEPARATOR: Final = 0
SPACE: Final = 1
WORD: Final = 2
SINGLE: Final = 3
NUM_CODES: Final = 0x323B0


def in_brackets(ranges: Ranges) -> str:
    """Ranges as they stand between the brackets of a regular expression."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


@functools.cache
def token_classes() -> NDArray[np.uint8]:
    """The class of each code point below `NUM_CODES`, uint8[NUM_CODES]."""
    characters = [chr(code) for code in range(NUM_CODES)]
    classes = np.full(NUM_CODES, SEPARATOR, np.uint8)
    classes[[character.isspace() for character in characters]] = SPACE
    classes[[character.isalnum() for character in characters]] = WORD
    classes[ord("_")] = WORD
    for first, last in ALONE:
        inside = classes[first : last + 1]
        inside[inside == WORD] = SINGLE
    return classes


@functools.cache
def folded_characters() -> NDArray[np.uint32]:
    """The code point that stands for each code point below `NUM_CODES`, uint32[NUM_CODES].

    One whose folded form is several characters, or longer in UTF-8, stands for itself: normalized text never grows.
    """
    folded = np.arange(NUM_CODES, dtype=np.uint32)
    for character in _foldable():
        plain = unicodedata.normalize("NFKC", character).lower()
        if len(plain) == 1 and _utf8_length(plain) <= _utf8_length(character):
            folded[ord(character)] = ord(plain)
    return folded


def _foldable() -> list[str]:
    """The few characters that may fold to another one: without a decomposition a character is its own NFKC."""
    characters = [chr(code) for code in range(NUM_CODES)]
    forms = zip(characters, map(unicodedata.decomposition, characters), map(str.lower, characters), strict=True)
    return [character for character, parts, lower in forms if parts or lower != character]


def _utf8_length(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))
