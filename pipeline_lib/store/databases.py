"""The SQLite files that MLflow and Prefect keep in a workspace: looked at, copied, and put in place whole.

Their migrations commit one by one, and a kill or a full disk among them leaves what neither opens again. So a database
is made, migrated or copied under another name beside its own, closed, and renamed: what is cut off changes nothing.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.store.files import fsync_file, fsync_folder, make_folder, put_aside

LOOK_SECONDS = 10.0  # at most; a gigabyte is looked through in a few
WAIT_SECONDS = 30.0  # for a server that is writing
GLANCE_SECONDS = 1.0  # the same, for who only looks
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
PARTS = ("", "-wal", "-shm", "-journal")
BESIDE = ".made"  # what the name of one in the making ends with


def is_damage(exc: sqlite3.Error) -> bool:
    """Whether an error says that a file is damaged, or is no database."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in DAMAGED  # the last byte is the kind


def is_unfit(exc: BaseException) -> bool:
    """Whether what failed was a statement that does not fit the tables, and not the disk, a lock or damage.

    SQLAlchemy and its drivers wrap SQLite's errors, each in its own way.
    """
    chain: list[BaseException] = [exc]
    for error in chain:
        if isinstance(error, sqlite3.Error):
            return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR
        within = (getattr(error, "orig", None), error.__cause__)
        chain += [other for other in within if isinstance(other, BaseException) and other not in chain]
    return False


def is_damaged(database: Path, *, seconds: float = LOOK_SECONDS) -> bool:
    """Whether something is there that SQLite finds wrong, within so many seconds. One that is busy is not."""
    if not database.is_file():
        return os.path.lexists(database)
    deadline = time.monotonic() + seconds
    try:
        with closing(_reading(database)) as opened:
            opened.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
            return bool(opened.execute("pragma quick_check(1)").fetchone() != ("ok",))
    except sqlite3.Error as exc:
        return is_damage(exc)


def is_empty(database: Path) -> bool:
    """Whether there is no database, or one that nobody has written to."""
    return not os.path.lexists(database) or (database.is_file() and database.stat().st_size == 0)


def has_tables(database: Path, names: Sequence[str] = ()) -> bool:
    """Whether its tables can be read, those of these `names` among them, and Alembic has noted of which revision they
    are. One that is busy has them."""
    try:
        with closing(_reading(database, GLANCE_SECONDS)) as opened:
            for name in names:
                opened.execute(f'select 1 from "{name}" limit 1').fetchone()
            return bool(opened.execute("select count(*) from alembic_version").fetchone() == (1,))
    except sqlite3.Error as exc:
        return not (is_damage(exc) or is_unfit(exc))


def schema_of(database: Path) -> str | None:
    """The revision of its tables, as Alembic has noted it; None where it has not, or the file cannot be read."""
    try:
        with closing(_reading(database)) as opened:
            found = opened.execute("select version_num from alembic_version").fetchall()
    except sqlite3.Error:
        return None
    return str(found[0][0]) if len(found) == 1 else None


def put_database_aside(database: Path) -> Path:
    """Give a database another name, with what belongs to it; the name. Nothing is deleted."""
    parts = [path for part in PARTS if os.path.lexists(path := _part(database, part))]
    first, *_ = [put_aside(path) for path in parts]
    return first


def copy_database(source: Path, target: Path) -> None:
    """Put a copy of `source` as it is at one instant, whoever writes to it, under `target`."""
    with made_aside(target) as aside:
        copy_at_once(source, aside)


def sqlite_address(path: Path, *, driver: str = "") -> str:
    """What SQLAlchemy calls the SQLite file of this absolute path.

    It takes all behind a `?` for a query, so such a path is quoted, in a URI of SQLite. The driver is named then, too:
    MLflow makes folders for what begins with `sqlite:///`, here one called `file:`.
    """
    if "?" not in str(path):
        return f"sqlite{driver and '+'}{driver}:///{path}"
    return f"sqlite+{driver or 'pysqlite'}:///file:{quote(str(path))}?uri=true"


@contextmanager
def made_aside(database: Path, start: Path | None = None) -> Iterator[Path]:
    """A path at which to make a database, from a copy of `start`; at the end it becomes `database`, all at once.

    Whoever it is made by has closed it by then. Raises `UpstreamError` where it cannot be put there.
    """
    aside = database.with_name(f".{database.name}{BESIDE}")
    try:
        make_folder(database.parent)
        _remove(aside)
        if start is not None:
            copy_at_once(start, aside)
        yield aside
        _end_log(aside)
        fsync_file(aside)
        if not is_empty(database):
            _end_log(database)  # its log would be taken for that of the new one; and nobody may be using it
        aside.replace(database)
        fsync_folder(database.parent)
    except (sqlite3.Error, OSError) as exc:
        raise UpstreamError(
            f"{database}: cannot be made or changed ({exc}); what was there is as it was. "
            "Check the disk and the rights there, end what uses it (nightshift up), and run again."
        ) from exc
    finally:
        with suppress(OSError):  # where its folder is none it is not there either
            _remove(aside)


def copy_at_once(source: Path, target: Path) -> None:
    """Copy `source` as it is at one instant to a file that is not there yet, page by page. Raises SQLite's errors."""
    with closing(_reading(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _end_log(database: Path) -> None:
    """Write what stands in the log of a database into it, and drop the log."""
    with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as opened:
        opened.execute("pragma wal_checkpoint(truncate)")
        opened.execute("pragma journal_mode = delete")


def _remove(database: Path) -> None:
    for part in PARTS:
        _part(database, part).unlink(missing_ok=True)


def _part(database: Path, part: str) -> Path:
    return database.with_name(database.name + part)


def _reading(database: Path, seconds: float | None = None) -> sqlite3.Connection:
    wait = WAIT_SECONDS if seconds is None else seconds
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=wait)
