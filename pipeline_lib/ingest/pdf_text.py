"""The text of a PDF from the texts of its pages as PDFium gives them.

Lines end with a line feed and pages with a blank line. A word that was divided at the end of a line is joined; it keeps
its hyphen where the document has it written so elsewhere. Running heads and feet go: the first or last line of nearly
all pages, where it is the same but for numbers, and these count the pages. What is less sure stays.
"""

import re
from collections import Counter
from collections.abc import Sequence

DIVIDED = "\x02"  # PDFium's sign for a hyphen at the end of a line that it has taken for a division
WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
WORD_START, WORD_END, MAX_WORD_CHARS = re.compile(r"[^\W\d_]+"), re.compile(r"[^\W\d_]+\Z"), 64
UNMAPPED = re.compile("[\0\x01\x03-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # codes for which a font tells no character
NUMBER = re.compile("[0-9]{1,9}")
MIN_PAGES, MIN_SHARE = 4, 0.8  # of pages that have a line, to be a running one
MAX_RUNNING_LINES = 3  # at each end of a page


def text_of(pages: Sequence[str]) -> str:
    """The text of the document."""
    lines = [[line.rstrip() for line in page.replace("\r\n", "\n").replace("\r", "\n").split("\n")] for page in pages]
    lines = [_trimmed(page) for page in lines]
    for at in (0, -1):
        for _ in range(MAX_RUNNING_LINES):
            running = _running(lines, at)
            lines = [
                _trimmed(page[1:] if at == 0 else page[:-1]) if number in running else page
                for number, page in enumerate(lines)
            ]
    text = "\n\n".join("\n".join(page) for page in lines if page)
    return UNMAPPED.sub("\ufffd", _joined(text.replace("\u00ad\n", "").replace("\u00ad", "")))


def _trimmed(page: list[str]) -> list[str]:
    """The lines without blank ones at the ends."""
    start, end = 0, len(page)
    while start < end and not page[start].strip():
        start += 1
    while start < end and not page[end - 1].strip():
        end -= 1
    return page[start:end]


def _running(pages: Sequence[Sequence[str]], at: int) -> set[int]:
    """The numbers of the pages whose first (`at` 0) or last (-1) line is a running one."""
    ends = {number: page[at] for number, page in enumerate(pages) if page}
    if len(ends) < MIN_PAGES:
        return set()
    forms = Counter(NUMBER.sub("0", line) for line in ends.values())
    form, count = forms.most_common(1)[0]
    if count < MIN_SHARE * len(ends):
        return set()
    found = {number: line for number, line in ends.items() if NUMBER.sub("0", line) == form}
    return set(found) if _is_running(found) else set()


def _is_running(lines: dict[int, str]) -> bool:
    """Whether each number of the lines is the same on all pages, or counts them."""
    columns = zip(*(map(int, NUMBER.findall(line)) for line in lines.values()), strict=True)
    for column in columns:
        offsets = {value - page for value, page in zip(column, lines, strict=True)}
        if len(offsets) > 1 and len(set(column)) > 1:
            return False
    return True


def _joined(text: str) -> str:
    """The text with its divided words whole."""
    first, *others = text.split(DIVIDED)
    if not others:
        return first
    words = set(WORDS.findall(text))
    joined = [first]
    for part in others:
        rest = part.removeprefix("\n")
        head, tail = WORD_END.search(joined[-1][-MAX_WORD_CHARS:]), WORD_START.match(rest[:MAX_WORD_CHARS])
        is_word = head and tail and not (f"{head[0]}-{tail[0]}" in words and head[0] + tail[0] not in words)
        joined += ["" if is_word else "-", rest]
    return "".join(joined)
