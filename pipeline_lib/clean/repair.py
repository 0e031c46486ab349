"""Unicode repair: any text in, text with one form for each thing out. repair(repair(x)) = repair(x).

Mojibake ("â€™" for "’") is ftfy's work, at 5.6 MB/s; it is asked only where its signs stand. Its other fixes are off:
they would turn Chinese full-width punctuation into ASCII and curly quotes into straight ones.
"""

import re
import unicodedata

# A lead byte of UTF-8 read as Latin-1 or Windows-1252, and what its next byte reads as there; C1 controls; U+FFFD.
_MOJIBAKE = re.compile(
    r"[\x80-\x9f\ufffd]|[\xc2-\xf4][\xa0-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    r"\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
)
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]")
_OTHER_FIXES_OFF = {
    "unescape_html": False,
    "remove_terminal_escapes": False,
    "fix_latin_ligatures": False,
    "fix_character_width": False,
    "uncurl_quotes": False,
    "fix_line_breaks": False,
    "remove_control_chars": False,
    "normalization": None,
}
_MAX_PASSES = 5  # one fix may bring another to light (mojibake of mojibake); more than three were never seen


def repair(text: str) -> str:
    """The text without mojibake and control characters (newline and tab stay), in NFC, with \\n as line end."""
    for _ in range(_MAX_PASSES):
        repaired = _repair_once(text)
        if repaired == text:
            return text
        text = repaired
    return text


def _repair_once(text: str) -> str:
    if not text.isascii() and _MOJIBAKE.search(text):
        text = _without_mojibake(text)
    text = _LINE_END.sub("\n", text)
    text = _CONTROL.sub("", _TERMINAL_ESCAPE.sub("", text))
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _without_mojibake(text: str) -> str:
    import ftfy  # 0.1 s that most shards do without

    fixed: str = ftfy.fix_text(text, **_OTHER_FIXES_OFF)
    return fixed
