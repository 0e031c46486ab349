"""A corpus and a finished night that the tests copy."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tiny_night import KEY, run_night, write_corpus


@dataclass(frozen=True)
class House:
    """A workspace and the folder its documents come from."""

    workspace: Path
    corpus: Path


@pytest.fixture(autouse=True)
def scrub_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the pseudonyms, for nights in this process."""
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)


@pytest.fixture(scope="session")
def finished_night(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A whole night by `nightshift run`, once a session. Never change it: ask for `house` instead."""
    root = tmp_path_factory.mktemp("finished")
    made = House(root / "workspace", write_corpus(root / "corpus"))
    ended = run_night(made.workspace, made.corpus)
    assert ended.status == 0, ended.err
    return made


@pytest.fixture
def house(finished_night: House, tmp_path: Path) -> House:
    """A copy of the finished night, with its documents, to change at will."""
    return copy_house(finished_night, tmp_path / "house")


def copy_house(house: House, target: Path) -> House:
    """A copy of a workspace and its documents, times and all, so that nothing seems touched."""
    shutil.copytree(house.workspace, target / "workspace", symlinks=True)
    shutil.copytree(house.corpus, target / "corpus")
    return House(target / "workspace", target / "corpus")


@pytest.fixture
def empty_house(tmp_path: Path) -> House:
    """Documents, and a workspace in which nothing has run."""
    return House(tmp_path / "workspace", write_corpus(tmp_path / "corpus"))
