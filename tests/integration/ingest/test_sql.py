"""The `sql` source on real databases: what lands, what comes in on later nights, what is withdrawn, what is refused."""

import random
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest import landed
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.ingest.sources.sql import SqlSource
from pipeline_lib.ingest.sql_query import without_end

TABLE = (
    "CREATE TABLE articles (id INTEGER, text TEXT, title TEXT, licence TEXT, lang TEXT, stars INTEGER, grown INTEGER)"
)


def insert(number: int, text: str, grown: int = 0) -> str:
    values = f"{number}, '{text}', 'title {number}', 'CC0', 'en', {number * 10}, {grown}"
    return f"INSERT INTO articles (id, text, title, licence, lang, stars, grown) VALUES ({values})"


def pieces(house: Any) -> dict[str, bytes]:
    folder: Path = house.loose.folders[house.landing]
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def night(house: Any) -> Any:
    house.land()
    return house.night()


@pytest.fixture
def three_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of three rows."""
    monkeypatch.setattr(landed, "PIECE_ROWS", 3)


def test_rows_become_documents_with_all_that_their_columns_say(database: Any) -> None:
    database.do(TABLE, insert(2, "zwei 夜"), insert(1, "one"))
    house = database.read(title_column="title", licence_column="licence", metadata_columns=("lang", "stars"))
    rows = house.rows(night(house))
    assert [(row["url"], row["text"], row["title"], row["licence"]) for row in rows] == [
        ("articles#1", "one", "title 1", "CC0"),
        ("articles#2", "zwei 夜", "title 2", "CC0"),
    ]
    assert rows[0]["metadata"] == [("lang", "en"), ("stars", "10")]
    assert (rows[0]["fetched"], rows[0]["messages"], rows[0]["source"]) == (None, None, "docs")
    places = ["00000001.parquet:1", "00000001.parquet:2"]
    assert [row["place"] for row in house.rows(house.last, "ledger.parquet")] == places


def test_a_night_with_nothing_new_lands_the_same_files_and_plans_nothing(database: Any) -> None:
    database.do(TABLE, insert(1, "one"), insert(2, "two"))
    house = database.read()
    night(house)
    before = pieces(house)
    assert house.land().facts == {"source": "docs", "num_fetched": 2, "num_new": 0, "num_changed": 0, "num_gone": 0}
    assert pieces(house) == before
    assert house.scan() is None


@pytest.mark.usefixtures("three_a_piece")
@pytest.mark.parametrize("incremental", [None, "grown"])
def test_a_later_night_brings_what_is_new_or_changed_and_withdraws_what_is_gone(
    database: Any, incremental: str | None
) -> None:
    database.do(TABLE, *(insert(number, f"text {number}", grown=number) for number in range(1, 9)))
    house = database.read(incremental_column=incremental)
    first = night(house)
    old = {row["url"]: row["document_id"] for row in house.rows(first)}
    before = pieces(house)
    database.do(
        "UPDATE articles SET text = 'changed', grown = 9 WHERE id = 5",
        "DELETE FROM articles WHERE id = 6",
        insert(9, "new", grown=10),
        insert(10, "newer", grown=11),
    )
    facts = house.land().facts
    plan = house.night()
    assert house.texts(plan) == {"articles#5": "changed", "articles#9": "new", "articles#10": "newer"}
    assert {stone.document_id for stone in plan.tombstones} == {old["articles#5"], old["articles#6"]}
    assert (facts["num_new"], facts["num_changed"], facts["num_gone"]) == (2, 1, 1)
    assert facts["num_fetched"] == (4 if incremental else 9)  # the row with the last value is fetched once more
    after = pieces(house)
    assert [name for name in before if after[name] == before[name]] == ["00000001.parquet"]
    assert list(after) == [f"{number:08d}.parquet" for number in range(1, 5)]  # 9 filled the third, 10 began a fourth


def test_rows_without_a_value_of_the_incremental_column_are_never_missed(database: Any) -> None:
    database.do(TABLE, insert(1, "one", grown=5))
    house = database.read(incremental_column="grown")
    night(house)
    database.do("INSERT INTO articles (id, text) VALUES (2, 'two')")
    assert house.texts(night(house)) == {"articles#2": "two"}


def test_a_row_that_is_committed_late_under_an_older_value_comes_in(database: Any) -> None:
    database.do(TABLE, insert(1, "one", grown=5), insert(2, "two", grown=6))
    house = database.read(incremental_column="grown")
    night(house)
    database.do(insert(3, "late", grown=4), insert(4, "new", grown=7))
    assert house.texts(night(house)) == {"articles#3": "late", "articles#4": "new"}
    assert house.land().facts["num_fetched"] == 1  # the next night asks for little again


@pytest.mark.parametrize("incremental", [None, "grown"])
@pytest.mark.parametrize(
    ("kind", "live", "dead"),
    [
        ("BOOLEAN", "FALSE", "TRUE"),
        ("INTEGER", "0", "1"),
        ("TIMESTAMP", "NULL", "'2026-01-02 03:04:05'"),
        ("TEXT", "'no'", "'yes'"),
        ("TEXT", "''", "'2026-01-02'"),
    ],
)
def test_rows_marked_as_deleted_are_withdrawn_and_come_back(
    database: Any, incremental: str | None, kind: str, live: str, dead: str
) -> None:
    database.do(TABLE, f"ALTER TABLE articles ADD deleted {kind} DEFAULT {live}")
    database.do(insert(1, "one", grown=1), insert(2, "two", grown=2), insert(3, "three", grown=3))
    house = database.read(deleted_column="deleted", incremental_column=incremental)
    night(house)
    database.do(f"UPDATE articles SET deleted = {dead} WHERE id = 2")  # without a word in `grown`
    plan = night(house)
    assert (house.texts(plan), len(plan.tombstones)) == ({}, 1)
    database.do(f"UPDATE articles SET deleted = {live} WHERE id = 2")
    assert house.texts(night(house)) == {"articles#2": "two"}


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


@pytest.mark.parametrize("incremental", [None, "grown"])
def test_rows_without_an_id_are_counted_once_each_night(house: Any, incremental: str | None) -> None:
    rows = [(1, "one", 5), (None, "new", 6), (None, "old", 1), (None, "none", None)]
    house.other = table_of(house, "articles", rows, "id, text, grown", incremental_column=incremental)
    assert house.land().dropped == {"no_id": 3}
    change(house, "INSERT INTO articles VALUES (2, 'late', 2), (NULL, 'late', 2), (3, 'new', 7)")
    facts = house.land()
    assert (facts.dropped, facts.rows_out) == ({"no_id": 4}, 3)


def change(house: Any, statement: str) -> None:
    with closing(sqlite3.connect(house.root / "data.db")) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "rows",
    [
        "(2, 'late', 2), (2, 'late, too', 3)",  # both under an older value than the last
        "(2, 'late', 2), (2, 'new', 9)",
        "(2, 'new', 9), (2, 'new, too', 9)",
        "(1, 'late', 2)",  # beside one that landed before
        "(1, 'one', 5)",  # and is no other
        "(1, 'new', 9)",
        "('1', 'as text', 9)",
        "(2, 'none', NULL), (2, 'late', 1)",
    ],
)
def test_two_rows_with_one_id_are_refused_whatever_they_grew_by(house: Any, rows: str) -> None:
    house.other = table_of(house, "articles", [(1, "one", 5)], "id, text, grown", incremental_column="grown")
    night(house)
    change(house, f"INSERT INTO articles VALUES {rows}")
    with pytest.raises(SettingsError, match=r"two rows of source 'docs' have one id\. Name a column that is unique"):
        house.land()


@pytest.mark.parametrize("incremental", [None, "grown"])
@pytest.mark.parametrize("order", [("live", "dead"), ("dead", "live"), ("dead", "live", "dead")])
def test_a_row_that_is_marked_as_deleted_says_nothing_of_another_under_its_id(
    house: Any, incremental: str | None, order: tuple[str, ...]
) -> None:
    rows = [(1, name, number, name == "dead") for number, name in enumerate(order)]
    fields = {"incremental_column": incremental, "deleted_column": "deleted"}
    house.other = table_of(house, "articles", rows, "id, text, grown, deleted", **fields)
    assert house.texts(night(house)) == {"articles#1": "live"}
    assert (house.land().rows_out, house.scan()) == (1, None)


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


def test_values_that_are_no_numbers_are_passed_over_by_what_is_later(house: Any) -> None:
    rows = [(1, "one", 5.0), (2, "two", float("inf")), (3, "three", float("-inf"))]
    house.other = table_of(house, "articles", rows, "id, text, grown", incremental_column="grown")
    house.land()
    change(house, "INSERT INTO articles VALUES (4, 'four', 6.0)")
    assert house.land().facts["num_new"] == 1


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


def test_other_columns_are_fetched_again_in_full(database: Any) -> None:
    database.do(TABLE, insert(1, "one", grown=1), insert(2, "two", grown=2))
    night(database.read(incremental_column="grown"))
    house = database.read(incremental_column="grown", text_column="title")
    assert house.texts(night(house)) == {"articles#1": "title 1", "articles#2": "title 2"}


TOLD = {"title_column": "title", "licence_column": "licence", "metadata_columns": ("lang", "stars")}


@pytest.mark.parametrize("incremental", [None, "grown"])
@pytest.mark.parametrize("column", ["title", "licence", "lang"])
def test_an_edit_beside_the_text_makes_another_document(database: Any, column: str, incremental: str | None) -> None:
    database.do(TABLE, insert(1, "one"), insert(2, "two"))
    house = database.read(**TOLD, incremental_column=incremental)
    old = {row["url"]: row["document_id"] for row in house.rows(night(house))}
    database.do(f"UPDATE articles SET {column} = 'other', grown = 1 WHERE id = 2")
    plan = night(house)
    [row] = house.rows(plan)
    assert "other" in (row["title"], row["licence"], *dict(row["metadata"]).values())
    assert [stone.document_id for stone in plan.tombstones] == [old["articles#2"]]
    assert house.live_ids() == {old["articles#1"], row["document_id"]}


@pytest.mark.parametrize(
    "fields", [{"title_column": "title"}, {"licence_column": "licence"}, {"metadata_columns": ("lang",)}, TOLD]
)
def test_columns_that_are_taken_along_later_come_to_all_documents(database: Any, fields: dict[str, Any]) -> None:
    database.do(TABLE, insert(1, "one"), insert(2, "two"))
    plain = night(database.read())
    house = database.read(**fields)
    plan = night(house)
    assert all(row["title"] or row["licence"] or row["metadata"] for row in house.rows(plan))
    assert len(house.rows(plan)) == len(plan.tombstones) == len(house.rows(plain)) == 2
    back = night(database.read())
    assert {row["document_id"] for row in house.rows(back)} == {row["document_id"] for row in house.rows(plain)}


def test_a_row_without_text_is_quarantined_by_its_number_and_one_without_id_is_counted(database: Any) -> None:
    database.do(TABLE, "INSERT INTO articles (id, text) VALUES (1, NULL)", "INSERT INTO articles (text) VALUES ('x')")
    database.do(insert(2, "two"))
    house = database.read()
    assert house.land().dropped == {"no_id": 1}
    plan = house.night()
    assert house.quarantine(plan) == ["00000001.parquet:1: no text in column 'text'"]
    assert house.texts(plan) == {"articles#2": "two"}


def test_ids_are_unique_or_refused(database: Any) -> None:
    database.do(TABLE, insert(1, "one"), insert(1, "two"))
    with pytest.raises(SettingsError, match=r"two rows of source 'docs' have one id\. Name a column that is unique"):
        database.read().land()


def test_a_table_that_is_suddenly_empty_stops_the_night(database: Any) -> None:
    database.do(TABLE, insert(1, "one"), insert(2, "two"))
    house = database.read()
    house.settings = {"max_gone_share": 0.5}
    night(house)
    database.do("DELETE FROM articles")
    with pytest.raises(GuardStop, match=r"2 of the 2 rows of source 'docs' are gone.*max_gone_share"):
        house.land()


def test_a_table_that_became_empty_on_purpose_withdraws_all(database: Any) -> None:
    database.do(TABLE, insert(1, "one"))
    house = database.read()
    night(house)
    database.do("DELETE FROM articles")
    assert len(night(house).tombstones) == 1
    database.do(insert(3, "back"))
    assert house.texts(night(house)) == {"articles#3": "back"}


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


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("incremental", [None, "grown"])
@pytest.mark.usefixtures("three_a_piece")
def test_many_nights_lead_to_the_same_documents_as_one(database: Any, seed: int, incremental: str | None) -> None:
    dice = random.Random(seed)
    database.do(TABLE)
    house = database.read(incremental_column=incremental)
    there: set[int] = set()
    for clock in range(1, 9):
        for number in dice.sample(range(12), k=4):
            text = dice.choice(["x", "夜", "z"])
            if number in there and dice.random() < 0.4:
                there.remove(number)
                database.do(f"DELETE FROM articles WHERE id = {number}")
            elif number in there:
                database.do(f"UPDATE articles SET text = '{text}', grown = {clock} WHERE id = {number}")
            else:
                there.add(number)
                database.do(insert(number, text, grown=clock))
        house.land()
        if house.scan() is not None:
            house.night()
    once = house.elsewhere(other=house.other)
    night(once)
    assert len(once.live_ids()) == len(there)
    assert house.live_ids() == once.live_ids()


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


def test_one_text_of_wrong_bytes_costs_its_row(house: Any) -> None:
    place = house.root / "data.db"
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE articles (id, text)")
        connection.execute(
            "INSERT INTO articles VALUES (1, 'good'), (2, CAST(X'636166E9' AS TEXT)), (3, 'a' || char(0))"
        )
    house.other = SqlSource(name="docs", url=f"sqlite:///{place}", table="articles")
    plan = night(house)
    assert house.texts(plan) == {"articles#1": "good"}
    assert house.quarantine(plan) == ["00000001.parquet:2: not UTF-8", "00000001.parquet:3: contains NUL"]


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


def test_ids_with_the_signs_of_urls_stay_apart(house: Any) -> None:
    ids = ["a#b", "a%23b", "a%2523b", "a-2", "a"]
    house.other = table_of(house, '"odd#name"', [(name, "same") for name in ids])
    rows = house.rows(night(house))
    assert {row["url"] for row in rows} == {f"odd%23name#{name}" for name in ids}
    assert len({row["document_id"] for row in rows}) == len(ids)


def table_of(
    house: Any, table: str, rows: list[tuple[Any, ...]], columns: str = "id, text", **fields: Any
) -> SqlSource:
    """A source that reads a table of a SQLite file with these rows."""
    place = house.root / "data.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} ({columns})")
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return SqlSource(name="docs", url=f"sqlite:///{place}", table=table.strip('"'), **fields)


LONG = "y" * 250
AWKWARD = ["x" * 5_000, LONG, LONG + "1", "line\nbreak", "tab\there", "\u200b", "bell\a", b"\xff" * 400]


def test_an_id_that_is_no_short_printable_text_is_named_by_its_hash(house: Any) -> None:
    house.other = table_of(house, "articles", [(name, "same") for name in AWKWARD])
    urls = [row["url"] for row in house.rows(night(house))]
    assert all(re.fullmatch(r"articles#[0-9a-f]{16}", url) for url in urls)
    assert len(set(urls)) == len(AWKWARD)
    with closing(sqlite3.connect(house.root / "data.db")) as connection, connection:
        connection.execute("UPDATE articles SET text = 'other' WHERE id = ?", (LONG,))
    (changed,) = house.rows(night(house))
    assert changed["url"] in urls  # it is the same row, whatever its text


@pytest.mark.parametrize(
    "address", [*(name for name in AWKWARD if isinstance(name, str) and name not in (LONG, LONG + "1")), ""]
)
def test_an_address_that_can_be_none_is_not_taken_for_one(house: Any, address: str) -> None:
    rows = [(1, "one", "https://example.com/?q=" + "z" * 300), (2, "two", address)]
    house.other = table_of(house, "articles", rows, "id, text, link", url_column="link")
    assert [row["url"] for row in house.rows(night(house))] == [rows[0][2], "articles#2"]


@pytest.mark.parametrize("column", ["id", "link"])
@pytest.mark.parametrize("text", [None, "", "  ", "a\0b", "long " * 300])
def test_no_message_names_a_row_by_what_the_database_calls_it(house: Any, column: str, text: str | None) -> None:
    person = "alice@example.com"
    rows = [(person, text, f"https://example.com/{person}"), ("bob@example.com", text, "https://example.com/bob")]
    fields = {"url_column": "link"} if column == "link" else {}
    house.other = table_of(house, "articles", rows, "id, text, link", **fields)
    house.settings = {"max_bad_share": 0.1, "max_document_bytes": 1_024}
    house.land()
    with pytest.raises(GuardStop, match=r"The first are 00000001\.parquet:1: .*00000001\.parquet:2: ") as stopped:
        house.night()
    assert "alice" not in str(stopped.value) + str(house.quarantine(house.scan()))


@pytest.mark.parametrize("asked", ["CAST(text AS INTEGER)", "(text::timestamp)", "to_date(text, 'YYYY')"])
def test_what_a_driver_quotes_of_a_row_is_not_repeated(
    server: Any, house: Any, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("SQL_PASSWORD", server.password)
    query = f"SELECT 1 AS id, {asked} AS text FROM (VALUES ('alice@example.com')) AS held (text)"
    house.other = SqlSource(name="docs", url=server.url, password_variable="SQL_PASSWORD", query=query)
    with pytest.raises(SettingsError, match="a value of a row does not fit what is asked of it") as refused:
        house.land()
    assert "alice" not in str(refused.value)
