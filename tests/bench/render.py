"""Figures in Markdown, taken from results.json: `python -m tests.bench --render` rewrites them, a test compares.

A night takes <!-- figure: demo_second_night_seconds -->8.43<!-- /figure --> s.

<!-- figures: demo_* plan_seconds -->
(a table, with goals and whether they are met)
<!-- /figures -->

<!-- demo output -->
(what `make demo` printed: docs/bench/demo.txt, written by `python -m tests.bench.demo`)
<!-- /demo output -->

<!-- ablation output -->
(the same of a trial: docs/bench/ablation.txt, written by `python -m tests.bench.ablation`)
<!-- /ablation output -->
"""

import math
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tests.bench.figures import ROOT, Entry, Figure

ONE = re.compile(r"<!-- figure: (\S+) -->.*?<!-- /figure -->")
MANY = re.compile(r"<!-- figures: ([^\n]+?) -->\n.*?<!-- /figures -->", re.DOTALL)
PRINTED = re.compile(r"<!-- (demo|ablation) output -->\n.*?<!-- /\1 output -->", re.DOTALL)
DEMO, ABLATION = (ROOT / "docs" / "bench" / f"{name}.txt" for name in ("demo", "ablation"))
SHOWN_DIGITS = 3
HEADING = "| figure | value | goal | | revision |\n|---|--:|--:|---|---|\n"
REVISION_DIGITS = 7


class UnknownFigure(Exception):
    """A page names a figure that results.json does not hold."""


def pages() -> list[Path]:
    """The pages that may cite figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def rendered(page: str, entries: Sequence[Entry], figures: Mapping[str, Figure]) -> str:
    """The page with every cited figure as measured. Raises `UnknownFigure`."""
    by_name = {entry.name: entry for entry in entries}

    def one(match: re.Match[str]) -> str:
        if match[1] not in by_name:
            raise UnknownFigure(f"{match[1]} is cited and not in results.json. Measure it: make bench NAME={match[1]}")
        return f"<!-- figure: {match[1]} -->{shown(by_name[match[1]].value)}<!-- /figure -->"

    def many(match: re.Match[str]) -> str:
        found = {pattern: [e for e in entries if fnmatchcase(e.name, pattern)] for pattern in match[1].split()}
        if missing := [pattern for pattern, own in found.items() if not own]:
            raise UnknownFigure(f"no figure in results.json is named like {missing[0]}. Measure it: make bench")
        chosen = [entry for own in found.values() for entry in own]
        return f"<!-- figures: {match[1]} -->\n{table(chosen, figures)}<!-- /figures -->"

    def printed(match: re.Match[str]) -> str:
        place = {"demo": DEMO, "ablation": ABLATION}[match[1]]
        lines = (f"    {line}".rstrip() for line in place.read_text(encoding="utf-8").splitlines())
        return f"<!-- {match[1]} output -->\n" + "".join(f"{line}\n" for line in lines) + f"<!-- /{match[1]} output -->"

    return ONE.sub(one, MANY.sub(many, PRINTED.sub(printed, page)))


def table(entries: Sequence[Entry], figures: Mapping[str, Figure]) -> str:
    """A Markdown table; a missed goal stands out."""
    return HEADING + "".join(_row(entry, figures[entry.name].meaning) for entry in entries)


def _row(entry: Entry, meaning: str) -> str:
    sign = "<=" if entry.better == "lower" else ">="
    goal = "-" if entry.goal is None else f"{sign} {shown(entry.goal)}"
    verdict = {"met": "met", "missed": "**missed**", "-": ""}[entry.verdict]
    revision = entry.versions["nightshift"][:REVISION_DIGITS]
    return f"| `{entry.name}`: {meaning} | {shown(entry.value)} {entry.unit} | {goal} | {verdict} | {revision} |\n"


def shown(value: float) -> str:
    """Three significant digits, never fewer than stand before the point: 0.0312, 8.43, 212, 1,503."""
    size = 0 if value == 0 else math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, SHOWN_DIGITS - 1 - size)}f}"
