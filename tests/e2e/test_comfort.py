"""What a workspace keeps for comfort is left out where it is not understood, with a word, and stops no command.

That are: records of runs, last fingerprints, what was shown last, which batches are closed, copies of plans.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_nights import foreseen
from tests.tiny_night import House, arguments, artifacts, copy_house, nightshift, tiny_settings

COMFORT = ("runs/*.json", "last/*.json", "closed/*.json", "plans/*/plan.json")
Spoil = Callable[[Any], Any]


def with_a_key_more(value: Any) -> Any:
    return {**value, "colour_of_a_newer_release": {"deep": [1]}} if isinstance(value, dict) else [*value, {"a": 1}]


def without_a_key(value: Any) -> Any:
    return dict(list(value.items())[1:]) if isinstance(value, dict) else value[1:]


def with_another_type(value: Any) -> Any:
    return {name: [part] for name, part in value.items()} if isinstance(value, dict) else list(range(len(value)))


SPOILED: dict[str, Spoil] = {
    "a key more": with_a_key_more,
    "a key less": without_a_key,
    "another type": with_another_type,
    "a number": lambda _: 7,
    "nothing": lambda _: None,
    "a list": lambda _: [[]],
}


def spoil(house: House, how: Spoil) -> int:
    """Change all that is comfort; how many files that are."""
    paths = [path for pattern in COMFORT for path in (house.workspace / "state").glob(pattern)]
    for path in paths:
        path.write_text(json.dumps(how(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    return len(paths)


@pytest.fixture(scope="module")
def whole(finished_night: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A copy of the finished night."""
    return copy_house(finished_night, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("how", SPOILED.values(), ids=SPOILED)
def test_there_is_nothing_to_do_whatever_comfort_looks_like(whole: House, tmp_path: Path, how: Spoil) -> None:
    house = copy_house(whole, tmp_path / "house")
    assert spoil(house, how) > 10
    assert foreseen(tiny_settings(house.workspace, house.corpus)).is_nothing_new


def test_nor_is_a_batch_given_up_that_has_lost_raw_text_and_the_copy_of_its_plan(whole: House, tmp_path: Path) -> None:
    house = copy_house(whole, tmp_path / "house")
    spoil(house, without_a_key)
    for name, manifest in artifacts(house.workspace).items():
        if manifest.maker in ("ingest.read", "ingest.plan"):
            shutil.rmtree(house.workspace / "artifacts" / name)
    assert foreseen(tiny_settings(house.workspace, house.corpus)).is_nothing_new


@pytest.mark.parametrize("how", ["a key more", "another type"])
def test_commands_go_on_with_a_word(whole: House, tmp_path: Path, how: str) -> None:
    house = copy_house(whole, tmp_path / "house")
    spoil(house, SPOILED[how])
    words = arguments(house.workspace, house.corpus)
    for command in ("status", "plan", "run"):
        ended = nightshift(command, *words)
        assert (command, ended.status, "Traceback" in ended.err) == (command, 0, False), ended.err
        if command == "status":
            assert "not known to this release" in ended.err or "not as it should be" in ended.err
