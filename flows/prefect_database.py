"""The database of a workspace's Prefect server: made, brought up to date and mended before the server opens it.

Where the server does that in place, a kill or a full disk among a hundred migrations leaves what no server opens again.
So it is done in a copy, which takes the place of the database at the end (`store/databases.py`). Which Prefect has done
it last stands in a file beside it: a usual start looks at nothing else.

The database only shows what was done. So one that is damaged or was left unfinished is put aside under a name with a
date, and a night goes on with a new one. For damage it is looked at when a server ended at its start, and only then.
"""

import sys
import threading
from contextlib import suppress
from pathlib import Path

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.store.databases import (
    is_damaged,
    is_empty,
    is_unfit,
    made_aside,
    put_database_aside,
    schema_of,
    sqlite_address,
)
from pipeline_lib.store.files import locked, write_atomically

VARIABLE = "NIGHTSHIFT_PREFECT_DATABASE"  # where the file lies: for servers of a workspace
MADE_BY = ".tables-of"
LOCK = ".prefect.lock"


def made_by(database: Path) -> Path:
    """The file that says which release of Prefect the tables are of."""
    return database.with_name(f".{database.name}{MADE_BY}")


def prepare(database: Path) -> None:
    """Let the tables be those that this Prefect wants. Raises `UpstreamError` where they cannot be made.

    Tables that an older release left unfinished are put aside: the database only shows what was done.
    """
    if _is_prepared(database):
        return
    with locked(database.with_name(LOCK)):  # a night and `nightshift up` may begin in the same second
        if not _is_prepared(database):
            _prepare(database)


def put_damaged_aside(database: Path) -> str:
    """Put a damaged SQLite database aside; a line about it, "" where it is none that is damaged."""
    if not is_damaged(database):
        return ""
    aside = put_database_aside(database).name
    return f"{database} was damaged and is kept as {aside}; Prefect shows runs in a new one, all else is as it was"


def _prepare(database: Path) -> None:
    try:
        _make(database)
    except UpstreamError as exc:
        if not is_unfit(exc):
            raise
        print(f"{database} was left unfinished and is kept as {put_database_aside(database).name}", file=sys.stderr)
        _make(database)
    with suppress(UpstreamError):  # it is only asked once more than it need be
        write_atomically(made_by(database), _stamp(database))


def _make(database: Path) -> None:
    with made_aside(database, start=None if is_empty(database) else database) as aside:
        _upgrade(aside)


def _is_prepared(database: Path) -> bool:
    if is_empty(database):
        return False
    try:
        return made_by(database).read_bytes() == _stamp(database)
    except OSError:
        return False


def _stamp(database: Path) -> bytes:
    from importlib.metadata import version

    return f"prefect {version('prefect')}, tables {schema_of(database)}\n".encode()


def _upgrade(database: Path) -> None:
    """Run Prefect's migrations, in a thread: whoever imports an app is in the midst of a loop of its own."""
    failed: list[BaseException] = []

    def migrate() -> None:
        try:
            _migrate(database)
        except BaseException as exc:  # noqa: BLE001 - raised again where it is waited for
            failed.append(exc)

    thread = threading.Thread(target=migrate, name="tables")
    thread.start()
    thread.join()
    if failed:
        raise UpstreamError(
            f"{database}: Prefect cannot make its tables ({failed[0]}). Check the disk, then start again; a database "
            "that nothing helps may be moved away: it only shows what was done."
        ) from failed[0]


def _migrate(database: Path) -> None:
    import anyio
    from prefect.server.database.configurations import AioSqliteConfiguration
    from prefect.server.database.dependencies import provide_database_interface, temporary_database_config

    async def make() -> None:
        interface = provide_database_interface()
        await interface.create_db()
        await (await interface.engine()).dispose()

    # Set for the time being alone: what this process serves later is the database under its own name.
    with temporary_database_config(AioSqliteConfiguration(sqlite_address(database, driver="aiosqlite"))):
        anyio.run(make)
