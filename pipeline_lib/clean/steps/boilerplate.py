"""Whole lines that say nothing of a document: those of a versioned list, and the user's own.

A line goes only where it is one of them from end to end: a sentence that speaks of cookies stays. Where such lines are
more than a share of a document's text, it is a page about them, or a list of links, and stays whole: judging that is
the affair of the rules.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline_lib.clean.steps.boilerplate_lines import LINES, MOST_CHARS
from pipeline_lib.clean.steps.step import Change, Step, holding, one_by_one

if TYPE_CHECKING:
    from pipeline_lib.clean.text_settings import TextSettings

_AROUND = "[ \t\u3000|*_#>\\[\\]()（）【】-]*"  # what a line may be set in


def _change(name: str, patterns: Iterable[str], at_most: float) -> Change:
    whole = f"{_AROUND}(?:{'|'.join(patterns)}){_AROUND}"
    is_one = re.compile(whole, re.IGNORECASE)

    def without(text: str) -> str:
        lines = text.split("\n")
        kept = [line for line in lines if len(line) > MOST_CHARS or not is_one.fullmatch(line)]
        num_removed = sum(map(len, lines)) - sum(map(len, kept))
        return "\n".join(kept) if num_removed <= at_most * sum(map(len, lines)) else text

    return Change(name, holding(f"(?im)^{whole}$"), one_by_one(without))


def _listed(settings: "TextSettings") -> tuple[Change, ...]:
    return (_change(LISTED.name, LINES, settings.max_boilerplate_share),)


def _own(settings: "TextSettings") -> tuple[Change, ...]:
    lines = [re.escape(line.strip()) for line in settings.boilerplate_lines]
    return (_change(OWN.name, lines, settings.max_boilerplate_share),) if lines else ()


LISTED = Step(
    "boilerplate.v1",
    "whole lines of a list go: consent, share bars, prompts and notices, English and Chinese",
    _listed,
    reads=("max_boilerplate_share",),
)
OWN = Step(
    "own_lines.v1",
    "whole lines of `clean.boilerplate_lines` go, word for word",
    _own,
    is_on=True,
    reads=("boilerplate_lines", "max_boilerplate_share"),
)
