"""Time follows the length of a text, whatever it holds: twice as much of it is never four times the work.

Seconds are not asked (tests/bench has them): a step that is quadratic would not come to an end here.
"""

import pytest

from pipeline_lib.clean.steps import STEPS
from pipeline_lib.clean.steps.step import Step
from tests.unit.clean.steps.conftest import went

MANY = 300_000
AWKWARD = {
    "zero-width spaces before Thai": "a" + "\u200b" * MANY + "ก",
    "joiners before an emoji": "a" + "\u200d" * MANY + "👩",
    "blanks inside a line": "a" + " " * MANY + "b",
    "comments without end": "<!--" * (MANY // 4),
    "tags without end": "<a " * (MANY // 3),
    "tags in tags": "<" * MANY + "b>" * 9,
    "backticks": "`a" * (MANY // 2) + "\n`",
    "fences": "```\n" * (MANY // 4),
    "templates without end": "{{cite|" * (MANY // 7),
    "references": "&amp" * (MANY // 4) + ";",
    "addresses": "https://e.org/?" * (MANY // 15),
    "parameters": "https://e.org/?" + "utm_a=1&" * (MANY // 8),
    "wide signs": "Ａ" + "．" * MANY,
    "short lines": "cookie policy by cookies\n" * (MANY // 25),
    "empty lines": "a" + "\n" * MANY + "b",
    "marks of direction": "\u202e" * MANY + "a",
}


@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_an_awkward_text_comes_to_an_end(step: Step, kind: str) -> None:
    [after], _ = went([AWKWARD[kind]], step.name)
    assert len(after) <= len(AWKWARD[kind])
