"""`nightshift report` as a person calls it."""

import json
import shutil
import webbrowser
from pathlib import Path

import pytest

from flows.console import ConsoleReporter
from pipeline_lib.report.records import names, page_path
from pipeline_lib.store.records import REPORTS_FOLDER
from pipeline_lib.store.workspace import Workspace
from tests.shell import Shell
from tests.unit.report.conftest import House


@pytest.fixture
def copy(house: House, tmp_path: Path) -> Workspace:
    """A copy of the workspace, to change at will."""
    shutil.copytree(house.workspace.root, tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def test_it_prints_the_page_that_stands_and_makes_none_twice(copy: Workspace, shell: Shell) -> None:
    path = page_path(copy, names(copy)[-1])
    before = path.stat().st_mtime_ns
    said = shell("report", "--workspace", str(copy.root))
    assert (said.status, said.out) == (0, f"{path}\n")
    assert path.stat().st_mtime_ns == before


def test_it_makes_the_page_where_there_is_none(copy: Workspace, shell: Shell) -> None:
    shutil.rmtree(copy.root / REPORTS_FOLDER)
    said = shell("report", "--workspace", str(copy.root))
    assert Path(said.out.strip()).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_it_opens_the_page_when_asked(copy: Workspace, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    assert shell("report", names(copy)[0], "--open", "--workspace", str(copy.root)).status == 0
    assert opened == [page_path(copy, names(copy)[0]).as_uri()]


def test_where_no_browser_opens_it_says_where_the_page_is(
    copy: Workspace, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    said = shell("report", "--open", "--workspace", str(copy.root))
    assert said.status == 2
    assert str(page_path(copy, names(copy)[-1])) in said.err


def test_the_summary_is_printed_for_people_and_for_programs(copy: Workspace, shell: Shell) -> None:
    assert "## 2. List of data sources" in shell("report", "eu", "--workspace", str(copy.root)).out
    sections = json.loads(shell("report", "eu", "--json", "--workspace", str(copy.root)).out)
    assert sections[0]["heading"] == "1. General information"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "x"), "report: --facts, --to and --json are for nightshift report eu."),
        (("eu", "--open"), "report: --open is for the page of a refresh."),
        (("1999-12-31",), "report: no page is named 1999-12-31."),
    ],
)
def test_what_does_not_fit_together_is_refused(
    copy: Workspace, shell: Shell, words: tuple[str, ...], said: str
) -> None:
    found = shell("report", *words, "--workspace", str(copy.root))
    assert found.status == 2
    assert said in found.err


def test_a_night_ends_with_the_path_of_its_page(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    night = {"refresh": house.second, "scores": {}, "verdict": "nothing trained"}
    ConsoleReporter().summary(night, seconds=1.0, urls=(), workspace=house.workspace.root)
    path = page_path(house.workspace, names(house.workspace)[-1])
    assert f"the page of this refresh: {path}" in capsys.readouterr().out.replace("\n", "")
