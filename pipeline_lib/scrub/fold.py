"""One spelling for the many ways to write a number or an address, character by character.

Full-width forms, mathematical letters and the digits of all scripts become ASCII; all dashes and blanks become "-" and
" ". Each character stays one character, so that a place in the folded text is the same place in the text. Zero-width
characters are the exception: they are left out, and a list of origins leads back.
"""

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

ZERO_WIDTH = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
# Hyphens and dashes of typography, the minus sign, the small hyphen; the full-width one is in the block below.
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
MIDDLE_DOTS = "\u00b7\u2022\u2027\u30fb"
SMALL_FORMS = {"\ufe52": ".", "\ufe55": ":", "\ufe59": "(", "\ufe5a": ")", "\ufe62": "+", "\ufe6b": "@"}
FULL_WIDTH = range(0xFF01, 0xFF5F)  # "！" to "～": ASCII moved by 0xFEE0
IDEOGRAPHIC = 0x20000  # Han, tags and private use from there on: no digits, no blanks
MATHEMATICAL = range(0x1D400, 0x1D800)  # bold, script, double-struck, ... letters and digits


@dataclass(frozen=True)
class Folded:
    """A folded text and the way back."""

    text: str
    origins: Sequence[int]  # place in the original of each character, and of the end

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Where the folded characters `start` to `end` stand in the original; inner zero-width ones are included."""
        return self.origins[start], self.origins[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold a text for detection."""
    mapped = text.translate(_table())
    if not any(character in mapped for character in ZERO_WIDTH):
        return Folded(mapped, range(len(text) + 1))
    kept = [place for place, character in enumerate(mapped) if character not in ZERO_WIDTH]
    return Folded("".join(mapped[place] for place in kept), [*kept, len(text)])


@functools.cache
def _table() -> dict[int, str]:
    """Code point to ASCII character."""
    table = {ord(dash): "-" for dash in DASHES}
    table |= {ord(dot): "." for dot in MIDDLE_DOTS}
    table |= {ord(sign): plain for sign, plain in SMALL_FORMS.items()}
    table |= {code: chr(code - 0xFEE0) for code in FULL_WIDTH}
    for code in MATHEMATICAL:
        plain = unicodedata.normalize("NFKC", chr(code))
        if len(plain) == 1 and plain.isascii():
            table[code] = plain
    for character in map(chr, range(128, IDEOGRAPHIC)):
        if character.isspace() and unicodedata.category(character) == "Zs":
            table[ord(character)] = " "
        elif character.isdecimal():
            table[ord(character)] = str(unicodedata.decimal(character))
    return table
