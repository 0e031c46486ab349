"""docs/clean.md: its lists are those of the code, and its examples work.

python -m tests.unit.test_docs_clean     writes the table of steps anew
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.clean import steps
from pipeline_lib.clean.rules import RULE_BY_NAME
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import MAKERS
from pipeline_lib.clean.steps import STEPS
from tests.unit.clean.steps.conftest import went

PLACE = Path(__file__).parents[2] / "docs" / "clean.md"
PAGE = PLACE.read_text(encoding="utf-8")
TABLE = re.compile(r"(?<=<!-- steps -->\n).*(?=<!-- /steps -->)", re.DOTALL)


def table() -> str:
    return "".join(f"| `{step.name}` | {'on' if step.is_on else 'off'} | {step.about} |\n" for step in STEPS)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_table_of_steps_is_that_of_the_list() -> None:
    found = TABLE.search(PAGE)
    assert found is not None
    assert found[0] == table(), "python -m tests.unit.test_docs_clean writes it anew"


def test_there_are_twelve_and_all_that_they_name_is_there() -> None:
    rows = re.findall(r"^\| (\d+) \|.*$", PAGE, re.MULTILINE)
    assert [int(number) for number in rows] == list(range(1, 13))
    named = set(re.findall(r"`([a-z_]+\.v[0-9]+)`", PAGE)) - {"ligatures.v1"}
    assert named <= {step.name for step in STEPS} | set(RULE_BY_NAME)
    assert {step.name for step in STEPS} <= named
    settings = set(re.findall(r"`clean\.([a-z_]+)`", PAGE)) - {"ligatures"}
    assert settings <= set(CleanSettings.model_fields) | {maker.name.partition(".")[2] for maker in MAKERS}


def test_the_example_of_settings_does_what_it_says() -> None:
    (example,) = blocks("toml")
    given: dict[str, Any] = tomllib.loads(example)["clean"]
    settings = CleanSettings(**given)
    assert settings.steps == {"full_width.v1": True, "invisible.v1": True}
    del given["steps"]
    text = "Ａ\u200b Foobar and a Foo.\nINTERNAL USE ONLY\n" + "More of the text. " * 9
    names = ("invisible.v1", "full_width.v1", "rewrites.v1", "own_lines.v1")
    assert went([text], *names, **given)[0] == ["A Quuxbar and a Quux.\n" + "More of the text. " * 9]


def test_the_example_of_a_step_works_when_its_line_is_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("python")
    made: dict[str, Any] = {}
    exec(compile(example, "ligatures.py", "exec"), made)
    assert len(example.splitlines()) <= 10
    monkeypatch.setattr(steps, "STEPS", (*STEPS, made["STEP"]))
    monkeypatch.setattr("pipeline_lib.clean.steps.apply.STEPS", (*STEPS, made["STEP"]))
    assert went(["ﬁne waﬄes"])[0] == ["ﬁne waﬄes"]
    assert went(["ﬁne waﬄes"], "ligatures.v1")[0] == ["fine waffles"]


if __name__ == "__main__":
    PLACE.write_text(TABLE.sub(lambda _: table(), PAGE), encoding="utf-8")
