"""Blanks that part nothing. What stands at the begin of a line stays: code and verse mean it.

`blank_lines.v1` is harmless to all but Markdown's line break of two blanks. `blank_runs.v1` moves the columns of tables
and of code together that are aligned by blanks: it is for prose.
"""

import re

from pipeline_lib.clean.steps.step import each_text

_BLANK = " \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_AT_END = re.compile(f"(?<![{_BLANK}])[{_BLANK}]+$", re.MULTILINE)
_EMPTY_LINES = re.compile("\n{3,}")
_RUN = re.compile(f"(?<=[^\n{_BLANK}])[{_BLANK}]{{2,}}(?=[^\n{_BLANK}])")


def _without_blank_lines(text: str) -> str:
    shorter = _EMPTY_LINES.sub("\n\n", _AT_END.sub("", text)).lstrip("\n")
    return shorter.rstrip("\n") + "\n" if shorter.endswith("\n\n") else shorter


def _as_one(run: re.Match[str]) -> str:
    """The blank that stands for a run: of Chinese, a wide one."""
    return "\u3000" if set(run[0]) == {"\u3000"} else " "


BLANK_LINES = each_text(
    "blank_lines.v1",
    "blanks at the ends of lines go, more than one empty line in a row, and those around a text",
    f"(?m)[{_BLANK}]$|\n\n\n|\\A\n|\n\n\\z",
    _without_blank_lines,
)
BLANK_RUNS = each_text(
    "blank_runs.v1",
    "several blanks inside a line become one; tables and code that are aligned by blanks suffer",
    f"[{_BLANK}][{_BLANK}]",
    lambda text: _RUN.sub(_as_one, text),
)
