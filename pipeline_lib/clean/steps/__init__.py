"""The steps that texts go through, in their order. To add one: a file in this folder, and a line in this list.

What makes a text of a page comes before (extract.py); what a text is measured and judged by comes behind (docs/clean.md
names all twelve).
"""

import difflib

from pipeline_lib.clean.steps import (
    boilerplate,
    full_width,
    invisible,
    rewrites,
    tags,
    tracking,
    unicode_repair,
    whitespace,
    wiki_residue,
)
from pipeline_lib.clean.steps.step import Step

STEPS: tuple[Step, ...] = (
    unicode_repair.STEP,
    tags.STEP,
    wiki_residue.STEP,
    full_width.STEP,
    invisible.STEP,
    tracking.STEP,
    rewrites.STEP,
    boilerplate.LISTED,
    boilerplate.OWN,
    whitespace.BLANK_RUNS,
    whitespace.BLANK_LINES,
)


def steps_by_name() -> dict[str, Step]:
    """The steps of the list."""
    return {step.name: step for step in STEPS}


def settings_read() -> tuple[str, ...]:
    """The settings that decide what the steps make of a text."""
    return tuple(dict.fromkeys(("steps", *(name for step in STEPS for name in step.reads))))


def nearest_step(name: str) -> str:
    """Advice for a name that is no step."""
    near = difflib.get_close_matches(name, steps_by_name(), n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(steps_by_name())}"
