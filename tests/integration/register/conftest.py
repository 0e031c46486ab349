"""A registry with four versions in a real MLflow store, and commands that are cut off there."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile

import pytest

from pipeline_lib.base import failpoint as failpoints
from pipeline_lib.model.tracking import place_of
from pipeline_lib.register import settle as settling
from pipeline_lib.register.ledger import LEDGER_FILE, moves_of
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry
from pipeline_lib.register.settle import settle
from tests.registered import by_hand, shelve

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
POINTS = ("before_intention", "before_previous", "before_champion", "after_champion", "before_line", "after_line")
ENDED = "after_intention"  # what comes then is another command


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests here: making its tables takes seconds."""
    return tmp_path_factory.mktemp("workspace")


def with_versions(workspace: Path, name: str, folder: Path) -> Registry:
    """Versions 1 to 4; 3 is champion, 2 was it before."""
    registry = Registry(place_of(None, workspace), name, folder, workspace)
    for number in range(1, 5):
        shelve(registry, f"{name}-{number}")
    for number in (2, 3):
        promote(registry, number, expected_champion="anybody", reason="better", now=NOW)
    return registry


@pytest.fixture(scope="package")
def shelf(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return with_versions(workspace, "shelf", tmp_path_factory.mktemp("promotions"))


@pytest.fixture
def registry(shelf: Registry, tmp_path: Path, unsaid: None) -> Registry:
    """The versions that all tests share which leave them as they are; ledger and aliases as they were."""
    for alias, number in {CHAMPION: 3, PREVIOUS: 2, CHALLENGER: 4}.items():
        by_hand(shelf, alias, number)
    copyfile(shelf.folder / LEDGER_FILE, tmp_path / LEDGER_FILE)
    return replace(shelf, folder=tmp_path)


@pytest.fixture
def own(request: pytest.FixtureRequest, workspace: Path, tmp_path: Path, unsaid: None) -> Registry:
    """The same with versions of its own, for a test that harms them."""
    return with_versions(workspace, re.sub(r"\W+", "-", request.node.name)[:200], tmp_path)


@pytest.fixture
def unsaid() -> None:
    """What is told once a process is told in each test."""
    settling._told.clear()


UNTIL = [("promote", 2, None), ("promote", 3, 2)]


class Killed(BaseException):
    """What a kill is to the process that it ends."""


def cut(point: str, command: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command that ends at a point as by a kill: nothing after it is done."""

    def die(*_: int) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", die)
        patched.setenv(failpoints.VARIABLE, f"register:{point}:1")
        patched.setattr(failpoints, "_passes", {})
        with pytest.raises(Killed):
            command()


def commands(registry: Registry) -> dict[str, Callable[[], object]]:
    def gate() -> None:
        """As a night: a version that was promoted before is not promoted again."""
        settled = settle(registry, now=NOW)
        expected = None if settled.champion is None else settled.champion.number
        if not any(4 in (move.version, move.previous) for move in moves_of(registry)):
            promote(registry, 4, expected_champion=expected, reason="accepted", now=NOW)

    return {
        "promote 4": lambda: promote(registry, 4, expected_champion="anybody", reason="by hand", now=NOW),
        "promote 1": lambda: promote(registry, 1, expected_champion="anybody", reason="by hand", now=NOW),
        "promote 3": lambda: promote(registry, 3, expected_champion="anybody", reason="by hand", now=NOW),
        "rollback": lambda: rollback(registry, reason="by hand", now=NOW),
        "gate": gate,
        "settle": lambda: settle(registry, now=NOW),
    }


DONE = {
    "promote 4": ([("promote", 4, 3)], {"champion": 4, "previous": 3}),
    "gate": ([("promote", 4, 3)], {"champion": 4, "previous": 3}),
    "promote 3": ([("promote", 3, 3)], {"champion": 3, "previous": 2}),
    "rollback": ([("rollback", 2, 3)], {"champion": 2, "previous": 3}),
}
NOTHING = ([], {"champion": 3, "previous": 2})
