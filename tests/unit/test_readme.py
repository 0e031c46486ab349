"""README says what is there: files that exist, tests that hold its promises, few figures, margins as they are set."""

import re

import pytest

from flows.cli import app
from flows.resume import MOST_RESUMES
from pipeline_lib.register.settings import GateSettings
from pipeline_lib.settings.tree import MaintenanceSettings
from pipeline_lib.train.settings import TrainSettings
from tests.bench.figures import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:tests|docs|pipeline_lib|flows|tasks|deployments)/[\w./-]*)`", README)))
PICTURES = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
MOST_FIGURES = 8


def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def test_it_stands_in_the_order_in_which_a_newcomer_asks() -> None:
    assert re.findall(r"^## (.+)$", README, re.MULTILINE) == [
        "Two commands",
        "How it looks",
        "The night as one picture",
        "Day by day",
        "What it promises",
        "Figures",
        "Where to add what",
    ]


@pytest.mark.parametrize("path", PATHS)
def test_what_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_it_shows_two_pictures() -> None:
    assert len(PICTURES) == 2
    for picture in PICTURES:
        assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_each_promise_names_the_tests_that_hold_it() -> None:
    rows = [line for line in section("What it promises").splitlines() if line.startswith("| **")]
    assert len(rows) >= 8
    for row in rows:
        folder, named = None, re.findall(r"`((?:tests/[\w/]+/)?)(test_\w+\.py)`", row.rsplit(" | ", 1)[1])
        assert named, row
        for place, name in named:
            folder = place or folder  # one without a folder lies beside the one before it
            assert folder is not None, row
            assert "def test_" in (ROOT / folder / name).read_text(encoding="utf-8")


def test_the_numbers_that_it_promises_are_those_of_the_settings() -> None:
    said, gate = " ".join(README.split()), GateSettings()
    assert "half a percent proven, three in the mean" in said
    assert (gate.max_regression_share, gate.max_slice_loss_share) == (0.005, 0.03)
    assert "an equal model passes in at most 5 % of nights" in said and gate.alpha <= 0.05
    assert "at most three times" in said and MOST_RESUMES == 3
    assert "for a week (`maintenance.keep_days`)" in said and MaintenanceSettings().keep_days == 7
    assert "two minutes a night" in said and TrainSettings().budget_minutes == 2


def test_it_has_few_figures() -> None:
    rows = [line for line in section("Figures").splitlines() if line.startswith("| `")]
    assert 0 < len(rows) <= MOST_FIGURES


def test_every_command_of_its_table_is_one() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    named = set(re.findall(r"`nightshift (\w+)", section("Day by day")))
    assert named
    assert named <= known
