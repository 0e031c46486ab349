"""Tables for the `sql` source.

database.do(TABLE, insert(1, "one"))                          in any database
house.other = table_of(house, "articles", [(1, "one")])       in a SQLite file of the house
"""

import sqlite3
from contextlib import closing
from typing import Any

from pipeline_lib.ingest.sources.sql import SqlSource

TABLE = (
    "CREATE TABLE articles (id INTEGER, text TEXT, title TEXT, licence TEXT, lang TEXT, stars INTEGER, grown INTEGER)"
)


def insert(number: int, text: str, grown: int = 0) -> str:
    """A statement that adds a row to TABLE."""
    values = f"{number}, '{text}', 'title {number}', 'CC0', 'en', {number * 10}, {grown}"
    return f"INSERT INTO articles (id, text, title, licence, lang, stars, grown) VALUES ({values})"


def night(house: Any) -> Any:
    """Ask the source, and take in what is new; the plan of the batch, or None."""
    house.land()
    return house.night()


def change(house: Any, statement: str) -> None:
    """Run a statement in the SQLite file of the house."""
    with closing(sqlite3.connect(house.root / "data.db")) as connection, connection:
        connection.execute(statement)


def table_of(
    house: Any, table: str, rows: list[tuple[Any, ...]], columns: str = "id, text", **fields: Any
) -> SqlSource:
    """A source that reads a table of a SQLite file with these rows."""
    place = house.root / "data.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} ({columns})")
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return SqlSource(name="docs", url=f"sqlite:///{place}", table=table.strip('"'), **fields)
