"""Databases for the `sql` source: SQLite in a file, and a PostgreSQL server of the tests' own."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline_lib.ingest.sources.sql import SqlSource
from tests.source_nights import House

PASSWORD_VARIABLE = "NIGHTSHIFT_TEST_PASSWORD"


@dataclass
class Server:
    """A PostgreSQL that listens on a socket in a folder of its own, and on no port."""

    folder: Path
    password: str

    @property
    def url(self) -> str:
        return f"postgresql://nightshift@/postgres?host={self.folder}"


@dataclass
class Database:
    """A database to change between the nights, and a `sql` source that reads it."""

    url: str
    password: str | None
    house: House

    def do(self, *statements: str) -> None:
        """Run statements, as the owner of the data would."""
        url = sa.make_url(self.url)
        if self.password is not None:
            url = url.set(drivername="postgresql+psycopg", password=self.password)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))
        engine.dispose()

    def read(self, **fields: Any) -> House:
        """The house with a source of these settings."""
        variable = PASSWORD_VARIABLE if self.password is not None else None
        asked = {} if {"query", "table"} & fields.keys() else {"table": "articles"}
        self.house.other = SqlSource(name="docs", url=self.url, password_variable=variable, **asked, **fields)
        return self.house


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A workspace."""
    return House(tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server made from Debian's binaries. Skips where there are none; in CI there must be."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        assert os.environ.get("CI") != "true", "PostgreSQL is not installed, and CI may not go without it"
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="nightshift-sql-"))
    running = Server(folder, secrets.token_hex(12))
    try:
        _start(found[-1].parent, running)
        yield running
        _run(found[-1].parent / "pg_ctl", "stop", "-D", folder / "data", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, house: House, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty database of each kind."""
    if request.param == "sqlite":
        place = house.root / "data.db"
        place.touch()
        return Database(f"sqlite:///{place}", None, house)
    running: Server = request.getfixturevalue("server")
    monkeypatch.setenv(PASSWORD_VARIABLE, running.password)
    empty = Database(running.url, running.password, house)
    empty.do("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return empty


def _start(binaries: Path, server: Server) -> None:
    password_file = server.folder / "password"
    password_file.write_text(server.password)
    if os.getuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        for path in (server.folder, password_file):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    data = server.folder / "data"
    _run(binaries / "initdb", "-D", data, "-U", "nightshift", "-A", "scram-sha-256", f"--pwfile={password_file}", "-N")
    options = f"-k {server.folder} -c listen_addresses= -c fsync=off"
    _run(binaries / "pg_ctl", "start", "-w", "-D", data, "-l", server.folder / "log", "-o", options)


def _run(*command: Path | str) -> None:
    as_owner = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    words = [*as_owner, *(str(word) for word in command)]
    subprocess.run(words, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=120)
