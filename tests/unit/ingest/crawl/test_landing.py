"""A crawl from its seeds to documents."""

from datetime import UTC, datetime, timedelta

import pytest
from fastwarc.warc import ArchiveIterator

from pipeline_lib.ingest.crawl.fetch import Answer
from tests.crawls import Crawls
from tests.told_web import Web, html
from tests.web_site import Reply


def test_what_was_answered_lies_beside_the_rows_as_warc(told: Crawls, web: Web) -> None:
    web.pages = {"/": html("/a", Set_Cookie="id=1", X_Kind="first"), "/a": html(text="a")}
    told.land()
    pages = told.pages()
    assert [page.url for page in pages] == [row["url"] for row in told.rows().values()]
    assert (pages[0].header("x-kind"), pages[0].header("set-cookie")) == ("first", "")
    assert [page.body for page in pages] == [answer.body for answer in web.pages.values()]
    (warc,) = told.landing.glob("*.warc.gz")
    with warc.open("rb") as raw:  # others read it, too
        read = [
            (one.headers["WARC-Target-URI"], one.http_headers.status_code, one.reader.read())
            for one in ArchiveIterator(raw)
        ]
    assert read == [(page.url, 200, page.body) for page in pages]


def test_a_crawl_says_who_asks_and_every_page_becomes_a_document_with_what_is_known_of_it(crawls: Crawls) -> None:
    crawls.site.page("/", "/plain", "/b/", Content_Language="de", Set_Cookie="id=1")
    crawls.site.page("/b/", "../c?x=1#part", "/", "/moved")
    crawls.site.pages["/moved"] = Reply("", 302, {"Location": "/ü".encode().decode("latin-1")})
    crawls.site.page("/%C3%BC")
    crawls.site.page("/c?x=1")
    crawls.site.pages["/plain"] = Reply("Grüße".encode("latin-1") * 9, kind="text/plain; charset=iso-8859-1")
    outcome = crawls.land(contact="https://example.org/bot")
    assert (set(crawls.rows()), outcome.dropped) == ({"/", "/plain", "/b/", "/c?x=1", "/%C3%BC"}, {})
    assert set(crawls.site.counts().values()) == {1}
    assert {one.headers["user-agent"] for one in crawls.site.log} == {"Nightshift/1.0 (+https://example.org/bot)"}
    assert not any("cookie" in one.headers or "referer" in one.headers for one in crawls.site.log)
    found = {row["url"]: row for row in crawls.house.rows(crawls.house.night())}
    page, plain = found[crawls.site.url("/")], found[crawls.site.url("/plain")]
    assert (page["format"], page["title"], dict(page["metadata"])) == ("html", None, {"content_language": "de"})
    assert (plain["format"], plain["text"]) == ("text", "Grüße" * 9)
    assert timedelta() <= datetime.now(UTC) - page["fetched"].astimezone(UTC) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("headers", "body", "text", "metadata"),
    [
        ({"Content-Type": "text/html; charset=gbk"}, "<p>汉字汉字汉字".encode("gbk"), "<p>汉字汉字汉字", {}),
        ({"Content-Type": 'text/html; Charset="GB2312"'}, '<meta charset="big5">汉字'.encode("gbk"), None, {}),
        ({"Content-Type": "text/html; charset=nonsense"}, '<meta charset="gbk">汉字'.encode("gbk"), None, {}),
        ({"Content-Type": "text/html; charset=iso-8859-1"}, "<p>汉字汉字汉字".encode(), "<p>汉字汉字汉字", {}),
        ({"Content-Type": "text/plain"}, "\ufeff汉字".encode("utf-16-le"), "汉字", {}),
        (
            {"Content-Type": "text/html"},
            b"<p>one bad \xff byte" + "汉字".encode() * 40,
            None,
            {"replaced_characters": "1"},
        ),
    ],
)
def test_a_page_is_read_in_the_charset_that_its_server_names_where_it_can_be(
    told: Crawls, web: Web, headers: dict[str, str], body: bytes, text: str | None, metadata: dict[str, str]
) -> None:
    web.pages = {"/": Answer(200, tuple(headers.items()), body)}
    told.land()
    row = told.rows()["/"]
    assert text in (None, row["text"])
    assert "汉字" in row["text"]
    assert {name: value for name, value in row["metadata"] if not name.startswith(".")} == metadata


def test_a_page_in_no_charset_is_one_row_of_the_quarantine(told: Crawls, web: Web) -> None:
    web.pages = {"/": html("/odd"), "/odd": Answer(200, (("Content-Type", "text/plain"),), bytes(range(1, 256)) * 9)}
    assert told.land().rows_out == 2
    plan = told.house.night()
    assert len(told.house.texts(plan)) == 1
    (bad,) = told.house.rows(plan, "quarantine.parquet")
    assert bad["reason"].startswith("not ")
    assert "odd" not in bad["place"]
