"""How the `sql` source asks real databases: the query, the address, the column that grows; and what cannot be asked."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from pipeline_lib.base.errors import SettingsError, UpstreamError
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.ingest.sources.sql import SqlSource
from pipeline_lib.ingest.sql_query import without_end
from tests.sql_tables import TABLE, change, insert, night, table_of


def test_a_query_is_read_as_it_stands(database: Any) -> None:
    database.do(TABLE, "INSERT INTO articles (id, text) VALUES (1, 'at ' || ':' || 'noon, 5 %')", insert(2, "two"))
    query = "SELECT id, 'title 1' AS name, CAST(text AS VARCHAR(99)) AS body FROM articles WHERE text LIKE '% :noon%';"
    house = database.read(query=query, text_column="body", url_column="name")
    assert house.texts(night(house)) == {"title 1": "at :noon, 5 %"}


ENDS = ["", ";", " ; ;\n", "-- all", "\n-- all;", "; -- all", ";\n/* all; */ -- of them\n", "/* ; */", "; --"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("middle", ["'; -- no end'", "'it''s; -- none'", "'a' /* ; */ -- ;\n"])
def test_a_query_may_end_as_queries_do(house: Any, end: str, middle: str) -> None:
    place = house.root / "data.db"
    place.touch()
    house.other = SqlSource(name="docs", url=f"sqlite:///{place}", query=f"SELECT 1 AS id, {middle} AS text {end}")
    house.land()
    assert house.texts(house.night()) == {"query#1": sqlite3.connect(place).execute(f"SELECT {middle}").fetchone()[0]}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2"),  # the database says what is wrong with it
        ("SELECT $$a; --$$", "SELECT $$a; --$$"),
        ("SELECT $x$;$x$;", "SELECT $x$;$x$"),
        ('SELECT ";" AS ";"', 'SELECT ";" AS ";"'),
        ("SELECT `a;`;", "SELECT `a;`"),
        ("SELECT 'open;", "SELECT 'open"),
        (" ;-- nothing", ""),
        ("", ""),
    ],
)
def test_the_end_of_a_query_is_what_says_nothing(query: str, left: str) -> None:
    assert without_end(query) == left


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([b"a", b"b"], "holds bytes"),
        ([1, "2026-01-01"], "holds int and str"),
        (["2026-01-01", 2.5], "holds float and str"),
        ([None, b"a"], "holds bytes"),
    ],
)
def test_an_incremental_column_without_an_order_is_refused_at_its_first_row(
    house: Any, monkeypatch: pytest.MonkeyPatch, values: list[Any], said: str
) -> None:
    rows = [(number, "text", value) for number, value in enumerate([*values, *values * 100])]
    house.other = table_of(house, "articles", rows, "id, text, grown", incremental_column="grown")
    added: list[str] = []
    monkeypatch.setattr(Landing, "add", lambda _self, row, _is_deleted: added.append(row.id))
    with pytest.raises(SettingsError, match=f"column 'grown' of source 'docs' {said}.*Name a column of numbers"):
        house.land()
    assert len(added) <= 2


@pytest.mark.parametrize("kind", ["BYTEA", "UUID", "JSONB", "TIME", "INTERVAL"])
def test_types_that_only_a_server_has_are_refused_in_the_same_way(
    server: Any, house: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    value = {"BYTEA": "a", "UUID": "0" * 32, "JSONB": "[1]", "TIME": "03:04", "INTERVAL": "1 day"}[kind]
    monkeypatch.setenv("SQL_PASSWORD", server.password)
    query = f"SELECT 1 AS id, 'a' AS text, '{value}'::{kind} AS grown"
    house.other = SqlSource(
        name="docs", url=server.url, password_variable="SQL_PASSWORD", query=query, incremental_column="grown"
    )
    with pytest.raises(SettingsError, match="column 'grown' of source 'docs' holds"):
        house.land()


def test_a_column_whose_type_was_changed_is_fetched_anew_by_the_advice_of_the_message(database: Any) -> None:
    database.do(
        "CREATE TABLE articles (id INTEGER, text TEXT, grown TEXT)", "INSERT INTO articles VALUES (1, 'a', '5')"
    )
    night(database.read(incremental_column="grown"))
    database.do("DROP TABLE articles", "CREATE TABLE articles (id INTEGER, text TEXT, grown INTEGER)")
    database.do("INSERT INTO articles VALUES (1, 'a', NULL), (2, 'b', 6)")
    if database.password is not None:  # SQLite compares all with all
        with pytest.raises(SettingsError, match="leave incremental_column out for one night"):
            database.read(incremental_column="grown").land()
    assert database.read().land().rows_out == 2
    house = database.read(incremental_column="grown")
    assert (house.land().facts["num_fetched"], house.land().facts["num_fetched"]) == (2, 2)


@pytest.mark.parametrize("options", ["uri=true", "mode=ro&uri=true", "uri=1&mode=ro&timeout=1", "uri=Yes"])
def test_a_file_that_is_named_by_a_uri_is_found(house: Any, options: str) -> None:
    table_of(house, "articles", [(1, "one")])
    (house.root / "data.db").rename(house.root / "da ta.db")
    named = str(house.root / "da ta.db").replace(" ", "%20")
    house.other = SqlSource(name="docs", url=f"sqlite:///file:{named}?{options}", table="articles")
    assert house.land().rows_out == 1


@pytest.mark.parametrize("name", ["file:{root}/none.db?uri=true", "file::memory:?uri=true", "file:{root}/data.db", ""])
def test_what_names_no_file_is_refused_and_makes_none(house: Any, name: str) -> None:
    table_of(house, "articles", [(1, "one")])
    there = set(house.root.rglob("*.db"))
    house.other = SqlSource(name="docs", url=f"sqlite:///{name.format(root=house.root)}", table="articles")
    with pytest.raises(SettingsError, match=r"database of source 'docs' does not exist\. Correct its url"):
        house.land()
    assert set(house.root.rglob("*.db")) == there


def test_all_that_is_asked_in_a_night_is_asked_of_one_state(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.other = table_of(house, "articles", [(1, "one", 5)], "id, text, grown", incremental_column="grown")
    change(house, "PRAGMA journal_mode = WAL")
    house.land()
    there = Landing.there

    def with_a_writer(landing: Landing, row_id: str | None, is_deleted: bool) -> None:
        there(landing, row_id, is_deleted)
        change(house, "INSERT INTO articles VALUES (2, 'two', 6)")

    monkeypatch.setattr(Landing, "there", with_a_writer)
    assert house.land().rows_out == 1  # and the other one comes in the next night


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"table": "nowhere"}, "nowhere"),
        ({"text_column": "body"}, "body"),
        ({"query": "SELECT id FROM"}, "syntax error"),
    ],
)
def test_what_can_never_be_asked_is_no_matter_of_another_try(database: Any, fields: dict[str, str], said: str) -> None:
    database.do(TABLE)
    with pytest.raises(SettingsError, match=f"source 'docs' cannot be asked as its settings say: .*{said}"):
        database.read(**fields).land()


def test_a_password_that_is_not_set_wrong_or_right(server: Any, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.other = SqlSource(
        name="docs", url=server.url, password_variable="SQL_PASSWORD", query="SELECT 1 AS id, 'a' AS text"
    )
    monkeypatch.delenv("SQL_PASSWORD", raising=False)
    with pytest.raises(SettingsError, match=r"environment variable SQL_PASSWORD, which is not set\. Set it"):
        house.land()
    monkeypatch.setenv("SQL_PASSWORD", "wrong-secret")
    with pytest.raises(UpstreamError, match="password authentication failed") as refused:
        house.land()
    assert "wrong-secret" not in str(refused.value)
    monkeypatch.setenv("SQL_PASSWORD", server.password)
    assert house.land().rows_out == 1
    assert server.password not in repr(house.ingest) + str(house.ingest.model_dump())


def test_a_server_that_does_not_answer_may_answer_later(house: Any) -> None:
    url = f"postgresql://nightshift@/postgres?host={house.root}"
    house.other = SqlSource(name="docs", url=url, table="articles")
    with pytest.raises(UpstreamError, match=r"database of source 'docs' does not answer: .*Run again"):
        house.land()


def test_a_database_that_is_not_there_is_named_and_not_made(house: Any) -> None:
    house.other = SqlSource(name="docs", url=f"sqlite:///{house.root}/none.db", table="articles")
    with pytest.raises(SettingsError, match=r"database of source 'docs' does not exist\. Correct its url"):
        house.land()
    assert not (house.root / "none.db").exists()


def test_a_database_that_is_locked_may_answer_later(house: Any) -> None:
    place = house.root / "data.db"
    house.other = SqlSource(name="docs", url=f"sqlite:///{place}?timeout=0.1", table="articles")
    with closing(sqlite3.connect(place, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE articles (id, text)")
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UpstreamError, match="database is locked"):
            house.land()
