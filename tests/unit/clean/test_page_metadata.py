"""What pages say of themselves: kept where it is asked for, and never instead of what a source told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline_lib.clean.extract import extract_page, extract_text
from pipeline_lib.clean.page_metadata import PageMetadata
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import TEXT
from pipeline_lib.clean.texts import extract_texts
from pipeline_lib.ingest.documents import Document
from pipeline_lib.ingest.records import Record
from pipeline_lib.ingest.writing import documents_of

PARAGRAPH = "Machines read what was written during the day, and decide which pages are worth another look. " * 8
CHINESE = "机器自己读完白天写下的文章，然后决定哪些值得留下，没有意义的会被放到一边。" * 12
META = (
    "<title>Night shift - The Paper</title><meta property='og:title' content='Night shift'>"
    "<meta name='author' content='Ada Lovelace'><meta property='article:published_time' content='2024-05-09T10:00:00Z'>"
)


def _page(head: str, *, lang: str = "en-GB", text: str = PARAGRAPH) -> str:
    body = f"<body><article><h1>Heading</h1><p>{text}</p></article></body>"
    return f"<html lang='{lang}'><head>{head}</head>{body}</html>"


def _told(page: str) -> PageMetadata:
    return extract_page(page, with_metadata=True).metadata


def test_title_author_date_and_language_are_told() -> None:
    assert _told(_page(META)) == PageMetadata("Night shift", "Ada Lovelace", "2024-05-09", "en-GB")
    data = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": "夜班", "datePublished": "2023-11-02"}
    told = {**data, "author": [{"@type": "Person", "name": "王 小明"}, {"@type": "Person", "name": "Li Si"}]}
    script = f"<script type='application/ld+json'>{json.dumps(told)}</script>"
    assert _told(_page(script, lang="zh-Hans", text=CHINESE)) == PageMetadata(
        "夜班", "王 小明; Li Si", "2023-11-02", "zh-Hans"
    )


def test_a_page_that_says_nothing_tells_nothing() -> None:
    page = f"<html><body><article><p>{PARAGRAPH} Written on 2024-01-02.</p></article></body></html>"
    assert _told(page) == PageMetadata()
    assert extract_page("", with_metadata=True).metadata == PageMetadata()


@pytest.mark.parametrize(
    ("head", "lang", "told"),
    [
        ("<title>" + "x" * 501 + "</title>", "en", PageMetadata("Heading", language="en")),
        ("<meta name='author' content='Ada Lovelace\x01'>", "not a language", PageMetadata("Heading", "Ada Lovelace")),
        ("<meta property='article:published_time' content='2024-13-45'>", "e", PageMetadata("Heading")),
        ("<script type='application/ld+json'>{'broken'</script>", "", PageMetadata("Heading")),
        ("<script type='application/ld+json'>[[[[1]]]]</script>", "de", PageMetadata("Heading", language="de")),
    ],
)
def test_what_is_no_title_name_date_or_language_is_left_out(head: str, lang: str, told: PageMetadata) -> None:
    found = _told(_page(head, lang=lang))
    assert found._replace(title="Heading") == told._replace(title="Heading")
    assert found.title is None or len(found.title) <= 500


def test_a_date_counts_where_a_page_tells_machines_of_it() -> None:
    assert _told(_page("", text=f"{PARAGRAPH} <time datetime='2017-01-02'>Monday</time>")).date == "2017-01-02"
    assert _told(_page("", text=f"{PARAGRAPH} It happened on 2019-03-04 in the city.")).date is None


def test_a_page_tells_the_same_on_any_day() -> None:
    """htmldate takes no date behind today; a page that is dated in a year from now is read in both years."""
    page = _page(f"<meta property='article:published_time' content='{datetime.now(UTC).year + 5}-05-09'>")
    assert _told(page).date == f"{datetime.now(UTC).year + 5}-05-09"


@pytest.mark.parametrize("head", [META, "<script type='application/ld+json'>{}</script>", ""])
def test_asking_for_it_changes_no_text(head: str) -> None:
    page = _page(head)
    assert extract_page(page, with_metadata=True).text == extract_text(page)


def _documents(*records: Record) -> Any:
    found = [Document(f"{k:032x}", f"u{k}", f"p:{k}", 1, record, False) for k, record in enumerate(records)]
    return documents_of("web", found)


def test_it_stands_beside_the_text_where_it_is_asked_for_and_the_source_told_none() -> None:
    page = Record("0", 1, "html", _page(META))
    known = page._replace(title="As the feed has it", metadata={"date": "2020-01-01", "url": "https://a.example"})
    plain = Record("1", 2, "text", "no page")
    documents = _documents(page, known, plain)
    rows = extract_texts(documents, CleanSettings(page_metadata=True)).documents.to_pylist()
    beside = {"author": "Ada Lovelace", "date": "2024-05-09", "language": "en-GB"}
    assert [row["title"] for row in rows] == ["Night shift", "As the feed has it", None]
    told = [None if row["metadata"] is None else dict(row["metadata"]) for row in rows]
    assert told == [beside, {**beside, "date": "2020-01-01", "url": "https://a.example"}, None]
    off = extract_texts(documents, CleanSettings()).documents
    assert off.select(["title", "metadata"]).equals(documents.select(["title", "metadata"]))
    assert [row["text"] for row in rows] == off["text"].to_pylist()


def test_switched_off_it_names_nothing() -> None:
    assert "page_metadata" not in CleanSettings().decisive(TEXT.reads)
    assert CleanSettings(page_metadata=True).decisive(TEXT.reads)["page_metadata"] is True
