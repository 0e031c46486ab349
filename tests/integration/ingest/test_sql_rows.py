"""What rows are called: ids that are missing, repeated or odd, addresses; and that no message says any of it."""

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop, SettingsError
from pipeline_lib.ingest.sources.sql import SqlSource
from tests.sql_tables import TABLE, change, insert, night, table_of


@pytest.mark.parametrize("incremental", [None, "grown"])
def test_rows_without_an_id_are_counted_once_each_night(house: Any, incremental: str | None) -> None:
    rows = [(1, "one", 5), (None, "new", 6), (None, "old", 1), (None, "none", None)]
    house.other = table_of(house, "articles", rows, "id, text, grown", incremental_column=incremental)
    assert house.land().dropped == {"no_id": 3}
    change(house, "INSERT INTO articles VALUES (2, 'late', 2), (NULL, 'late', 2), (3, 'new', 7)")
    facts = house.land()
    assert (facts.dropped, facts.rows_out) == ({"no_id": 4}, 3)


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


def test_a_row_without_text_is_quarantined_by_its_number_and_one_without_id_is_counted(database: Any) -> None:
    database.do(TABLE, "INSERT INTO articles (id, text) VALUES (1, NULL)", "INSERT INTO articles (text) VALUES ('x')")
    database.do(insert(2, "two"))
    house = database.read()
    assert house.land().dropped == {"no_id": 1}
    plan = house.night()
    assert house.quarantine(plan) == ["00000001.parquet:1: empty text"]
    assert house.texts(plan) == {"articles#2": "two"}


def test_ids_are_unique_or_refused(database: Any) -> None:
    database.do(TABLE, insert(1, "one"), insert(1, "two"))
    with pytest.raises(SettingsError, match=r"two rows of source 'docs' have one id\. Name a column that is unique"):
        database.read().land()


def test_ids_with_the_signs_of_urls_stay_apart(house: Any) -> None:
    ids = ["a#b", "a%23b", "a%2523b", "a-2", "a"]
    house.other = table_of(house, '"odd#name"', [(name, "same") for name in ids])
    rows = house.rows(night(house))
    assert {row["url"] for row in rows} == {f"odd%23name#{name}" for name in ids}
    assert len({row["document_id"] for row in rows}) == len(ids)


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
@pytest.mark.parametrize("text", [7, "a\0b", "long " * 300])
def test_no_message_names_a_row_by_what_the_database_calls_it(house: Any, column: str, text: str | int) -> None:
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
