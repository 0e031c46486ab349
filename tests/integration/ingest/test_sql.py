"""The `sql` source on real databases: what comes in on the first night and on later ones, and what is withdrawn."""

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest import landed
from pipeline_lib.ingest.sources.sql import SqlSource
from tests.sql_tables import TABLE, change, insert, night, table_of


def pieces(house: Any) -> dict[str, bytes]:
    folder: Path = house.loose.folders[house.landing]
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


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


def test_values_that_are_no_numbers_are_passed_over_by_what_is_later(house: Any) -> None:
    rows = [(1, "one", 5.0), (2, "two", float("inf")), (3, "three", float("-inf"))]
    house.other = table_of(house, "articles", rows, "id, text, grown", incremental_column="grown")
    house.land()
    change(house, "INSERT INTO articles VALUES (4, 'four', 6.0)")
    assert house.land().facts["num_new"] == 1


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
