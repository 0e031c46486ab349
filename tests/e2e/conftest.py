"""A corpus and finished nights that the tests copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.once import changed_since, made_once
from tests.tiny_night import KEY, House, copy_house, refresh, run_night, tiny_settings, write_corpus

PRINTED = "night.out"  # what the finished night wrote on its terminal, beside its workspace


@pytest.fixture(scope="session", autouse=True)
def scrub_key() -> Iterator[None]:
    """The key of the pseudonyms, for nights in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
        yield


@pytest.fixture(scope="session")
def finished_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A whole night by `nightshift run`, one for all workers. Never change it, as is checked: ask for `house`."""
    root = made_once(tmp_path_factory, "finished", _make_night)
    yield House(root / "workspace", root / "corpus")
    assert changed_since(root) == [], "a test has changed what others read: it should ask for the fixture `house`"


def _make_night(root: Path) -> None:
    ended = run_night(root / "workspace", write_corpus(root / "corpus"), report__every_refresh="true")
    assert ended.status == 0, ended.err
    (root / PRINTED).write_text(ended.out, encoding="utf-8")


@pytest.fixture
def house(finished_night: House, tmp_path: Path) -> House:
    """A copy of the finished night, with its documents, to change at will."""
    return copy_house(finished_night, tmp_path / "house")


@pytest.fixture(scope="session")
def judged_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A whole night without variants, one for all workers. Never change it, as is checked: ask for `judged_house`."""
    root = made_once(tmp_path_factory, "judged", _make_judged)
    yield House(root / "workspace", root / "corpus")
    assert changed_since(root) == [], "a test has changed what others read: it should ask for `judged_house`"


def _make_judged(root: Path) -> None:
    from tests.model_nights import FAST, whole_night  # which loads torch

    whole_night(tiny_settings(root / "workspace", write_corpus(root / "corpus"), **FAST))


@pytest.fixture
def judged_house(judged_night: House, tmp_path: Path) -> House:
    """A copy of that workspace and of its documents, to change at will."""
    from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

    _artifact_repos_cache.clear()  # by the ids of models: those of another copy would be asked
    return copy_house(judged_night, tmp_path / "house")


@pytest.fixture
def empty_house(tmp_path: Path) -> House:
    """Documents, and a workspace in which nothing has run."""
    return House(tmp_path / "workspace", write_corpus(tmp_path / "corpus"))


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The data half of one night, one for all workers. Never change it, as is checked: ask for `home`."""
    root = made_once(tmp_path_factory, "first", _make_first)
    yield House(root / "workspace", root / "corpus")
    assert changed_since(root) == [], "a test has changed what others read: it should ask for the fixture `home`"


def _make_first(root: Path) -> None:
    refresh(tiny_settings(root / "workspace", write_corpus(root / "corpus")))


@pytest.fixture
def home(first_night: House, tmp_path: Path) -> House:
    """A copy of that workspace and of its documents."""
    return copy_house(first_night, tmp_path / "home")
