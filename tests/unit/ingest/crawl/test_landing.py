"""A crawl from its seeds to documents."""

from datetime import UTC, datetime, timedelta

from pipeline_lib.ingest.crawl.warc import members
from tests.crawls import Crawls
from tests.web_site import Reply


def test_a_site_lands_with_every_page_it_links_to(crawls: Crawls) -> None:
    crawls.site.page("/", "/a", "b/")
    crawls.site.page("/a", "/b/", "/")
    crawls.site.page("/b/", "../c?x=1#part")
    crawls.site.page("/c?x=1")
    outcome = crawls.land()
    assert set(crawls.rows()) == {"/", "/a", "/b/", "/c?x=1"}
    assert (outcome.rows_out, outcome.dropped) == (4, {})
    assert crawls.site.counts() == {**dict.fromkeys(["/", "/a", "/b/", "/c?x=1"], 1), "/robots.txt": 1,
                                    "/.well-known/tdmrep.json": 1, "/sitemap.xml": 1}  # fmt: skip


def test_pages_become_documents_with_what_is_known_of_them(crawls: Crawls) -> None:
    crawls.site.page("/", "/plain", Content_Language="de")
    crawls.site.pages["/plain"] = Reply("Grüße".encode("latin-1") * 9, kind="text/plain; charset=iso-8859-1")
    crawls.land()
    crawls.house.night()
    plan = crawls.house.last
    assert plan is not None
    documents = crawls.house.rows(plan)
    found = {row["url"]: row for row in documents}
    page, plain = found[crawls.site.url("/")], found[crawls.site.url("/plain")]
    assert (page["format"], plain["format"]) == ("html", "text")
    assert plain["text"] == "Grüße" * 9
    assert dict(page["metadata"]) == {"content_language": "de"}
    assert page["title"] is None
    assert timedelta() <= datetime.now(UTC) - page["fetched"].astimezone(UTC) < timedelta(minutes=1)


def test_what_was_answered_lies_beside_the_rows_as_warc(crawls: Crawls) -> None:
    crawls.site.page("/", "/a", Set_Cookie="id=1", X_Kind="first")
    crawls.site.page("/a")
    crawls.land()
    (warc,) = crawls.landing.glob("*.warc.gz")
    with warc.open("rb") as raw:
        pages = [page for _, page in members(raw)]
    assert [page.url for page in pages] == [row["url"] for row in crawls.rows().values()]
    first = pages[0]
    assert (first.header("x-kind"), first.header("set-cookie")) == ("first", "")
    assert first.body == crawls.site.pages["/"].body.encode()  # type: ignore[union-attr]
    from fastwarc.warc import ArchiveIterator

    with warc.open("rb") as raw:  # others read it, too
        read = [
            (r.headers["WARC-Target-URI"], r.http_headers.status_code, r.reader.read()) for r in ArchiveIterator(raw)
        ]
    assert [(url, body) for url, _, body in read] == [(page.url, page.body) for page in pages]
    assert {status for _, status, _ in read} == {200}


def test_the_agent_says_who_asks_and_whom_to_write_to(crawls: Crawls) -> None:
    crawls.site.page("/")
    crawls.land(contact="https://example.org/bot")
    assert {one.headers["user-agent"] for one in crawls.site.log} == {"Nightshift/1.0 (+https://example.org/bot)"}
    assert not any("cookie" in one.headers for one in crawls.site.log)
