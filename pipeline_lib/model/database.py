"""MLflow's SQLite file in a workspace: made, migrated and mended before MLflow opens it.

    mlflow.db                     experiments, runs and their curves, models and their versions
    state/promotions/mlflow.db    a copy, as it was when a version was last registered or the champion last moved

A database that is damaged, or was left unfinished by a kill, is put aside, and the copy comes in its place, with the
versions, their numbers and the aliases that it knew; where there is no copy a new one is made, in which the next night
registers its model anew. A store of the user's own is not touched: it may serve others.
"""

import logging
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import NightshiftError, SettingsError, UpstreamError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.addresses import MLFLOW_COPY
from pipeline_lib.store.databases import (
    copy_database,
    has_tables,
    is_damaged,
    is_empty,
    is_unfit,
    made_aside,
    put_database_aside,
    schema_of,
    sqlite_address,
)
from pipeline_lib.store.files import locked

LOCK = ".mlflow.lock"
LOOKED_AT = ("registered_model_aliases", "model_versions", "model_version_tags")  # tables that a glance reads

logger = logging.getLogger(__name__)
_ready: dict[Path, int | None] = {}  # by database the number of the file that was looked at; None: look again


class _Unfinished(Exception):
    """Tables that MLflow's migrations do not fit: they were cut off in the midst of one."""


def copy_of(database: Path) -> Path:
    """Where the copy of a workspace's own database lies."""
    return database.parent / MLFLOW_COPY


def needs_mending(database: Path) -> bool:
    """Whether `ready` would put the copy in its place, as far as that shows at a glance."""
    if is_empty(database):
        return copy_of(database).is_file()
    return not has_tables(database, LOOKED_AT)


def ready(database: Path) -> None:
    """Let the database of a workspace be one that MLflow can open.

    Raises `SettingsError` where a newer MLflow has made it, `UpstreamError` where it cannot be made or mended now.
    """
    number = _file_number(database)
    if number is not None and _ready.get(database) == number:
        return
    if database in _ready:
        _forget_connections()  # it is another file now, or was found damaged
    with locked(database.with_name(LOCK)):
        if is_damaged(database):
            _replace(database, "was damaged")
        elif not is_empty(database) and not _is_up_to_date(database) and not _is_made_of(database, database):
            _replace(database, "was left unfinished")
        if is_empty(database):
            _make(database)
    _ready[database] = _file_number(database)


def is_usable(database: Path) -> bool:
    """Whether there is one that needs no mending, as far as that shows without MLflow, which takes seconds to load."""
    return not is_empty(database) and not needs_mending(database)


def damage_in(database: Path, *, is_own: bool) -> UpstreamError | None:
    """The error for a database in which damage was met while it was in use; None where it is whole."""
    if not is_damaged(database):
        return None
    if database in _ready:
        _ready[database] = None
    way_out = "Put it back from a copy of yours"
    if is_own:
        way_out = "Run again: it is put aside then, and what is known of it comes back"
    return UpstreamError(f"{database}: is damaged. {way_out}.")


def keep_copy(database: Path) -> None:
    """Copy it as it is. Where that fails the copy before stays, with a word: nobody is kept from a promotion.

    A copy that is damaged gives way: SQLite would put no other in its place.
    """
    failpoint("register", "before_copy")
    copy = copy_of(database)
    try:
        try:
            copy_database(database, copy)
        except UpstreamError:
            if not (copy.is_file() and is_damaged(copy)):
                raise
            _replace(copy, "was damaged")
            copy_database(database, copy)
    except (NightshiftError, OSError) as exc:
        logger.warning("%s", exc)


def _make(database: Path) -> None:
    """Put the copy there, if it can be used, or else a new database."""
    copy = copy_of(database)
    if not is_empty(copy) and not is_damaged(copy) and _is_made_of(copy, database):
        clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(copy.stat().st_mtime))
        logger.warning("%s: is as it was at %s, when it was copied last", database, clock)
        return
    with made_aside(database) as aside:
        _upgrade(aside)
        failpoint("register", "made_database")


def _is_made_of(source: Path, database: Path) -> bool:
    """Whether `database` could be made of what `source` holds, in the tables that this MLflow wants."""
    _check_known(source)
    try:
        with made_aside(database, start=source) as aside:
            if schema_of(aside) != _head():
                _upgrade(aside)
            if not _is_up_to_date(aside):
                raise _Unfinished
            failpoint("register", "migrated_database")
    except _Unfinished:
        return False
    return True


def _replace(database: Path, fault: str) -> None:
    """Put a database aside that nobody can use, with a word."""
    aside = put_database_aside(database)
    logger.warning("%s: %s; it is kept as %s", database, fault, aside.name)


def _check_known(database: Path) -> None:
    from alembic.script import ScriptDirectory

    revision, scripts = schema_of(database), ScriptDirectory.from_config(_tables()._get_alembic_config(""))
    if revision is None or revision in {script.revision for script in scripts.walk_revisions()}:
        return
    raise SettingsError(
        f"{database}: its tables (revision {revision}) are of a newer MLflow than this one. "
        "Install the release of Nightshift that has used this workspace last."
    )


def _head() -> str:
    """The revision of the tables that this MLflow wants."""
    return str(_tables()._get_latest_schema_revision())


def _is_up_to_date(database: Path) -> bool:
    """Whether its tables are those that this MLflow wants, and all of them are there: the revision is only a word."""
    from sqlalchemy import create_engine

    if schema_of(database) != _head():
        return False
    engine = create_engine(sqlite_address(database))
    try:
        return bool(_tables()._all_tables_exist(engine))
    finally:
        engine.dispose()


def _upgrade(database: Path) -> None:
    """Make the tables that this MLflow wants, from whatever is there."""
    from alembic.util import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    engine = create_engine(sqlite_address(database))
    try:
        _tables()._initialize_tables(engine)
    except CommandError as exc:
        raise _Unfinished from exc
    except DBAPIError as exc:
        if is_unfit(exc):
            raise _Unfinished from exc
        raise sqlite3.OperationalError(str(exc.orig)) from exc
    except SQLAlchemyError as exc:  # of tables that are none of MLflow's
        raise _Unfinished from exc
    finally:
        engine.dispose()


def _tables() -> Any:
    """What MLflow knows of its tables. The names are MLflow's own: all releases that we allow have them."""
    from mlflow.store.db import utils

    return utils


def _forget_connections() -> None:
    """Let no connection of this process lead to a file that was put aside: MLflow keeps some."""
    with suppress(ImportError, AttributeError):
        from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Models
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs

        for engine in (*Models._engine_map.values(), *Runs._engine_map.values()):
            engine.dispose()


def _file_number(database: Path) -> int | None:
    try:
        found = database.stat()
    except OSError:
        return None
    return found.st_ino if found.st_size else None
