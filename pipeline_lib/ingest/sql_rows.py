"""The rows of a database, one by one, with the errors of drivers as ours.

What may recover (a lost connection, a server that starts, a lock) is an `UpstreamError` and asked again; what cannot
(no such table, no such driver) is a `SettingsError`. Messages hold the first line of what the driver says, never the
statement or the password, and where it may quote a value of a row (a cast, a division) only the name of its error.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from pipeline_lib.base.errors import SettingsError, UpstreamError
from pipeline_lib.ingest.charset import is_unicode
from pipeline_lib.ingest.landed import Row
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.ingest.naming import escape, part_of

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.sql import SqlSource

FETCH_ROWS = 500  # a piece of the answer: as many rows are held at a time
DRIVERS = {"postgresql": "postgresql+psycopg"}  # what a bare dialect means here, since that driver is our extra
SQLITE_RECOVERS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
MAX_URL_CHARS = 2_000  # what browsers and proxies take; a longer one is no address but a text in the wrong column
MAX_SAID_CHARS = 200  # of what a driver says
# What drivers say of the connection or of the statement; of all else they may quote what is in a row.
OF_THE_QUESTION = (exc.OperationalError, exc.InterfaceError, exc.ProgrammingError, exc.NotSupportedError)
NOT_DELETED = {"", "0", "f", "false", "n", "no"}


@contextmanager
def connected(source: "SqlSource") -> Iterator[sa.Connection]:
    """A connection that reads one state of the database. What goes wrong within is raised as an error of ours."""
    try:
        engine = _engine(source)
        with engine.connect() as connection, connection.begin():
            yield connection.execution_options(stream_results=True, yield_per=FETCH_ROWS)
    except exc.DBAPIError as error:
        raise _translated(source.name, error) from error
    except (exc.SQLAlchemyError, ImportError) as error:
        raise _unusable(source.name, type(error).__name__, str(error)) from error


def fetch(source: "SqlSource", connection: sa.Connection, landing: Landing) -> Any:
    """Give the rows to the landing; the last value of the incremental column, if there is one."""
    since = landing.last
    if since is not None:
        wanted = [name for name in (source.id_column, source.deleted_column) if name is not None]
        for answer in connection.execute(_select(source, wanted)).mappings():
            landing.there(_text_of(answer[source.id_column]), is_deleted(_marker(source, answer)))
    last = since
    for answer in connection.execute(_select(source, _columns(source), since)).mappings():
        landing.add(_row(source, answer), is_deleted(_marker(source, answer)))
        last = _later(last, None if source.incremental_column is None else answer[source.incremental_column])
    if landing.misses():
        _fetch_missed(source, connection, landing)
    return last


def _fetch_missed(source: "SqlSource", connection: sa.Connection, landing: Landing) -> None:
    """Fetch rows that came, or came back, under an older value than the last: all rows are gone through for them."""
    for answer in connection.execute(_select(source, _columns(source))).mappings():
        if landing.misses(_text_of(answer[source.id_column])):
            landing.add(_row(source, answer), is_deleted(_marker(source, answer)))


def is_deleted(marker: Any) -> bool:
    """Whether the value of a deleted-marker says so: a time, true, or a number that is not 0."""
    if isinstance(marker, str):
        return marker.strip().lower() not in NOT_DELETED
    return bool(marker)


def _engine(source: "SqlSource") -> sa.Engine:
    url = sa.make_url(source.url)
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():  # it would be made, and be empty
        raise SettingsError(f"ingest: the database of source {source.name!r} does not exist. Correct its url.")
    password = source.password()
    engine = sa.create_engine(url if password is None else url.set(password=password), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _let_wrong_bytes_through)
    elif engine.dialect.name in ("postgresql", "mysql", "mariadb"):
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    return engine


def _let_wrong_bytes_through(connection: sqlite3.Connection, _record: Any) -> None:
    """One text that is not UTF-8 costs its row, not the table."""
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")


def _columns(source: "SqlSource") -> list[str]:
    """What is fetched of a row, each column once."""
    optional = (
        source.incremental_column,
        source.deleted_column,
        source.title_column,
        source.licence_column,
        source.url_column,
    )
    named = [source.id_column, source.text_column, *(name for name in optional if name), *source.metadata_columns]
    return list(dict.fromkeys(named))


def _select(source: "SqlSource", names: Sequence[str], since: Any = None) -> sa.Select[Any]:
    """These columns of all rows in the order of their ids, or of those that are not below `since`."""
    wanted = [*names, source.id_column, *([source.incremental_column] if source.incremental_column else [])]
    origin = _origin(source, [sa.column(name) for name in dict.fromkeys(wanted)])
    select = sa.select(*(origin.c[name] for name in names)).order_by(origin.c[source.id_column])
    if since is None or source.incremental_column is None:
        return select
    grown = origin.c[source.incremental_column]
    return select.where(sa.or_(grown >= since, grown.is_(None)))


def _origin(source: "SqlSource", columns: Sequence[sa.ColumnClause[Any]]) -> sa.FromClause:
    if source.query is None:
        schema, _, table = (source.table or "").rpartition(".")
        return sa.table(table, *columns, schema=schema or None)
    asked = source.query.rstrip().rstrip(";").replace(":", r"\:")  # a colon is no parameter of ours
    return sa.text(asked).columns(*columns).subquery("asked")


def _row(source: "SqlSource", answer: sa.RowMapping) -> Row:
    """The row as it lands. A text that cannot be one is left out, with the reason."""
    row_id, text = _text_of(answer[source.id_column]), answer[source.text_column]
    fault = None
    if not isinstance(text, str):
        fault = f"no text in column {source.text_column!r}"
    elif not is_unicode(text):
        fault = "not UTF-8"
    metadata = ((name, _text_of(answer[name])) for name in source.metadata_columns)
    return Row(
        id=row_id,
        url=_url(source, answer, row_id or ""),
        text=text if fault is None else None,
        fault=fault,
        title=_text_of(answer[source.title_column]) if source.title_column else None,
        licence=_text_of(answer[source.licence_column]) if source.licence_column else None,
        metadata=tuple((name, value) for name, value in metadata if value is not None),
    )


def _url(source: "SqlSource", answer: sa.RowMapping, row_id: str) -> str:
    """The address that the row has by itself, if it can be one; else table and id, as of a record in a file."""
    address = _text_of(answer[source.url_column]) if source.url_column else None
    if address and len(address) <= MAX_URL_CHARS and address.isprintable():
        return address
    return f"{escape(source.table or 'query')}#{part_of(row_id, row_id)}"


def _marker(source: "SqlSource", answer: sa.RowMapping) -> Any:
    return None if source.deleted_column is None else answer[source.deleted_column]


def _text_of(value: Any) -> str | None:
    """A value of any type as text, the same each night; what is not Unicode is escaped."""
    if value is None:
        return None
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    text = value.isoformat() if isinstance(value, datetime | date | time) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def _later(last: Any, value: Any) -> Any:
    if value is None:
        return last
    return value if last is None or value > last else last


def _translated(name: str, error: exc.DBAPIError) -> UpstreamError | SettingsError:
    code = getattr(error.orig, "sqlite_errorcode", None)
    said = (str(error.orig).strip().splitlines() or [""])[0][:MAX_SAID_CHARS]
    if code is None and not isinstance(error, OF_THE_QUESTION):
        said = "a value of a row does not fit what is asked of it"
    recovers = isinstance(error, exc.OperationalError | exc.InterfaceError) or error.connection_invalidated
    if recovers and (code is None or code & 0xFF in SQLITE_RECOVERS):
        return UpstreamError(f"ingest: the database of source {name!r} does not answer: {said}. Run again.")
    return _unusable(name, type(error.orig).__name__, said)


def _unusable(name: str, kind: str, said: str) -> SettingsError:
    return SettingsError(
        f"ingest: source {name!r} cannot be asked as its settings say: {kind}: {said}. Correct its url, its table or "
        "query and its columns. A database other than SQLite needs a driver (PostgreSQL: the extra 'postgres')."
    )
