"""What a character is to the tokens: a separator, white space, part of a word, or a token of its own.

Characters are folded one by one: to NFKC and lower case where that is one character (full-width letters become plain
ones), so that a table does it at the speed of reading. pyarrow's `utf8_normalize` is no way: in 25.0.1 its "NFKC"
decomposes, and accents would split words.

A word is what `\\w+` finds. Han and kana are written without spaces, and `\\w+` would take a whole clause for a word:
near-duplicates are then nearly blind (recall .16 instead of .70 at a Jaccard of .7 to .8), so each of these
characters is a token of its own.
"""

import functools
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEPARATOR: Final = 0
SPACE: Final = 1
WORD: Final = 2
SINGLE: Final = 3

# Behind CJK Extension H nothing is assigned but tags and private use: separators, without a table.
NUM_CODES: Final = 0x323B0

# Radicals, iteration marks and numerals; hiragana and katakana; Han with its extensions, compatibility forms and
# historic kana. Half-width kana became full-width by NFKC.
SINGLE_RANGES: Final = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x303C),
    (0x3041, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x323AF),
)


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


@functools.cache
def character_classes() -> NDArray[np.uint8]:
    """The class of each code point below `NUM_CODES`, uint8[NUM_CODES]."""
    characters = [chr(code) for code in range(NUM_CODES)]
    classes = np.full(NUM_CODES, SEPARATOR, np.uint8)
    classes[[character.isspace() for character in characters]] = SPACE
    classes[[character.isalnum() for character in characters]] = WORD
    classes[ord("_")] = WORD
    for first, last in SINGLE_RANGES:
        inside = classes[first : last + 1]
        inside[inside == WORD] = SINGLE
    return classes


def _utf8_length(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))
