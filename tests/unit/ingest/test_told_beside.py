"""What is told beside a text makes it another document when it is edited; where nothing is told the text alone does."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline_lib.ingest.naming import document_id, told_beside
from pipeline_lib.ingest.records import Record

ROW = Record("articles#1", 1, "text", "夜", url="articles#1")
TURNS = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
TOLD: list[dict[str, Any]] = [
    {"title": "a"},
    {"title": "b"},
    {"licence": "a"},
    {"metadata": {"a": "b"}},
    {"metadata": {"a": "c"}},
    {"metadata": {"b": "a"}},
    {"metadata": {"title": "a"}},
    {"title": "a", "licence": "a"},
    {"messages": TURNS},
    {"messages": TURNS[:1]},
    {"messages": TURNS[::-1]},
    {"format": "markdown"},
    {"format": "html"},
]


def name(record: Record) -> str:
    return document_id("docs", "articles#1", record.text.encode(), told_beside(record))


def test_any_two_records_that_tell_different_things_of_one_text_are_two_documents() -> None:
    names = {name(ROW._replace(**told)) for told in TOLD} | {name(ROW)}
    assert len(names) == len(TOLD) + 1


@pytest.mark.parametrize(
    "told", [{}, {"title": ""}, {"metadata": {}}, {"messages": ()}, {"fetched": datetime(2026, 1, 5, tzinfo=UTC)}]
)
def test_a_text_of_which_nothing_is_told_is_named_by_it_alone_whenever_it_was_fetched(told: dict[str, Any]) -> None:
    assert told_beside(ROW._replace(**told)) == b""
    assert name(ROW._replace(**told)) == document_id("docs", "articles#1", ROW.text.encode())


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_the_format_of_a_whole_file_is_in_its_name_already(form: Any) -> None:
    assert told_beside(Record(None, None, form, "夜")) == b""


def test_the_order_in_which_metadata_is_told_decides_nothing() -> None:
    pairs = [("a", "1"), ("b", "2")]
    assert told_beside(ROW._replace(metadata=dict(pairs))) == told_beside(ROW._replace(metadata=dict(pairs[::-1])))


def test_a_text_never_passes_for_what_is_told_beside_another() -> None:
    told = told_beside(ROW._replace(title="a"))
    assert document_id("docs", "u", b"x", told) != document_id("docs", "u", b"x" + told)


def test_records_that_are_read_as_another_format_are_other_documents_and_the_scan_says_why(house: Any) -> None:
    house.write("a.jsonl", json.dumps({"id": 1, "text": "<p>one"}) + "\n")
    house.write("b.md", "two")
    first = house.night()
    old = {row["url"]: row["document_id"] for row in house.rows(first)}
    house.write("b.md", "three")
    house.reading = {"record_format": "html"}
    assert house.look().num_read_anew == 1
    plan = house.night()
    assert {row["url"]: row["format"] for row in house.rows(plan)} == {"a.jsonl#1": "html", "b.md": "markdown"}
    assert {stone.document_id for stone in plan.tombstones} == set(old.values())
    assert house.scan() is None
    house.reading = {}
    assert {stone.document_id for stone in house.night().tombstones} == {
        row["document_id"] for row in house.rows(plan) if row["format"] == "html"
    }
