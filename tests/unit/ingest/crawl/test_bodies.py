"""Bodies that are slow, endless, packed, cut or none: each costs its page, and the crawl goes on."""

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from pipeline_lib.ingest.crawl.bodies import BadBody, unpacked
from tests.crawls import Crawls
from tests.source_nights import House
from tests.web_site import Handler, Reply, Site, endless

TEXT = b"<p>" + b"words " * 50


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("codings", "pack"),
    [
        ("", lambda data: data), ("identity", lambda data: data), ("gzip", gzip.compress), ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress), ("deflate", raw_deflate), ("identity, gzip", gzip.compress),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
        ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        ("gzip", lambda data: gzip.compress(data) + b"\0" * 512),
        ("gzip", lambda data: gzip.compress(data) + b"what somebody has added"),
    ],
)  # fmt: skip
def test_a_body_is_what_it_was_before_its_codings(codings: str, pack: Callable[[bytes], bytes]) -> None:
    assert unpacked(pack(TEXT), codings, len(TEXT)) == (TEXT, False)


@pytest.mark.parametrize(
    ("codings", "pack"),
    [
        ("br", lambda: TEXT), ("zstd", lambda: TEXT), ("gzip", lambda: TEXT), ("gzip, gzip, gzip", lambda: TEXT),
        ("gzip", lambda: gzip.compress(TEXT)[:-9]), ("deflate", lambda: zlib.compress(TEXT)[:-9]),
        ("deflate", lambda: raw_deflate(TEXT)[:-9]),
    ],
)  # fmt: skip
def test_a_body_that_is_broken_is_refused(codings: str, pack: Callable[[], bytes]) -> None:
    with pytest.raises(BadBody, match="bad_encoding"):
        unpacked(pack(), codings, len(TEXT))


@pytest.mark.parametrize(
    ("codings", "pack"),
    [
        ("", lambda: TEXT + b"x"), ("gzip", lambda: gzip.compress(TEXT + b"x")),
        ("gzip", lambda: gzip.compress(bytes(100 << 20))),
        ("gzip, gzip", lambda: gzip.compress(gzip.compress(bytes(50 << 20)))),
        ("deflate", lambda: zlib.compress(bytes(100 << 20))), ("deflate", lambda: raw_deflate(bytes(100 << 20))),
        ("gzip", lambda: gzip.compress(b"x") * 10_000),
    ],
)  # fmt: skip
def test_a_body_that_grows_too_large_is_refused_before_it_has_grown(codings: str, pack: Callable[[], bytes]) -> None:
    body = pack()
    tracemalloc.start()
    try:
        with pytest.raises(BadBody, match="too_large"):
            unpacked(body, codings, len(TEXT))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_a_body_of_a_hundred_thousand_empty_streams_is_an_empty_one(padding: bytes) -> None:
    """What is behind a stream is copied piece by piece: whole, it would be a hundred gigabytes here."""
    assert unpacked((gzip.compress(b"") + padding) * 100_000, "gzip", 10) == (b"", False)


def test_a_body_of_any_length_is_whole() -> None:
    sizes = (*range(1, 600), 4_095, 4_096, 4_097, 65_535, 65_536, 65_537, 200_000)
    for size, body in ((n, body) for n in sizes for body in (b"a" * n, bytes(at * at % 251 for at in range(n)))):
        for codings, pack in (("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)):
            assert unpacked(pack(body), codings, size) == (body, False)


def test_where_the_start_is_enough_what_is_too_large_is_cut() -> None:
    for codings, body in (("", TEXT), ("gzip", gzip.compress(TEXT)), ("gzip", gzip.compress(bytes(50 << 20)))):
        assert unpacked(body, codings, 10, is_start=True).is_cut
    cut = unpacked(gzip.compress(TEXT)[:-12], "gzip", len(TEXT), is_cut=True)
    assert cut.is_cut
    assert TEXT.startswith(cut.body)


def raw(*pieces: bytes, pause: float = 0.0) -> Handler:
    """An answer byte by byte as it is given, behind which the connection ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(pause)

    return answer


def endless_head(handler: BaseHTTPRequestHandler) -> None:
    """Headers without end."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(2_000_000):
        handler.wfile.write(b"X-%d: %s\r\n" % (number, b"x" * 1_000))


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
HTML = b"Content-Type: text/html\r\n"
ODD: dict[str, tuple[Reply | Handler, str]] = {
    "/drip": (endless(b"<p>drop", 0.05), "timeout"),
    "/flood": (endless(b"<p>flood" * 4_000, 0.001), "too_large"),
    "/silent": (raw(b"", pause=3.0), "timeout"),
    "/half-a-head": (raw(b"HTTP/1.1 200 OK\r\nContent-", pause=3.0), "timeout"),
    "/told-large": (raw(b"HTTP/1.1 200 OK\r\n", HTML, b"Content-Length: 99999999\r\n\r\n<p>"), "too_large"),
    "/cut": (raw(b"HTTP/1.1 200 OK\r\n", HTML, b"Content-Length: 1000\r\n\r\n<p>cut"), "unreachable"),
    "/cut-chunks": (raw(b"HTTP/1.1 200 OK\r\n", HTML, CHUNKED, b"5\r\n<p>cu"), "unreachable"),
    "/bad-chunks": (raw(b"HTTP/1.1 200 OK\r\n", HTML, CHUNKED, b"zz\r\n<p>"), "unreachable"),
    "/no-http": (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "unreachable"),
    "/hung-up": (raw(), "unreachable"),
    "/long-line": (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), "unreachable"),
    "/endless-head": (endless_head, "unreachable"),
    "/bomb": (Reply(gzip.compress(bytes(50 << 20)), headers={"Content-Encoding": "gzip"}), "too_large"),
    "/twice": (
        Reply(gzip.compress(gzip.compress(bytes(50 << 20))), headers={"Content-Encoding": "gzip, gzip"}), "too_large"
    ),
    "/br": (Reply(b"\x0b\x02", headers={"Content-Encoding": "br"}), "bad_encoding"),
    "/no-gzip": (Reply(TEXT, headers={"Content-Encoding": "gzip"}), "bad_encoding"),
    "/large": (Reply(b"<p>" + b"x" * 200_000), "too_large"),
    "/image": (Reply(b"\x89PNG", kind="image/png"), "not_text"),
    "/endless-video": (endless(bytes(10_000), 0.001, "video/mp4"), "not_text"),
    "/zip-as-text": (Reply(b"PK\3\4" + bytes(99), kind="text/plain"), "not_text"),
    "/chunks": (raw(b"HTTP/1.1 200 OK\r\n", HTML, CHUNKED, b"3\r\n<p>\r\n4\r\nwell\r\n0\r\n\r\n"), "landed"),
    "/until-the-end": (raw(b"HTTP/1.0 200 OK\r\n", HTML, b"\r\n<p>until the end"), "landed"),
    "/deflated": (Reply(zlib.compress(TEXT), headers={"Content-Encoding": "deflate"}), "landed"),
    "/untold": (Reply(b" <!DOCTYPE html><p>untold", kind=None), "landed"),
    "/nested": (Reply("<div>" * 18_000 + "deep"), "landed"),
    "/empty": (Reply(b""), "landed"),
}  # fmt: skip


def test_odd_answers_cost_their_pages_and_the_crawl_goes_on(tmp_path: Path, sites: Callable[..., Site]) -> None:
    asked = {path: sites() for path in ODD}
    for path, site in asked.items():
        site.pages[path] = ODD[path][0]
        site.page("/", path, "/last", text=path)
        site.page("/last", text=path)
    crawls = Crawls(House(tmp_path), asked["/chunks"])
    tls = sites(is_tls=True)
    tls.page("/")
    crawls.land(
        seeds=tuple(site.url() for site in (*asked.values(), tls)),
        allow_private=tuple(site.host for site in (*asked.values(), tls)),
        max_page_bytes=100_000,
        timeout_seconds=1.0,
    )
    ends = {url.removeprefix("http://").partition("/")[::2]: end for url, end in crawls.ends.items()}
    addresses = {path: site.address if site is not crawls.site else "" for path, site in asked.items()}
    found = {path: ends[addresses[path], path.removeprefix("/")] for path in ODD}
    assert found == {path: end for path, (_, end) in ODD.items()}
    assert [ends[address, "last"] for address in addresses.values()] == ["landed"] * len(ODD)
    assert crawls.rows()["/chunks"]["text"] == "<p>well"
    assert (crawls.ends[tls.url()], tls.log) == ("robots_unreachable", [])  # nobody vouches for its certificate
