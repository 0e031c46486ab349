"""Unicode repair: any text in, text with one form for each thing out. repair(repair(x)) = repair(x).

Mojibake ("â€™" for "’") is looked for only where its signs stand (mojibake.py).
Most documents hold nothing that repair would change, which `may_need_repair` tells at 400 MB/s.
"""

import functools
import itertools
import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.clean.mojibake import without_mojibake

# The characters stand in the patterns themselves, not as escapes: Python's `re` and RE2 write these in different ways.
# A lead byte of UTF-8 read as Latin-1 or Windows-1252, and what its next byte reads as there; C1 controls; U+FFFD.
_MOJIBAKE = re.compile(
    "[\x80-\x9f\ufffd]|[\xc2-\xf4][\xa0-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
)
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # begins with what _CONTROL takes away
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]")
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
    is_ascii = bool(pc.all(pc.string_is_ascii(texts)).as_py())
    return pc.match_substring_regex(texts, _signs_of_damage() if is_ascii else _signs_of_damage_or_of_parts())


def _signs_of_damage() -> str:
    return "|".join(pattern.pattern for pattern in (_MOJIBAKE, _LINE_END, _CONTROL))


@functools.cache
def _signs_of_damage_or_of_parts() -> str:
    """The same, or a character that NFC might change: a text without one is in NFC (Unicode Annex 15, section 9)."""
    unsafe = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}  # Hangul, composed by arithmetic
    characters = [chr(code) for code in itertools.chain(range(0x80, 0x20000), range(0x2F800, 0x2FA20))]
    facts = zip(
        characters, map(unicodedata.decomposition, characters), map(unicodedata.combining, characters), strict=True
    )
    for character, parts, order in facts:
        if order or (parts and not unicodedata.is_normalized("NFC", character)):
            unsafe.add(character)
        if parts and not parts.startswith("<"):  # what stands behind the first character may be composed with it
            unsafe.update(chr(int(code, 16)) for code in parts.split()[1:])
    return f"{_signs_of_damage()}|[{''.join(sorted(unsafe))}]"


def _repair_once(text: str) -> str:
    if not text.isascii() and _MOJIBAKE.search(text):
        text = without_mojibake(text)
    text = _LINE_END.sub("\n", text)
    text = _CONTROL.sub("", _TERMINAL_ESCAPE.sub("", text))
    return text if text.isascii() else unicodedata.normalize("NFC", text)
