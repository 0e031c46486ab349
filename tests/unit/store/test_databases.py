"""SQLite files that are made under another name, and take their own at the end."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.store import databases
from pipeline_lib.store.databases import (
    copy_database,
    is_damaged,
    is_empty,
    made_aside,
    put_database_aside,
    schema_of,
    sqlite_address,
)
from tests.in_child import run_program


def write(database: Path, *rows: str, journal: str = "delete") -> None:
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(f"pragma journal_mode = {journal}")
        opened.execute("create table if not exists alembic_version (version_num)")
        opened.executemany("insert into alembic_version values (?)", [(row,) for row in rows])


def rows_of(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as opened:
        return [row for (row,) in opened.execute("select version_num from alembic_version")]


def nothing(database: Path) -> None:
    database.unlink(missing_ok=True)


def garbage(database: Path) -> None:
    database.write_bytes(b"no database at all " * 100)


def cut(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:5000])


def folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def dangling(database: Path) -> None:
    database.unlink()
    database.symlink_to("nowhere")


def zeros(database: Path) -> None:
    content = database.read_bytes()
    database.write_bytes(content[:4096] + bytes(len(content) - 4096))


@pytest.mark.parametrize("spoil", [garbage, cut, folder, zeros, dangling])
def test_what_cannot_be_used_is_damaged_and_put_aside(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    database = tmp_path / "a?b 库.db"
    write(database, *map(str, range(2000)))
    assert not is_damaged(database) and rows_of(database)[-1] == "1999"
    spoil(database)
    assert is_damaged(database) and schema_of(database) is None
    aside = put_database_aside(database)
    assert not os.path.lexists(database) and os.path.lexists(aside) and is_empty(database)


@pytest.mark.parametrize("text", [b"", None])
def test_none_and_an_empty_one_are_no_damage(tmp_path: Path, text: bytes | None) -> None:
    database = tmp_path / "a.db"
    if text is not None:
        database.write_bytes(text)
    assert is_empty(database) and not is_damaged(database) and schema_of(database) is None


def test_the_revision_of_the_tables_is_what_alembic_noted(tmp_path: Path) -> None:
    write(tmp_path / "a.db", "abc")
    assert schema_of(tmp_path / "a.db") == "abc"
    write(tmp_path / "a.db", "of two branches")
    assert schema_of(tmp_path / "a.db") is None


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_copy_holds_what_stands_in_the_log_too(tmp_path: Path, journal: str) -> None:
    source, target = tmp_path / "a.db", tmp_path / "copies" / "b.db"
    write(source, "one", journal=journal)
    with closing(sqlite3.connect(source)) as open_still:
        write(source, "two", journal=journal)
        copy_database(source, target)
        assert open_still.execute("select count(*) from alembic_version").fetchone() == (2,)
    assert rows_of(target) == ["one", "two"]
    write(source, "three")
    copy_database(source, target)
    assert rows_of(target)[-1] == "three" and {path.name for path in target.parent.iterdir()} == {"b.db"}


def test_one_that_somebody_uses_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they write later would be lost, and its log taken for that of the new one."""
    monkeypatch.setattr(databases, "WAIT_SECONDS", 0.01)
    database = tmp_path / "a.db"
    write(database, "old", journal="wal")
    with closing(sqlite3.connect(database)) as reader:
        reader.execute("select * from alembic_version").fetchone()
        with pytest.raises(UpstreamError, match=r"database is locked.*end what uses it"), made_aside(database) as aside:
            write(aside, "new", journal="wal")
    assert rows_of(database) == ["old"]
    with made_aside(database) as aside:
        write(aside, "new", journal="wal")
    assert rows_of(database) == ["new"] and not is_damaged(database)


def test_what_fails_leaves_what_was_there_and_no_rest(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    write(database, "old")
    with pytest.raises(ZeroDivisionError), made_aside(database, start=database) as aside:
        write(aside, "half")
        raise ZeroDivisionError
    assert rows_of(database) == ["old"] and list(tmp_path.iterdir()) == [database]
    (tmp_path / ".a.db.made").write_bytes(b"of a kill")
    with made_aside(database, start=database) as aside:
        write(aside, "new")
    assert rows_of(database) == ["old", "new"] and list(tmp_path.iterdir()) == [database]


COPY = """
import sys
from pathlib import Path
from pipeline_lib.store.databases import copy_database
copy_database(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    write(source, *(str(number) * 100 for number in range(2000)))
    write(target, "old")
    ended = run_program(COPY, source, target, max_file_bytes=20_000)
    assert ended.returncode == 1 and "UpstreamError" in ended.stderr and "b.db: cannot be made" in ended.stderr
    assert rows_of(target) == ["old"] and {path.name for path in tmp_path.iterdir()} == {"a.db", "b.db"}


def test_a_place_that_is_none_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.db", "x")
    (tmp_path / "file").touch()
    with pytest.raises(UpstreamError, match=r"file/b\.db: cannot be made"):
        copy_database(tmp_path / "a.db", tmp_path / "file" / "b.db")


@pytest.mark.parametrize("name", ["a.db", "a b#c%20 库.db"])
def test_the_address_of_a_path_is_that_path(tmp_path: Path, name: str) -> None:
    assert sqlite_address(tmp_path / name) == f"sqlite:///{tmp_path / name}"


def test_a_question_mark_is_quoted() -> None:
    assert sqlite_address(Path("/w?1/a.db"), driver="aiosqlite") == "sqlite+aiosqlite:///file:/w%3F1/a.db?uri=true"
