"""A workspace that was moved, at a path with all that a path may hold: nights, promotions and links go on. And a copy
beside its original."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_lib.register.opened import is_intact
from pipeline_lib.register.registry import CHAMPION, aliases
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.addresses import COLUMNS, MLFLOW, MLFLOW_COPY, path_of
from pipeline_lib.store.files import sha256_of
from pipeline_lib.store.home import home_of
from tasks.moves import foretell, promote_version, registry_for, roll_back
from tasks.runtime import PlainRuntime
from tests.model_nights import FAST, WholeNight, whole_night
from tests.tiny_night import House, copy_house, english, tiny_settings, write_corpus, write_lines

ODD = "night shift #1? 100% a%20b 夜班"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("judged")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    assert "promoted" in whole_night(settings_of(house)).verdict
    yield house


@pytest.fixture
def house(judged: House, tmp_path: Path) -> House:
    return copy_house(judged, tmp_path / "house")


def settings_of(house: House) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST)


def next_night(house: House) -> WholeNight:
    """One with something to train on."""
    write_lines(house.corpus / "more.jsonl", {f"more-{n}": english(n) for n in range(900, 930)})
    return whole_night(settings_of(house))


def addresses(workspace: Path) -> list[Path]:
    """All paths that MLflow holds, but for that of its own default experiment, which lies where it was made."""
    with closing(sqlite3.connect(workspace / MLFLOW)) as opened:
        held = [row[0] for table, name, _ in COLUMNS[MLFLOW] for row in opened.execute(f"select {name} from {table}")]
    return [path for value in held if (path := path_of(value)) is not None and path.parent.name != "mlruns"]


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def copied(house: House, name: str) -> House:
    """Its workspace once more, as `cp -a` does it."""
    target = house.workspace.parent / name
    shutil.copytree(house.workspace, target, symlinks=True)
    return House(target, house.corpus)


def test_after_a_move_the_next_night_trains_and_judges_and_the_champion_moves(house: House) -> None:
    moved = copied(house, ODD)
    shutil.rmtree(house.workspace)
    night = next_night(moved)
    assert night.training is not None and night.parent is not None
    assert night.makers("evaluate.champion"), "the champion could be opened"
    registry, settings = registry_for(night.settings), night.settings
    if aliases(registry)[CHAMPION] == 1:
        promote_version(settings, 2, "by hand", PlainRuntime())
    assert roll_back(settings, "to see", PlainRuntime())["version"] == 1
    assert roll_back(settings, "to see", PlainRuntime())["version"] == 2
    held = addresses(moved.workspace)
    assert len(held) > 5
    assert all(path.is_relative_to(moved.workspace / "mlartifacts") for path in held), held
    assert is_intact(registry, 1) and is_intact(registry, 2)
    assert not house.workspace.exists()


def test_nothing_else_in_a_workspace_names_its_path(judged: House) -> None:
    named = [path for path in judged.workspace.rglob("*") if path.is_file() and _names(path, judged.workspace)]
    assert sorted(str(path.relative_to(judged.workspace)) for path in named) == [MLFLOW, "state/home.json", MLFLOW_COPY]


def _names(path: Path, workspace: Path) -> bool:
    content = path.read_bytes()
    return str(workspace).encode() in content or workspace.as_uri().encode() in content


def test_a_look_at_a_moved_workspace_opens_its_models_and_leaves_no_trace(house: House) -> None:
    moved = copied(house, ODD)
    shutil.rmtree(house.workspace)
    before = digests(moved.workspace)
    assert foretell(settings_of(moved), 1).endswith("its files are whole")
    assert digests(moved.workspace) == before


def test_a_copy_beside_its_original_touches_nothing_of_it(house: House) -> None:
    before = digests(house.workspace)
    copy = copied(house, ODD)
    night = next_night(copy)
    assert night.training is not None
    promote_version(night.settings, 2, "by hand", PlainRuntime())
    roll_back(night.settings, "to see", PlainRuntime())
    assert digests(house.workspace) == before
    original, own = home_of(house.workspace), home_of(copy.workspace)
    assert original is not None and own is not None
    assert own.id != original.id
    assert own.copy_of == house.workspace.as_uri()
    assert not [path for path in addresses(copy.workspace) if path.is_relative_to(house.workspace)]
    assert all(path.is_relative_to(house.workspace) for path in addresses(house.workspace))
