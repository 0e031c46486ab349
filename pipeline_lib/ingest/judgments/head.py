"""What the rules look at: the lines of a judgment's beginning and end, without mark-up.

A judgment names its court, number, parties and (in common law) date at its beginning, and in China its date at its end.
So long texts cost what short ones do.
"""

import re
from typing import NamedTuple

from pipeline_lib.text.references import unescaped

HEAD_CHARS, TAIL_CHARS = 12_000, 6_000  # of the text as it is shown
HTML_CHARS = 400_000  # of its source, at either end: heads of pages are full of scripts
NOT_SHOWN = re.compile(r"<(script|style|head|noscript|template)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.I | re.S)
BREAKS = re.compile(
    r"</?(?:p|div|br|hr|h[1-6]|li|ul|ol|tr|td|th|table|title|section|article|header|center|pre|dd|dt|dl)\b[^<>]*>", re.I
)
TAGS = re.compile(r"<[^<>]*>")
MARKS_BEFORE, MARKS_BEHIND = " #>*|_", " *|_"  # of a line; stripped: a rule that ends in $ takes their square
BLANKS = re.compile(r"[^\S\n]+")
# Chinese headings are spread out by blanks, and PDF puts them around digits: none of them means anything.
SIGN = r"[\u4e00-\u9fff（）〔〕()：，、。〇○]"
BETWEEN_HAN = re.compile(rf"(?<={SIGN}) (?={SIGN}|\d)|(?<=\d) (?=[\u4e00-\u9fff])")
DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")
HAN, LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]")


class Lines(NamedTuple):
    """The lines of both ends, none of them empty."""

    head: tuple[str, ...]
    tail: tuple[str, ...]

    @property
    def is_chinese(self) -> bool:
        """Whether more of the beginning is written in Han characters than in Latin words of four letters."""
        text = "".join(self.head)
        return len(HAN.findall(text)) > len(LATIN.findall(text)) / 4


def lines_of(text: str, *, is_html: bool) -> Lines:
    """The lines of a judgment."""
    if is_html:
        return Lines(_lines(_shown(text[:HTML_CHARS])[:HEAD_CHARS]), _lines(_shown(text[-HTML_CHARS:])[-TAIL_CHARS:]))
    return Lines(_lines(text[:HEAD_CHARS]), _lines(text[-TAIL_CHARS:]))


def _shown(source: str) -> str:
    broken = BREAKS.sub("\n", NOT_SHOWN.sub("\n", source))
    return unescaped(TAGS.sub("", broken)).strip()


def _lines(text: str) -> tuple[str, ...]:
    lines = (BLANKS.sub(" ", line) for line in text.translate(DIGITS).splitlines())
    found = (line.lstrip(MARKS_BEFORE).rstrip(MARKS_BEHIND) for line in lines)
    return tuple(BETWEEN_HAN.sub("", line) for line in found if line)
