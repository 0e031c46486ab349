"""The tables of a workspace's Prefect server: never left half-made, and made anew where that had happened."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from flows.prefect_database import made_by, prepare
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.store.databases import schema_of
from tests.servers_up import wait_until

PREPARE = "import sys; from pathlib import Path; from flows.prefect_database import prepare; prepare(Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was killed once in its making, and then made."""
    database = tmp_path_factory.mktemp("prefect") / "prefect.db"
    half = database.with_name(".prefect.db.made")
    env = {**os.environ, "PREFECT_HOME": str(database.parent / "home")}
    child = subprocess.Popen([sys.executable, "-c", PREPARE, database], env=env)
    wait_until(lambda: (half.exists() and half.stat().st_size > 50_000) or child.poll() is not None, 120)
    child.kill()
    assert child.wait() == -signal.SIGKILL and half.exists() and not database.exists()
    prepare(database)
    assert not half.exists() and made_by(database).exists()
    return database


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Path:
    shutil.copy(made, tmp_path)
    shutil.copy(made_by(made), tmp_path)
    with closing(sqlite3.connect(tmp_path / made.name)) as opened, opened:
        opened.execute("insert into flow (id, name) values ('1', 'nightly')")
    return tmp_path / made.name


def flows_in(database: Path) -> int:
    with closing(sqlite3.connect(database)) as opened:
        found: int = opened.execute("select count(*) from flow").fetchone()[0]
    return found


def test_one_that_is_prepared_is_not_touched(database: Path) -> None:
    before = database.stat()
    prepare(database)
    assert database.stat() == before


def test_one_of_another_release_is_brought_up_to_date_with_what_it_holds(database: Path) -> None:
    made_by(database).write_text("prefect 3.0.0, tables of old\n")
    before = database.stat().st_ino
    prepare(database)
    assert database.stat().st_ino != before and flows_in(database) == 1


def test_tables_that_were_left_unfinished_are_put_aside(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first tables are there, but their revision was never written down."""
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("delete from alembic_version")
    prepare(database)
    (aside,) = database.parent.glob("prefect.db.2*")
    assert f"is kept as {aside.name}" in capsys.readouterr().err
    assert (flows_in(aside), flows_in(database)) == (1, 0) and schema_of(database) is not None


def test_tables_of_a_newer_release_are_named_and_left_alone(database: Path) -> None:
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("update alembic_version set version_num = 'of a newer one'")
    with pytest.raises(UpstreamError, match="Can't locate revision"):
        prepare(database)
    assert flows_in(database) == 1 and not list(database.parent.glob("*.made*"))
