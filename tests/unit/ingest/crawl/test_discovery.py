"""Where addresses come from beside links: sitemaps, their indexes, feeds; and how each is spelled."""

import gzip
from collections.abc import Mapping

import pytest

from pipeline_lib.ingest.crawl import lists
from pipeline_lib.ingest.crawl.fetch import Answer
from pipeline_lib.ingest.crawl.page import addresses_in, read_head
from pipeline_lib.ingest.crawl.urls import canonical, host_of, origin_of, path_of
from tests.told_web import HOST, Web, html, plain, status

SPELLINGS = {
    "HTTP://E.Example:80/a/./b/../c": "http://e.example/a/c",
    "https://e.example:443": "https://e.example/",
    "https://e.example:8443/": "https://e.example:8443/",
    "http://e.example:": "http://e.example/",
    "http://e.example/%7euser/%2f/%e4": "http://e.example/~user/%2F/%E4",
    "http://e.example/a b?c d": "http://e.example/a%20b?c%20d",
    "http://e.example/100%/%zz": "http://e.example/100%25/%25zz",
    "http://e.example/ä?ö=ü#ß": "http://e.example/%C3%A4?%C3%B6=%C3%BC",
    "http://e.example?": "http://e.example/",
    "http://e.example/#top": "http://e.example/",
    "http://e.example/..": "http://e.example/",
    "http://e.example/a/..": "http://e.example/",
    "http://e.example/a/%2e%2e/b": "http://e.example/b",
    "http://e.example/a//b": "http://e.example/a//b",
    "http:\\\\e.example\\a?b\\c": "http://e.example/a?b%5Cc",
    " http://e.example/\n\ta ": "http://e.example/a",
    "http://bücher.example/": "http://xn--bcher-kva.example/",
    "http://BÜCHER.example./": "http://xn--bcher-kva.example/",
    "http://e.example/?a=%26&b=1+2": "http://e.example/?a=%26&b=1+2",
    "http://3232235521/": "http://192.168.0.1/",
    "http://[2001:DB8:0:0::1]:80/": "http://[2001:db8::1]/",
}
NONE = [
    "", "e.example", "/a", "//", "http://", "http:///a", "ftp://e.example/", "file:///etc/passwd", "data:,a",
    "javascript:alert(1)", "mailto:a@e.example", "http://user@e.example/", "http://user:pw@e.example/",
    "http://e.example:99999/", "http://e.example:x/", "http://e.example:0/", "http://[::1", "http://[fe80::1%25eth0]/",
    "http://a..b/", "http://-a.example/", "http://a b/", "http://a%00b/", "http://1.2.3.4.5/", "http://256.1/",
    "http://4294967296/", "http://09/", "http://" + "a" * 300 + "/", "http://e.example/" + "a" * 20_000,
]  # fmt: skip


@pytest.mark.parametrize("given", SPELLINGS)
def test_an_address_has_one_spelling(given: str) -> None:
    found = canonical(given)
    assert found == SPELLINGS[given]
    assert canonical(found) == found


@pytest.mark.parametrize("given", NONE)
def test_what_is_no_address_of_the_web_is_none(given: str) -> None:
    assert canonical(given) is None


def test_an_address_has_an_origin_a_host_and_a_path() -> None:
    url = "http://[2001:db8::1]:8080/a?b/c"
    assert (origin_of(url), host_of(url), path_of(url)) == ("http://[2001:db8::1]:8080", "2001:db8::1", "/a?b/c")


def test_links_are_read_as_a_browser_reads_them() -> None:
    page = b"""<base href="/docs/"><a href="a">1</a><A HREF=b#x>2</A><a href="a?y">3</a><area href="//f.example/c">
        <a href="javascript:x()">4</a><a>5</a><a href="">6</a><frame src=frame><link rel="next" href="page2">
        <!-- <a href="commented"> --><meta http-equiv="Refresh" content="0; URL='/moved'"><link rel=canonical href=/one>
        <link rel="alternate" type="application/rss+xml" href="feed"><link rel=stylesheet href=s.css><img src=i.png>"""
    head = read_head(page, f"{HOST}/x/y", "")
    paths = [url.removeprefix(HOST) for url in head.links]
    assert paths == [
        "/docs/a",
        "/docs/b",
        "/docs/a?y",
        "http://f.example/c",
        "/docs/frame",
        "/docs/page2",
        "/moved",
    ]
    assert (head.canonical, list(head.feeds)) == (f"{HOST}/one", [f"{HOST}/docs/feed"])


@pytest.mark.parametrize("page", [b"", b"\0", b"<", b"<a href=", b"\xff\xfe<", b"<p>" * 50_000, b"<!--", b"&#0;" * 99])
def test_a_page_that_is_hardly_one_leads_nowhere(page: bytes) -> None:
    assert not read_head(page, f"{HOST}/", "").links


def urls(*paths: str, name: str = "urlset", entry: str = "url") -> str:
    """A sitemap, or an index of some."""
    inside = "".join(f"<{entry}><loc>\n {HOST}{path} </loc><lastmod>2026-01-01</lastmod></{entry}>" for path in paths)
    return f'<?xml version="1.0"?><{name} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inside}</{name}>'


def index(*paths: str) -> str:
    """An index of sitemaps."""
    return urls(*paths, name="sitemapindex", entry="sitemap")


RSS = f"<rss><channel><link>{HOST}/</link><item><title>t</title><link>{HOST}/r</link></item></channel></rss>"
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><link href="/self" rel="self"/><entry><link href="/e"/>'
    '<link rel="edit" href="/no"/></entry></feed>'
)
FEED_LINK = '<link rel=alternate type="application/atom+xml" href="/feed">'
BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
) + "]>" + urls("/x").partition("?>")[2].replace("/x", "/x&j;")  # fmt: skip


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (urls("/a", "/b"), [("page", "/a"), ("page", "/b")]),
        (index("/s1.xml"), [("sitemap", "/s1.xml")]),
        ("\ufeff  " + urls("/a"), [("page", "/a")]),
        (f"{HOST}/a\r\n\n{HOST}/b\nnothing", [("page", "/a"), ("page", "/b")]),
        (RSS, [("page", "/r")]),
        (ATOM, [("page", "/e")]),
        (urls("/a")[:-20], [("page", "/a")]),  # cut
        ("<html><p>no sitemap", []),
        ("", []),
    ],
)
def test_addresses_are_found_in_sitemaps_and_feeds(body: str, found: list[tuple[str, str]]) -> None:
    assert [(kind, url.removeprefix(HOST)) for kind, url in addresses_in(body.encode())] == found


def test_no_entity_of_a_sitemap_is_followed_or_grows() -> None:
    outside = (
        f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><urlset><url><loc>{HOST}/&x;</loc></url></urlset>'
    )
    for body in (outside, BOMB):
        for _, url in addresses_in(body.encode()):
            assert len(url) < 100
            assert canonical(url) in (None, f"{HOST}/", f"{HOST}/x")


def packed(body: str) -> Answer:
    """A packed file, as it comes."""
    data = gzip.compress(body.encode())
    return Answer(200, (("Content-Type", "application/gzip"),), data, num_bytes=len(data))


@pytest.mark.parametrize(
    ("pages", "landed"),
    [
        ({"/sitemap.xml": plain(urls("/a", "/a", "/b"))}, {"/a", "/b"}),
        ({"/robots.txt": plain("Sitemap: /maps/one.xml"), "/maps/one.xml": plain(urls("/a"))}, {"/a"}),
        ({"/sitemap.xml": plain(index("/1.xml.gz", "/2.xml")), "/1.xml.gz": packed(urls("/a")),
          "/2.xml": plain(urls("/b"))}, {"/a", "/b"}),
        ({"/sitemap.xml": plain(index("/sitemap.xml", "/s.xml")), "/s.xml": plain(index("/s.xml"))}, set()),  # loops
        ({"/sitemap.xml": status(301, Location="/s.xml"), "/s.xml": plain(urls("/a"))}, {"/a"}),
        ({"/sitemap.xml": packed("x" * (60 << 20))}, set()),  # a bomb
        ({"/sitemap.xml": plain("<html>no")}, set()),
        ({"/sitemap.xml": plain(urls("/a", "/tag/x", "").replace(f"{HOST}</", "http://f.example/</"))}, {"/a"}),
        ({"/": html(head=FEED_LINK), "/feed": plain(ATOM)}, {"/e"}),
        ({"/robots.txt": plain("User-agent: *\nDisallow: /a\nDisallow: /map\nSitemap: /map.xml"),
          "/map.xml": plain(urls("/b"))}, set()),
    ],
)  # fmt: skip
def test_what_sitemaps_and_feeds_name_is_crawled(web: Web, pages: Mapping[str, Answer], landed: set[str]) -> None:
    web.pages = {"/": html(), **{path: html(text=path) for path in ("/a", "/b", "/e", "/r", "/tag/x")},
                 **{f"{HOST}{path}": answer for path, answer in pages.items()}}  # fmt: skip
    ends = web.crawl(deny=("/tag/",))
    assert {path for path, end in ends.items() if end == "landed"} == {"/", *landed}
    assert max(map(web.asked.count, web.asked)) == 1


def test_a_sitemap_is_taken_up_to_its_limit_and_no_deeper_than_it_may_be(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_OF_LIST", 5)
    web.otherwise = lambda url: html(text=url)
    maps = {f"/{n}.xml": plain(index(f"/{n + 1}.xml")) for n in range(9)}
    web.pages = {**maps, f"{HOST}/sitemap.xml": plain(urls(*(f"/p{n}" for n in range(9)))),
                 f"{HOST}/robots.txt": plain("Sitemap: /sitemap.xml\nSitemap: /0.xml")}  # fmt: skip
    web.crawl()
    assert sum(path.startswith("/p") for path in web.paths()) == 5
    assert sum(path.endswith(".xml") for path in web.paths()) == 1 + lists.MOST_LEVELS
