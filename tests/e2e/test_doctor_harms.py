"""`nightshift doctor`: each harm to a workspace is seen, and gone after its command or `--fix`."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flows.doctor.finding import ERROR, WARNING
from flows.servers import DATABASE
from pipeline_lib.keep.marks import DAY
from pipeline_lib.register.ledger import Promotion
from pipeline_lib.register.moves import Intention, _path
from pipeline_lib.store.forgotten import Tombstone, forget_key, save_tombstones
from pipeline_lib.store.rewriting import AREA, HALF
from pipeline_lib.store.workspace import Workspace, new_run
from tests.backed_up import backed_up
from tests.examined import command_of, findings, private, registry_in, shell, the_one
from tests.flips import flip_unseen
from tests.held import gone_run, holder
from tests.in_this_process import run_here
from tests.model_nights import FAST
from tests.registered import dangle
from tests.tiny_night import House, arguments, artifacts


@pytest.fixture
def house(judged_house: House) -> House:
    return private(judged_house)


# Each harm, the check that must see it, and the level; then its command, or --fix, must put it right.


@dataclass(frozen=True)
class Harm:
    """Something that is broken on purpose."""

    check: str
    level: str
    do: Callable[[House], None]
    says: str


def open_to_others(house: House) -> None:
    house.workspace.chmod(0o750)


def open_key(house: House) -> None:
    (house.workspace / "keys" / "signing.key").chmod(0o644)


def locked_folder(house: House) -> None:
    (house.workspace / "artifacts" / "clean").chmod(0o500)


def killed_forget(house: House) -> None:
    half = house.workspace / "artifacts" / AREA / f"clean-{'3' * 32}{HALF}"
    half.mkdir(parents=True)
    (house.workspace / "certificates").mkdir()


def foreign_files(house: House) -> None:
    (house.workspace / "my notes.txt").write_text("mine")
    (house.workspace / "artifacts" / "clean" / "not ours").mkdir()
    (house.workspace / "artifacts" / "models").mkdir()
    Path(os.fsdecode(bytes(house.workspace) + b"/a\x1b[31m\xff b'c")).write_text("a name that no terminal shows")


def no_folder(house: House) -> None:
    runs = house.workspace / "state" / "runs"
    shutil.rmtree(runs)
    runs.write_text("in the way")


def no_file(house: House) -> None:
    lock = house.workspace / "state" / "lock"
    lock.unlink()
    lock.mkdir()


def dangling(house: House) -> None:
    shutil.rmtree(house.workspace / "work")
    (house.workspace / "work").symlink_to("/nowhere/at/all")


def put_aside_before(house: House) -> None:
    (house.workspace / "mlflow.db.20260102-030405").write_text("old")


def killed_draft(house: House) -> None:
    (house.workspace / "artifacts" / ".incoming" / f"clean-{'1' * 32}-77-abcd").mkdir(parents=True)


def killed_run(house: House) -> None:
    Workspace(house.workspace).save_run(replace(gone_run(), flow="maintenance"))


def run_of_the_future(house: House) -> None:
    later = time.time() + 3 * DAY
    run = replace(new_run("late", "nightly", "tiny"), state="completed", started=later, ended=later + 60)
    Workspace(house.workspace).save_run(run)


def broken_mlflow(house: House) -> None:
    (house.workspace / "mlflow.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)


def unfinished_mlflow(house: House) -> None:
    (house.workspace / "mlflow.db").unlink()
    with closing(sqlite3.connect(house.workspace / "mlflow.db")) as database, database:
        database.execute("create table experiments (id)")


def broken_copy(house: House) -> None:
    (house.workspace / "state" / "promotions" / "mlflow.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)


def broken_prefect(house: House) -> None:
    path = house.workspace / "prefect" / DATABASE
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)


def unfinished_prefect(house: House) -> None:
    path = house.workspace / "prefect" / DATABASE
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table flow_run (id)")


def moved_by_hand(house: House) -> None:
    """The file says that it stands elsewhere, as after `mv`."""
    path = house.workspace / "state" / "home.json"
    path.write_text(json.dumps({"id": "1" * 32, "path": "file:///nowhere/else", "earlier": [], "copy_of": ""}))


def begun_move(house: House) -> None:
    registry = registry_in(house)
    move = Promotion("2026-01-02T03:04:05+00:00", registry.name, 1, 1, "promote", "again")
    from pipeline_lib.store.records import write_state

    write_state(_path(registry), as_json(Intention(move, 1, None, 1, None)))


def as_json(intention: Intention) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(intention)


def damaged_closed(house: House) -> None:
    path = next((house.workspace / "state" / "closed").glob("*.json"))
    path.write_bytes(path.read_bytes()[:30])


def damaged_artifact(house: House) -> None:
    """Seen by a verify that could not heal it."""
    name = next(name for name, found in artifacts(house.workspace).items() if found.maker == "clean.judge")
    flip_unseen(next((house.workspace / "artifacts" / name).glob("*.parquet")))
    with holder(Workspace(house.workspace)):
        assert run_here("verify", *arguments(house.workspace, house.corpus, **FAST)) == 3


def never_verified(house: House) -> None:
    long_ago = time.time() - 90 * DAY
    os.utime(house.workspace / "state" / "layout.json", (long_ago, long_ago))


FIXED = (
    Harm("permissions", ERROR, open_to_others, "others may read this workspace (mode 0750)"),
    Harm("permissions", ERROR, open_key, "others may read this key (mode 0644)"),
    Harm("permissions", ERROR, locked_folder, "1 folder that the owner may not write in, "),
    Harm("foreign", WARNING, killed_draft, "left over of runs that were killed"),
    Harm("foreign", WARNING, killed_forget, "left over of runs that were killed"),
    Harm("runs", WARNING, killed_run, "1 runs were killed (maintenance)"),
    Harm("clock", ERROR, run_of_the_future, "and this machine's clock says"),
    Harm("databases", ERROR, broken_mlflow, "is damaged, lost or was left unfinished; its copy comes in its place"),
    Harm("databases", ERROR, unfinished_mlflow, "its copy comes in its place"),
    Harm("databases", WARNING, broken_copy, "the copy of MLflow's database is damaged"),
    Harm("databases", ERROR, broken_prefect, "is damaged; it only shows what was done"),
    Harm("databases", ERROR, unfinished_prefect, "was left unfinished"),
    Harm("home", WARNING, moved_by_hand, "was moved here from /nowhere/else"),
    Harm("registry", WARNING, begun_move, "a move of the champion was begun and not ended"),
)
BY_SHELL = (
    Harm("permissions", ERROR, open_to_others, "others may read this workspace (mode 0750)"),
    Harm("permissions", ERROR, open_key, "others may read this key (mode 0644)"),
    Harm("permissions", ERROR, locked_folder, "1 folder that the owner may not write in, "),
    Harm("foreign", WARNING, foreign_files, "not of Nightshift, and in its workspace: "),
    Harm("shapes", ERROR, no_folder, "is no folder, and one belongs there"),
    Harm("shapes", ERROR, no_file, "is no file, and one belongs there"),
    Harm("shapes", ERROR, dangling, "is no folder, and one belongs there"),
    Harm("foreign", WARNING, put_aside_before, "was damaged or in the way, was put aside, and is kept: "),
)
BY_COMMAND = (
    Harm("damage", ERROR, damaged_closed, "is not the JSON that was written there"),
    Harm("damage", ERROR, damaged_artifact, "damaged, as nightshift verify has seen last: 1 of artifacts"),
    Harm("damage", WARNING, never_verified, "all of it was never read and compared"),
)


def ids(harms: Sequence[Harm]) -> list[str]:
    return [harm.do.__name__ for harm in harms]


def test_tombstones_that_are_damaged_come_back_from_a_backup_and_are_not_put_aside(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = forget_key(house.workspace).name
    save_tombstones(house.workspace, [Tombstone("docs", "1" * 32, (), 1.0, purged=2.0, key=key)])
    assert findings(house, "damage") == []
    backed_up(house, tmp_path / "FOLDER")
    path = house.workspace / "state" / "forgotten.json"
    path.write_bytes(path.read_bytes()[:30])
    found = the_one(house, "damage")
    restore, copy = found.command.split("; ")
    monkeypatch.chdir(tmp_path)
    assert run_here(*restore.split()[1:]) == 0
    shell(copy)
    assert findings(house, "damage") == []


@pytest.mark.parametrize("harm", FIXED, ids=ids(FIXED))
def test_what_is_safe_is_put_right_by_fix(house: House, harm: Harm) -> None:
    harm.do(house)
    found = the_one(house, harm.check)
    assert found.level == harm.level
    assert harm.says in found.what
    assert found.command
    assert found.fix is not None
    assert findings(house, harm.check, fix=True) == []
    left = [one for one in findings(house, "foreign") if "put aside" not in one.what]
    assert left == []


@pytest.mark.parametrize("harm", BY_SHELL, ids=ids(BY_SHELL))
def test_what_a_shell_puts_right_is_right_after_its_command(house: House, harm: Harm) -> None:
    harm.do(house)
    found = the_one(house, harm.check)
    assert (found.level, harm.says in found.what) == (harm.level, True)
    shell(found.command)
    assert findings(house, harm.check) == []


@pytest.mark.parametrize("harm", BY_COMMAND, ids=ids(BY_COMMAND))
def test_what_another_command_puts_right_is_right_after_it(house: House, harm: Harm) -> None:
    harm.do(house)
    found = the_one(house, harm.check)
    assert (found.level, harm.says in found.what) == (harm.level, True)
    command_of(house, found)
    assert findings(house, harm.check) == []


def test_state_that_decides_is_named_with_what_happens_without_it(house: House) -> None:
    pin = next((house.workspace / "state" / "pins").glob("tokenizer-*.json"))
    pin.write_bytes(pin.read_bytes()[:30])
    found = the_one(house, "damage")
    assert "Put it back from a copy, or delete it" in found.what
    shell(found.command)
    assert findings(house, "damage") == []
    assert pin.with_name(f"{pin.name}.damaged").is_file()


def test_two_versions_of_who_is_champion_come_with_the_command_that_decides(house: House) -> None:
    dangle(registry_in(house), "champion", 7)
    found = the_one(house, "registry")
    assert "points to version 7, which MLflow does not have" in found.what
    assert (found.level, found.command) == (ERROR, "nightshift promote 1")
    command_of(house, found)
    assert findings(house, "registry") == []
