"""The rows of a database, one by one, with the errors of drivers as ours.

What may recover (a lost connection, a server that starts, a lock) is an `UpstreamError` and asked again; what cannot
(no such table, no such driver) is a `SettingsError`. Messages hold the first line of what the driver says, never the
statement or the password, and where it may quote a value of a row (a cast, a division) only the name of its error.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy import event, exc

from pipeline_lib.base.errors import SettingsError, UpstreamError
from pipeline_lib.ingest.charset import is_unicode
from pipeline_lib.ingest.landed import Row
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.ingest.naming import escape, part_of
from pipeline_lib.ingest.sql_query import columns_of, select

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.sql import SqlSource

FETCH_ROWS = 500  # a piece of the answer: as many rows are held at a time
DRIVERS = {"postgresql": "postgresql+psycopg"}  # what a bare dialect means here, since that driver is our extra
SQLITE_RECOVERS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
MAX_URL_CHARS = 2_000  # what browsers and proxies take; a longer one is no address but a text in the wrong column
MAX_SAID_CHARS = 200  # of what a driver says
# What drivers say of the connection or of the statement; of all else they may quote what is in a row.
OF_THE_QUESTION = (exc.OperationalError, exc.InterfaceError, exc.ProgrammingError, exc.NotSupportedError)
URI_IS_ON = {"1", "true", "t", "yes", "y", "on"}  # as SQLAlchemy reads it
NOT_DELETED = {"", "f", "false", "n", "no", "off"}
ZEROS = "0 .:-+T"  # all that stands in a zero: a number, a string of bits, the date that MySQL has for no date


@contextmanager
def connected(source: "SqlSource") -> Iterator[sa.Connection]:
    """A connection that reads one state of the database. What goes wrong within is raised as an error of ours."""
    try:
        engine = _engine(source)
        with engine.connect() as connection, connection.begin():
            yield connection.execution_options(stream_results=True, yield_per=FETCH_ROWS)
    except exc.DBAPIError as error:
        raise _translated(source, error) from error
    except (exc.SQLAlchemyError, ImportError) as error:
        raise _unusable(source, type(error).__name__, str(error)) from error


def fetch(source: "SqlSource", connection: sa.Connection, landing: Landing) -> Any:
    """Give the rows to the landing; the last value of the incremental column, if there is one."""
    since = landing.last
    if since is not None:
        wanted = [name for name in (source.id_column, source.deleted_column) if name is not None]
        for answer in connection.execute(select(source, wanted)).mappings():
            landing.there(_text_of(answer[source.id_column]), is_deleted(_marker(source, answer)))
    last = since
    for answer in connection.execute(select(source, columns_of(source), since)).mappings():
        landing.add(_row(source, answer), is_deleted(_marker(source, answer)))
        if source.incremental_column is not None:
            last = _later(source, last, answer[source.incremental_column])
    if landing.misses():
        _fetch_missed(source, connection, landing)
    return last


def _fetch_missed(source: "SqlSource", connection: sa.Connection, landing: Landing) -> None:
    """Fetch rows that came, or came back, under an older value than the last: all rows are gone through for them."""
    for answer in connection.execute(select(source, columns_of(source))).mappings():
        row_id = _text_of(answer[source.id_column])
        if row_id is not None and landing.misses(row_id):
            landing.add(_row(source, answer), is_deleted(_marker(source, answer)))


def is_deleted(marker: Any) -> bool:
    """Whether the value of a deleted-marker says so: a time, true, or a number that is not 0, in any type for it.

    MySQL gives a bit as bytes, PostgreSQL bits as text, and SQLite what was put in.
    """
    if isinstance(marker, bytes | bytearray | memoryview):
        marker = bytes(marker).strip(b"\0").decode("latin-1")
    if isinstance(marker, str):
        is_zero = "0" in marker and not marker.strip(ZEROS)
        return not is_zero and marker.strip().lower() not in NOT_DELETED
    return bool(marker)


def _engine(source: "SqlSource") -> sa.Engine:
    url = sa.make_url(source.url)
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite" and not _file_of(url).is_file():  # it would be made, and be empty
        raise SettingsError(f"ingest: the database of source {source.name!r} does not exist. Correct its url.")
    password = source.password()
    engine = sa.create_engine(url if password is None else url.set(password=password), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin)
    elif engine.dialect.name in ("postgresql", "mysql", "mariadb"):
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    return engine


def _file_of(url: sa.URL) -> Path:
    """The file of a SQLite database; its name may be a URI (https://sqlite.org/uri.html)."""
    named = url.database or ""
    if named.startswith("file:") and str(url.query.get("uri", "")).lower() in URI_IS_ON:
        return Path(unquote(urlsplit(named).path))
    return Path(named)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """One text that is not UTF-8 costs its row, not the table; a transaction begins when we say so (`_begin`)."""
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    connection.isolation_level = None


def _begin(connection: sa.Connection) -> None:
    """All that is asked is asked of one state: the driver by itself would not begin before the first write."""
    connection.exec_driver_sql("BEGIN")


def _row(source: "SqlSource", answer: sa.RowMapping) -> Row:
    """The row as it lands. A text that cannot be one is left out, with the reason; NULL is an empty one."""
    row_id, text = _text_of(answer[source.id_column]), answer[source.text_column]
    fault = None
    if text is not None and not isinstance(text, str):
        fault = f"no text in column {source.text_column!r}"
    elif text is not None and not is_unicode(text):
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


def _later(source: "SqlSource", last: Any, value: Any) -> Any:
    """The later of two values of the incremental column; what is no value (null, not a number) is none.

    Raises `SettingsError` where nothing can be said to be later: at the first such row, not behind the last one.
    """
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return last
    if not isinstance(value, int | float | Decimal | str | date):  # a datetime is a date
        raise _no_order(source, f"holds {type(value).__name__}")
    try:
        return value if last is None or value > last else last
    except TypeError:
        kinds = " and ".join(sorted(_kind(each) for each in (last, value)))
        raise _no_order(source, f"holds {kinds}, or held the one until now") from None


def _kind(value: Any) -> str:
    """The type of a value, in words: of two times, one may say its zone."""
    zone = " with a zone" if isinstance(value, datetime) and value.tzinfo is not None else ""
    return f"{type(value).__name__}{zone}"


def _no_order(source: "SqlSource", what: str) -> SettingsError:
    return SettingsError(
        f"ingest: the column {source.incremental_column!r} of source {source.name!r} {what}, of which none is later "
        "than another. Name a column of numbers, times or texts as its incremental_column, or leave that out; where "
        "the type of the column was changed, leave it out for one night."
    )


def _translated(source: "SqlSource", error: exc.DBAPIError) -> UpstreamError | SettingsError:
    code = getattr(error.orig, "sqlite_errorcode", None)
    said = (str(error.orig).strip().splitlines() or [""])[0][:MAX_SAID_CHARS]
    if code is None and not isinstance(error, OF_THE_QUESTION):
        said = "a value of a row does not fit what is asked of it"
    recovers = isinstance(error, exc.OperationalError | exc.InterfaceError) or error.connection_invalidated
    if recovers and (code is None or code & 0xFF in SQLITE_RECOVERS):
        return UpstreamError(f"ingest: the database of source {source.name!r} does not answer: {said}. Run again.")
    return _unusable(source, type(error.orig).__name__, said)


def _unusable(source: "SqlSource", kind: str, said: str) -> SettingsError:
    grown = source.incremental_column
    changed = f" Where the type of the column {grown!r} was changed, leave incremental_column out for one night."
    return SettingsError(
        f"ingest: source {source.name!r} cannot be asked as its settings say: {kind}: {said}. Correct its url, its "
        "table or query and its columns. A database other than SQLite needs a driver (PostgreSQL: the extra "
        f"'postgres').{changed if grown else ''}"
    )
