"""The database of a workspace's Prefect server only shows things: where it is damaged, a night goes on with a new one.

It is looked at when a server ended at its start, and only then: a healthy start pays nothing. The damaged one is put
aside under a name with a date, with what belongs to it; nothing is deleted.
"""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from pipeline_lib.store.files import put_aside

LOOK_SECONDS = 10.0  # at most; a gigabyte is looked through in a few
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
PARTS = ("", "-wal", "-shm")


def put_damaged_aside(database: Path) -> str:
    """Put a damaged SQLite database aside; a line about it, "" where it is none that is damaged."""
    if not is_damaged(database):
        return ""
    parts = [path for part in PARTS if os.path.lexists(path := database.with_name(database.name + part))]
    asides = [put_aside(path).name for path in parts]
    return f"{database} was damaged and is kept as {asides[0]}; Prefect shows runs in a new one, all else is as it was"


def is_damaged(database: Path) -> bool:
    """Whether something is there that SQLite finds wrong, within LOOK_SECONDS. One that is busy is not."""
    if not database.is_file():
        return os.path.lexists(database)
    deadline = time.monotonic() + LOOK_SECONDS
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as opened:
            opened.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
            return bool(opened.execute("pragma quick_check(1)").fetchone() != ("ok",))
    except sqlite3.Error as exc:
        return exc.sqlite_errorcode & 0xFF in DAMAGED  # the last byte is the kind
