"""docs/rules.md: its settings are settings, and what it adds works when it is added to a copy of the library."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_lib.clean.rule_sets import DEFAULT, SETS
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.stages import resolve

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
SETTINGS = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
JUDGED = """
import numpy as np, pyarrow as pa
from pipeline_lib.clean.judge import Languages, rule_criteria
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.signal_groups import GROUP_BY_NAME, groups_asked

rules = CleanSettings(rule_set="answers").rules
print(groups_asked(rules), groups_asked(CleanSettings().rules))
signals = {"num_lines": np.array([2.0, 2.0, 1.0]), "num_words": np.array([9.0, 9.0, 3.0])}
texts = ["Who? When?\\nNobody can tell you so.", "Who was it?\\nIt was a man we knew.", "It is so."]
signals |= GROUP_BY_NAME["questions.v1"].measure(pa.array(texts, pa.large_string()), signals)
for one in rule_criteria(rules, signals, Languages(np.zeros(3, int), ["en"])):
    print(one.name, one.reason, one.fails.tolist(), one.values.tolist(), one.limit)
"""


@pytest.mark.parametrize("example", SETTINGS)
def test_an_example_of_the_page_is_settings(example: str, tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_text(example)
    settings = resolve(tmp_path / "night.toml", {}, ()).settings.of(CleanSettings)
    of_set = CleanSettings(rule_set=settings.rule_set).rules
    moved = {name for name, limit in settings.rules.items() if limit != of_set[name]}
    assert moved == set(re.findall(r"^(\w+\.v\d)", example, re.MULTILINE))
    assert settings != CleanSettings()


def test_the_page_tells_of_each_set() -> None:
    told = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert told == [DEFAULT, *(one.name.partition(".")[0] for one in SETS)]
    assert len(SETTINGS) >= 4 and len(FILES) == 3


def test_the_rule_the_group_and_the_set_of_the_page_cost_a_file_and_a_line_each(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline_lib", tmp_path / "pipeline_lib", ignore=ignored)
    for path, text in FILES:
        place = tmp_path / path
        if place.is_file():  # a line of a list that there is
            place.write_text(place.read_text().replace("\n)\nRULE_BY_NAME", f"\n{text.rstrip()}\n)\nRULE_BY_NAME"))
            continue
        place.write_text(text)
        ((listed, name),) = [
            (place.with_name("__init__.py"), match) for match in re.findall(r"^([A-Z]+) = ", text, re.M)
        ]
        module = path.removesuffix(".py").replace("/", ".")
        lines = listed.read_text().replace("\n)\n", f"\n    {name},\n)\n", 1)
        listed.write_text(lines.replace("\nfrom pipeline_lib", f"\nfrom {module} import {name}\nfrom pipeline_lib", 1))
    own = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", JUDGED], env=own, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == [
        "['questions.v1'] []",
        "min_words.v1 too_few_words [False, False, True] [9.0, 9.0, 3.0] 5.0",
        "max_questions.v1 too_many_questions [True, False, False] [1.0, 0.5, 0.0] 0.5",
    ], done.stderr
