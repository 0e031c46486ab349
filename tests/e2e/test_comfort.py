"""What a workspace keeps for comfort is left out where it is not understood, with a word, and stops no command.

That are: records of runs, last fingerprints, what was shown last, which batches are closed, copies of plans, stamps of
files, logs. What stands in the place of such a file or of its folder is put aside, not deleted.
"""

import json
import os
import shutil
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.model_nights import foreseen
from tests.tiny_night import House, arguments, artifacts, copy_house, english, nightshift, tiny_settings

COMFORT = ("runs/*.json", "last/*.json", "closed/*.json", "plans/*/plan.json", "scan/*.json")
FILES = ("state/runs/*.json", "state/last/*.json", "state/scan/*.json", "artifacts/*/*/.verified.json", "logs/*.log")
FOLDERS = ("state/runs", "state/last", "state/scan", "state/plans", "logs")
KEPT = b"kept"
NESTED = "[" * 200_000  # more than Python's own reader of JSON can take
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


def test_nor_where_it_is_nested_too_deep(whole: House, tmp_path: Path) -> None:
    house = copy_house(whole, tmp_path / "house")
    for path in (path for pattern in COMFORT for path in (house.workspace / "state").glob(pattern)):
        path.write_text(NESTED, encoding="utf-8")
    for path in house.workspace.glob("artifacts/*/*/.verified.json"):
        path.write_text(NESTED, encoding="utf-8")
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


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "of_somebody.txt").write_bytes(KEPT)


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_file(path: Path) -> None:
    path.write_bytes(KEPT)


IN_THE_WAY = {"files": (FILES, (a_folder, a_link_to_itself)), "folders": (FOLDERS, (a_file, a_link_to_itself))}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_stands_in_the_place_of_comfort_is_put_aside_and_stops_no_command(
    whole: House, tmp_path: Path, what: str
) -> None:
    house = copy_house(whole, tmp_path / "house")
    patterns, kinds = IN_THE_WAY[what]
    paths = [path for pattern in patterns for path in sorted(house.workspace.glob(pattern))]
    for path, put in zip(paths, cycle(kinds), strict=False):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        put(path)
    (house.corpus / "again.txt").write_text(english(1), encoding="utf-8")  # a batch, of which nothing survives
    before, words = of_somebody(house), arguments(house.workspace, house.corpus)
    for command in ("status", "plan", "run"):
        ended = nightshift(command, *words)
        assert (command, ended.status, "Traceback" in ended.err) == (command, 0, False), ended.err
        assert str(house.workspace / "state") in ended.err
    assert of_somebody(house) == before > 0
    assert str(house.workspace / "state") not in nightshift("plan", *words).err


def of_somebody(house: House) -> int:
    """How many things lie in the workspace that are not ours, under whatever name."""
    every = list(house.workspace.rglob("*"))
    links = sum(path.is_symlink() for path in every)
    return links + sum(path.read_bytes() == KEPT for path in every if path.is_file() and path.stat().st_size < 9)


def test_what_only_shows_is_told_when_it_is_damaged_and_the_night_goes_on(whole: House, tmp_path: Path) -> None:
    """The ledger of moves (who is champion MLflow knows too) and the database of Prefect."""
    house = copy_house(whole, tmp_path / "house")
    ledger = house.workspace / "state" / "promotions" / "promotions.jsonl"
    torn = ledger.read_bytes()[:-20]
    ledger.write_bytes(b"null\n" + torn)
    words = arguments(house.workspace, house.corpus)
    shown = nightshift("status", *words)
    assert (shown.status, shown.err.count("\n")) == (0, 1), shown.err
    assert f"{ledger}: 2 lines (the first is line 1) are not what is written there" in shown.err
    assert "@champion is version 1; nothing to roll back to" in shown.out
    assert "how it came there is not on record" in shown.out
    database = house.workspace / "prefect" / "prefect.db"
    database.write_bytes(os.urandom(database.stat().st_size))
    ended = nightshift("run", *words)
    assert ended.status == 0, ended.err
    assert f"{database} was damaged and is kept as prefect.db.2" in " ".join(ended.out.split())
    assert len(list(database.parent.glob("prefect.db.2*"))) == 1
    (line,) = ledger.read_text(encoding="utf-8").splitlines()  # that it is the champion is on record again
    assert (json.loads(line)["version"], json.loads(line)["kind"]) == (1, "by hand")
    assert ledger.with_name("promotions.odd.jsonl").read_bytes() == b"null\n" + torn + b"\n"


def test_a_lock_that_can_be_none_is_named_and_the_advice_helps(whole: House, tmp_path: Path) -> None:
    house = copy_house(whole, tmp_path / "house")
    lock = house.workspace / "state" / "lock"
    words = arguments(house.workspace, house.corpus)
    for put in (a_folder, a_link_to_itself):
        lock.unlink()
        put(lock)
        ended = nightshift("ingest", *words)
        assert (ended.status, ended.err.count("\n")) == (3, 1), ended.err
        assert f"{lock}: is no file" in ended.err and "Move it away and run again" in ended.err
        lock.rename(tmp_path / put.__name__)
        assert nightshift("ingest", *words).status == 0
