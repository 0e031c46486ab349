"""A workspace that is found at another path: moved, copied, killed in between, and then found at a third."""

import json
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.store import addresses
from pipeline_lib.store.addresses import COLUMNS, FILES_OF_MLFLOW, MLFLOW, MLFLOW_COPY, PREFECT
from pipeline_lib.store.home import Home, as_it_stands, home_of, settle
from tests.in_child import run_program

OWN = "file:///srv/users-own/mlartifacts"
AWAY = "s3://bucket/runs"
PAST = f"{PREFECT}: flow_run.parameters"  # of runs that have ended, among others
POINTS = ("noticed", "readdressed")
SETTLE = "import sys; from pathlib import Path; from pipeline_lib.store.home import settle; settle(Path(sys.argv[1]))"


def make(root: Path) -> Path:
    """A workspace with databases that have the tables and columns in question, and one address in each."""
    for name, columns in COLUMNS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(root / name)) as opened, opened:
            for table, column, _ in columns:
                names = ", ".join(of.name for of in columns if of.table == table)
                opened.execute(f"create table if not exists {table} ({names}, state_type)")
                put(opened, table, column, root)
    (root / FILES_OF_MLFLOW / "0" / "artifacts").mkdir(parents=True)
    assert settle(root) == ""
    return root


def put(opened: sqlite3.Connection, table: str, column: str, root: Path) -> None:
    held = (root / FILES_OF_MLFLOW / ("" if table == "experiments" else "0/artifacts")).as_uri()
    texts = [held, OWN, AWAY, None] if column != "parameters" else []
    if table in ("datasets", "deployment", "flow_run"):
        texts += [f'{{"settings": {{"workspace": "{root}", "list": ["{held}", 3, null]}}}}', "{torn"]
    insert = f"insert into {table} ({column}, state_type) values (?, ?)"
    opened.executemany(insert, [(text, "SCHEDULED") for text in texts])
    opened.execute(insert, (f'"{root}"', "COMPLETED"))


def held_by(root: Path) -> dict[str, list[str | None]]:
    """What stands in each column, with the path of the workspace called WS."""
    found = {}
    for name, columns in COLUMNS.items():
        with closing(sqlite3.connect(root / name)) as opened:
            for table, column, _ in columns:
                rows = [text for (text,) in opened.execute(f"select {column} from {table}")]
                found[f"{name}: {table}.{column}"] = [text and text.replace(str(root), "WS") for text in rows]
    return found


def settle_until(root: Path, point: str) -> None:
    """Killed there."""
    assert run_program(SETTLE, root, **{VARIABLE: f"home:{point}:1"}).returncode == -signal.SIGKILL


def moved(root: Path, name: str) -> Path:
    return root.rename(root.with_name(name))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "ws")


def test_it_writes_down_where_it_stands_and_then_reads_one_small_file(root: Path) -> None:
    home = home_of(root)
    assert home == Home(home.id if home else "", root.as_uri())
    (root / MLFLOW).write_bytes(b"no database, so nobody may look")
    assert settle(root) == ""


@pytest.mark.parametrize("what", ["folder", "dangling", "loop"])
def test_what_stands_in_the_place_of_its_file_is_put_aside(
    root: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = root / "state" / "home.json"
    path.unlink()
    path.mkdir() if what == "folder" else path.symlink_to(path.name if what == "loop" else "nowhere")
    assert settle(root) == ""
    home = home_of(root)
    assert home is not None and home.path == root.as_uri() and os.path.lexists(root / "state" / "home.json")
    assert any("is no file, and was put aside as home.json." in message for message in caplog.messages)


def test_where_nothing_has_worked_nothing_is_made(tmp_path: Path) -> None:
    assert settle(tmp_path / "none") == ""
    assert not (tmp_path / "none").exists()


def test_it_was_moved(root: Path) -> None:
    before, was = held_by(root), home_of(root)
    (root.parent / "ws2").mkdir()  # whose name begins as the old one does
    new = moved(root, "elsewhere")
    assert settle(new) == f"{new}: this workspace was moved here from {root}; MLflow's addresses have followed"
    after = held_by(new)
    assert was is not None
    assert home_of(new) == Home(was.id, new.as_uri())
    past = after[PAST].pop()
    assert past == f'"{root}"', "what a run was given stays as it was"
    assert before[PAST].pop() == '"WS"'
    assert after == before
    assert settle(new) == ""
    assert not root.exists()


def test_it_is_a_second_copy(root: Path) -> None:
    before, was = held_by(root), home_of(root)
    new = Path(shutil.copytree(root, root.with_name("copy")))
    line = f"{new}: this is a second copy of the workspace at {root}; it goes its own way, and leaves that one alone"
    assert settle(new) == line
    home = home_of(new)
    assert was is not None and home is not None
    assert (home.id != was.id, home.path, home.copy_of) == (True, new.as_uri(), root.as_uri())
    assert (held_by(root), home_of(root)) == (before, was)
    third = moved(new, "third")
    assert "was moved here" in settle(third)
    assert home_of(third) == Home(home.id, third.as_uri(), copy_of=root.as_uri())


def test_another_workspace_at_the_old_path_makes_it_no_copy(root: Path) -> None:
    new = moved(root, "elsewhere")
    other = make(root)
    before = held_by(other)
    assert "was moved here" in settle(new)
    assert held_by(other) == before


def test_two_that_changed_places_keep_to_themselves(root: Path) -> None:
    other = make(root.with_name("other"))
    ids = {path: home.id for path in (root, other) if (home := home_of(path)) is not None}
    before = held_by(root)
    aside = moved(root, "aside")
    other.rename(root)
    aside.rename(other)
    for path, was in ((root, other), (other, root)):
        assert "was moved here" in settle(path)
        home = home_of(path)
        assert home is not None
        assert home.id == ids[was]
        del (now := held_by(path))[PAST][-1]
        assert now == {name: texts[: len(now[name])] for name, texts in before.items()}


def test_another_name_of_the_same_folder_is_no_copy(root: Path) -> None:
    """As of a mount: an old path that leads to the folder itself."""
    new = moved(root, "elsewhere")
    root.symlink_to(new)
    assert "was moved here" in settle(root)
    assert settle(new) == ""


@pytest.mark.parametrize("then", ["there", "back", "on"])
@pytest.mark.parametrize("is_copy", [False, True])
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_in_between_costs_nothing(root: Path, point: str, is_copy: bool, then: str) -> None:
    """The next command finds it there, back where it was, or at a third place."""
    before = held_by(root)
    original = Path(shutil.copytree(root, root.with_name("original"))) if then == "back" else root
    new = Path(shutil.copytree(root, root.with_name("new"))) if is_copy else moved(root, "new")
    settle_until(new, point)
    if then == "back":
        shutil.rmtree(root, ignore_errors=True)
        new = moved(new, root.name)
    elif then == "on":
        new = moved(new, "on")
    assert settle(new) != ""
    assert settle(new) == ""
    del (now := held_by(new))[PAST][-1]
    assert now == {name: texts[: len(now[name])] for name, texts in before.items()}
    home = home_of(new)
    assert home is not None
    assert (home.path, home.earlier) == (new.as_uri(), ())
    if is_copy:
        assert home.copy_of == root.as_uri()
        assert held_by(original) == before or then == "back"


@pytest.mark.parametrize("is_copy", [False, True])
def test_without_a_record_the_addresses_tell_where_it_stood(root: Path, is_copy: bool) -> None:
    """It is of an earlier release, or its record is lost."""
    before = held_by(root)
    (root / "state" / "home.json").unlink()
    new = Path(shutil.copytree(root, root.with_name("new"))) if is_copy else moved(root, "new")
    assert ("second copy" if is_copy else "was moved here") in settle(new)
    del (now := held_by(new))[PAST][-1]
    assert now == {name: texts[: len(now[name])] for name, texts in before.items()}
    assert is_copy == root.exists()
    assert not is_copy or held_by(root) == before


def test_a_record_that_is_damaged_is_made_anew(root: Path) -> None:
    new = moved(root, "new")
    (new / "state" / "home.json").write_text("torn", encoding="utf-8")
    assert "was moved here" in settle(new)
    home = home_of(new)
    assert home is not None
    assert home.path == new.as_uri()


@pytest.mark.parametrize("place", ["path", "earlier"])
@pytest.mark.parametrize("depth", [0, -1])
def test_a_record_that_names_a_folder_above_takes_nothing_of_a_users_own(root: Path, place: str, depth: int) -> None:
    """The root of the disk, or the folder the workspace lies in: all of a user's own lies in it, too."""
    before = held_by(root)
    above = list(root.parents)[depth].as_uri()
    home = {"id": "a", "path": above} if place == "path" else {"id": "a", "path": root.as_uri(), "earlier": [above]}
    (root / "state" / "home.json").write_text(json.dumps(home))
    assert as_it_stands(OWN, root) == OWN
    assert settle(root) == ""
    assert held_by(root) == before
    found = home_of(root)
    assert found is not None and found.path == root.as_uri()


def test_what_was_in_a_folder_above_is_known_by_the_addresses_themselves(root: Path) -> None:
    before = held_by(root)
    inner = root / "inner"
    inner.mkdir()
    for path in list(root.iterdir()):
        if path != inner:
            path.rename(inner / path.name)
    assert settle(inner) == f"{inner}: this workspace was moved here from {root}; MLflow's addresses have followed"
    after = held_by(inner)
    assert (after.pop(PAST)[:-1], after) == (before.pop(PAST)[:-1], before)


def test_a_look_reads_an_address_as_it_will_be(root: Path) -> None:
    held = (root / FILES_OF_MLFLOW / "x").as_uri()
    new = moved(root, "new")
    assert as_it_stands(held, new) == (new / FILES_OF_MLFLOW / "x").as_uri()
    assert as_it_stands(AWAY, new) == AWAY
    settle(new)
    assert as_it_stands(held, new) == held
    (new / "state" / "home.json").unlink()
    assert as_it_stands(held, new) == held


@pytest.mark.parametrize("database", [MLFLOW, MLFLOW_COPY, PREFECT])
def test_a_damaged_database_is_left_to_who_opens_it(root: Path, database: str) -> None:
    new = moved(root, "new")
    (new / database).write_bytes(b"no database at all" * 100)
    assert "was moved here" in settle(new)


def test_a_database_in_use_is_named_and_the_next_try_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "WAIT_SECONDS", 0.01)
    new = moved(root, "new")
    with closing(sqlite3.connect(new / MLFLOW, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(UpstreamError, match=r"database is locked.*end what uses it"):
            settle(new)
    assert "was moved here" in settle(new)


def test_a_full_disk_is_named_and_the_next_try_goes_on(root: Path) -> None:
    before = held_by(root)
    new = moved(root, "new")
    ended = run_program(SETTLE, new, max_file_bytes=2048)
    assert ended.returncode == 1
    assert "UpstreamError" in ended.stderr
    assert "Check the disk" in ended.stderr
    assert "was moved here" in settle(new)
    del (now := held_by(new))[PAST][-1]
    assert now == {name: texts[: len(now[name])] for name, texts in before.items()}
