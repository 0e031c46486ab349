"""What crawlers stored: pages become documents, what is no page is counted, and what is damaged costs itself."""

import gzip
import io
import random
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from pipeline_lib.ingest.readers import READERS, read_with
from pipeline_lib.ingest.records import Lines, ReadOptions, Record, SourceFile, Unreadable
from tests.texts_of_others import DATA, needs_texts_of_others

OPTIONS = ReadOptions(max_document_bytes=1 << 20, max_expansion=200)
REAL = DATA / "warc"
HTML = "<p>夜里的文字 night</p>"


def http(body: bytes = HTML.encode(), status: str = "200 OK", **headers: str) -> bytes:
    told = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def record(block: bytes, kind: str = "response", url: str = "http://a.example/", **headers: str) -> bytes:
    told = {
        "WARC-Type": kind,
        "WARC-Target-URI": url,
        "WARC-Date": "2026-01-02T03:04:05Z",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items() if value)
    return f"WARC/1.0\r\n{head}\r\n".encode() + block + b"\r\n\r\n"


def read(data: bytes, name: str = "a.warc", lines: Lines | None = None) -> tuple[list[Record], list[str]]:
    records, bad = [], []
    file = SourceFile(name, io.BytesIO(data), len(data), lines)
    try:
        for item in read_with(READERS, file, OPTIONS):
            if isinstance(item, Record):
                records.append(item)
            else:
                bad.append(f"{item.line} ({item.within}): {item.reason}")
    except Unreadable as exc:
        bad.append(f"{exc} {exc.num_rows}")
    return records, bad


def test_a_page_is_a_document_with_what_is_known_of_it() -> None:
    ((found,), bad) = read(record(http()))
    assert bad == []
    assert (found.part, found.line, found.format, found.text) == ("http://a.example/", 1, "html", HTML)
    assert found.fetched == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.metadata == {"url": "http://a.example/", "mime": "text/html", "status": "200"}


def test_what_the_publisher_says_of_its_use_is_kept() -> None:
    said = {"Content_Usage": "train-ai=n", "TDM_Reservation": "1", "TDM_Policy": "/p.json", "X_Robots_Tag": "noai"}
    ((found,), _) = read(record(http(**said), WARC_Truncated="length"))
    kept = {"content_usage": "train-ai=n", "tdm_reservation": "1", "tdm_policy": "/p.json", "x_robots_tag": "noai"}
    assert (found.metadata or {}).items() >= {**kept, "truncated": "length"}.items()


def test_texts_of_wet_and_stored_files_are_documents() -> None:
    wet = record("第一行\n".encode(), "conversion", Content_Type="text/plain")
    stored = record(b"<p>x</p>", "resource", "file:///a.html", Content_Type="text/html; charset=utf-8")
    for name in ("a.wet", "a.warc.wet.gz"):
        data = gzip.compress(wet) + gzip.compress(stored) if name.endswith("gz") else wet + stored
        records, bad = read(data, name)
        assert [(one.format, one.text) for one in records] == [("text", "第一行\n"), ("html", "<p>x</p>")]
        assert bad == []


PASSED = {
    "status 404": record(http(status="404 Not Found")),
    "status 301": record(http(b"", status="301 Moved", Location="/b")),
    "status 206": record(http(status="206 Partial Content")),
    "image/png": record(http(b"\x89PNG", Content_Type="image/png")),
    "no content type": record(http(Content_Type="")),
    "request": record(b"GET / HTTP/1.1\r\n\r\n", "request"),
    "revisit": record(http(b""), "revisit"),
    "metadata": record(b"fetchTimeMs: 1\r\n", "metadata", Content_Type="application/warc-fields"),
    "text/dns": record(b"2026 a.example. 1 IN A 1.2.3.4", "response", "dns:a.example", Content_Type="text/dns"),
    "resource": record(b"wget log", "resource", "metadata://gnu.org/x", Content_Type="text/plain"),
    "odd kind": record(http(Content_Type="x" * 99)),
}


@pytest.mark.parametrize("kind", PASSED)
def test_what_is_no_page_is_counted_by_kind_without_its_address(kind: str) -> None:
    records, bad = read(record(http()) + PASSED[kind] * 3)
    assert len(records) == 1
    assert bad == [f"5 (3 of them): passed over: {kind}"]


def test_what_is_no_page_is_no_damage(house: Any) -> None:
    house.settings = {"max_bad_share": 0}
    house.write("a.warc", record(b"software: x", "warcinfo") + b"".join(PASSED.values()) + record(http()))
    plan = house.night()
    assert house.texts(plan) == {"a.warc#http://a.example/": HTML}
    assert len(house.quarantine(plan)) == len(PASSED)


def chunked(body: bytes, size: int = 7, extension: bytes = b"") -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


BODY = HTML.encode()
CODED: dict[str, tuple[bytes, dict[str, str]]] = {
    "plain": (BODY, {}),
    "chunked": (chunked(BODY), {"Transfer_Encoding": "chunked"}),
    "chunked, one byte": (chunked(BODY, 1), {"Transfer_Encoding": "Chunked"}),
    "chunked with extensions": (chunked(BODY, 9, b";a=b"), {"Transfer_Encoding": "chunked"}),
    "said to be chunked": (BODY, {"Transfer_Encoding": "chunked"}),
    "gzip": (gzip.compress(BODY), {"Content_Encoding": "gzip"}),
    "x-gzip": (gzip.compress(BODY), {"Content_Encoding": "X-GZIP"}),
    "said to be gzip": (BODY, {"Content_Encoding": "gzip"}),
    "deflate": (zlib.compress(BODY), {"Content_Encoding": "deflate"}),
    "deflate without a frame": (raw_deflate(BODY), {"Content_Encoding": "deflate"}),
    "br": (brotli.compress(BODY), {"Content_Encoding": "br"}),
    "zstd": (zstandard.compress(BODY), {"Content_Encoding": "zstd"}),
    "identity": (BODY, {"Content_Encoding": "identity"}),
    "gzip, chunked": (
        chunked(gzip.compress(BODY)),
        {"Content_Encoding": "gzip", "Transfer_Encoding": "chunked"},
    ),
    "gzip, chunked by the byte": (
        chunked(gzip.compress(BODY), 1),
        {"Content_Encoding": "gzip", "Transfer_Encoding": "chunked"},
    ),
    "twice": (brotli.compress(gzip.compress(BODY)), {"Content_Encoding": "gzip, br"}),
}


@pytest.mark.parametrize(("body", "headers"), CODED.values(), ids=CODED)
def test_a_body_is_read_as_it_was_meant(body: bytes, headers: dict[str, str]) -> None:
    ((found,), bad) = read(record(http(body, **headers)))
    assert (found.text, bad) == (HTML, [])


BROKEN: dict[str, tuple[bytes, str]] = {
    "gzip, cut": (record(http(gzip.compress(BODY)[:-9], Content_Encoding="gzip")), "truncated gzip"),
    "gzip, flipped": (record(http(b"\x1f\x8b" + BODY, Content_Encoding="gzip")), "damaged gzip"),
    "br": (record(http(b"\xff" * 40, Content_Encoding="br")), "damaged brotli"),
    "br, cut": (record(http(brotli.compress(BODY)[:-3], Content_Encoding="br")), "truncated brotli"),
    "deflate": (record(http(zlib.compress(BODY)[:-9], Content_Encoding="deflate")), "truncated deflate"),
    "chunks, cut": (record(http(chunked(BODY)[:-12], Transfer_Encoding="chunked")), "truncated chunks"),
    "chunks": (record(http(b"5\r\nhello\r\nzz\r\n", Transfer_Encoding="chunked")), "damaged chunks"),
    "an unknown coding": (record(http(Content_Encoding="exi")), "unknown content encoding"),
    "no message": (record(b"hello"), "no HTTP message"),
    "bytes in no charset": (record(http(bytes(range(128, 256)))), "not UTF-8"),
    "too long": (record(http(b"x" * ((1 << 20) + 1))), "longer than 1 MiB"),
    "a bomb in a page": (record(http(gzip.compress(bytes(2 << 20)), Content_Encoding="gzip")), "longer than 1 MiB"),
    "no length": (record(http(), Content_Length=""), "damaged record"),
    "a length that is none": (record(http(), Content_Length="-1"), "damaged record"),
    "a length that is short": (record(http(), Content_Length="60"), "damaged record"),
    "another version": (record(http()).replace(b"WARC/1.0", b"WORK/1.0"), "damaged record"),
    "garbage": (b"garbage\r\n\r\nmore of it\r\n" * 9, "damaged record"),
}


@pytest.mark.parametrize(("broken", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_record_costs_itself(broken: bytes, reason: str) -> None:
    good = record(http(), url="http://b.example/")
    records, bad = read(record(http()) + broken + good)
    assert [one.part for one in records] == ["http://a.example/", "http://b.example/"]
    assert {line.partition(": ")[2] for line in bad} == {reason}


def test_a_record_that_swallows_its_neighbour_is_damaged() -> None:
    swallowing = record(http(), Content_Length=str(len(http()) + 50))
    records, bad = read(swallowing + record(http(), url="http://b.example/") + record(http(), url="http://c.example/"))
    assert [one.part for one in records] == ["http://c.example/"]
    assert bad[0] == "1 (): damaged record"


@pytest.mark.parametrize("share", [0.31, 0.61, 0.96])
@pytest.mark.parametrize("packed", [False, True])
def test_what_stands_before_a_cut_is_kept_and_the_rest_is_told(share: float, packed: bool) -> None:
    dice = random.Random(1)
    records = [record(http(bytes(dice.choices(b"abcdefgh ", k=5_000))), url=f"http://a.example/{n}") for n in range(40)]
    data = b"".join(gzip.compress(one) if packed else one for one in records)
    found, bad = read(data[: int(len(data) * share)], "a.warc.gz" if packed else "a.warc")
    assert 5 < len(found) < 40
    assert [one.part for one in found] == [f"http://a.example/{n}" for n in range(len(found))]
    assert bad[-1] == ("truncated gzip None" if packed else "truncated record None")


def test_a_file_of_something_else_is_told() -> None:
    assert read(b"no records at all\n" * 100) == (
        [],
        ["1 (): damaged record", "no record up to the end of the file None"],
    )
    assert read(b"") == ([], ["empty file None"])


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html; charset=gbk", "<p>夜里的文字和我们的国家</p>".encode("gbk"), "<p>夜里的文字和我们的国家</p>"),
        ('text/html; a=b; Charset="GB2312"', "<p>夜里的文字</p>".encode("gbk"), "<p>夜里的文字</p>"),
        ("text/html; charset=nonsense", "<meta charset=gbk><p>夜里</p>".encode("gbk"), "<meta charset=gbk><p>夜里</p>"),
        ("text/html; charset=gbk", "<p>夜里的文字</p>".encode(), "<p>夜里的文字</p>"),
        ("text/html; charset=iso-8859-2", "<p>žluťoučký kůň</p>".encode("iso8859_2"), "<p>žluťoučký kůň</p>"),
        ("text/plain; charset=koi8-r", "ночью все кошки".encode("koi8_r"), "ночью все кошки"),
        ("text/plain; charset=gbk", "\ufeff夜".encode("utf-16"), "\ufeff夜"),
        ("application/xhtml+xml", b"<p>x</p>", "<p>x</p>"),
    ],
)
def test_the_charset_that_the_server_told_counts_before_that_of_the_page(
    content_type: str, body: bytes, text: str
) -> None:
    ((found,), _) = read(record(http(body, Content_Type=content_type)))
    assert found.text == text


def test_the_same_address_twice_is_two_documents(house: Any) -> None:
    house.write("a.warc", record(http(b"old")) + record(http(b"new")))
    house.write("b.warc", record(http(b"old")))
    assert house.texts(house.night()) == {
        "a.warc#http://a.example/": "old",
        "a.warc#http://a.example/-2": "new",
        "b.warc#http://a.example/": "old",
    }


@pytest.mark.parametrize("url", ["<http://a.example/>", "http://a.example/"])
def test_an_address_in_brackets_is_the_same(url: str) -> None:
    assert read(record(http(), url=url))[0][0].part == "http://a.example/"


def test_a_long_address_is_named_by_the_text() -> None:
    ((found,), _) = read(record(http(), url="http://a.example/" + "x" * 300))
    assert len(str(found.part)) == 16 and len((found.metadata or {})["url"]) > 300


@pytest.mark.parametrize("date", ["", "nonsense", "2026-13-01T00:00:00Z"])
def test_a_date_that_is_none_is_not_told(date: str) -> None:
    assert read(record(http(), WARC_Date=date))[0][0].fetched is None


@pytest.mark.parametrize("date", ["2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05"])
def test_dates_of_later_versions_are_read(date: str) -> None:
    fetched = read(record(http(), WARC_Date=date))[0][0].fetched
    assert fetched is not None and fetched.replace(microsecond=0) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def arc(version: int) -> bytes:
    body = http()
    about = b"1 0 nobody\nURL IP-address Archive-date Content-type Archive-length\n"
    more = b"" if version == 1 else b"200 - - 0 a.arc "
    begin = b"filedesc://a.arc 0.0.0.0 20140216050221 text/plain " + more + b"%d\n" % len(about) + about + b"\n"
    pages = [b"http://a.example/", b"http://a.example/with a blank", b"dns:a.example"]
    lines = [url + b" 1.2.3.4 20140216050221 text/html " + more + b"%d\n" % len(body) + body + b"\n" for url in pages]
    return begin + b"".join(lines)


@pytest.mark.parametrize("version", [1, 2])
def test_what_came_before_warc_is_read(version: int) -> None:
    records, bad = read(arc(version), "a.arc")
    assert [one.part for one in records] == ["http://a.example/", "http://a.example/with a blank", "dns:a.example"]
    assert records[0].text == HTML and records[0].fetched == datetime(2014, 2, 16, 5, 2, 21, tzinfo=UTC)
    assert bad == []


def test_a_number_finds_the_same_record_again() -> None:
    data = b"".join([record(http()), PASSED["request"], BROKEN["br"][0], PASSED["image/png"], record(http(b"x"))])
    assert read(data, lines=Lines.of([5])) == read(data)


def test_a_changed_file_brings_its_new_pages_and_withdraws_what_left(house: Any) -> None:
    pages = [record(http(f"page {n}".encode()), url=f"http://a.example/{n}") for n in range(5)]
    house.write("a.warc", b"".join([*pages, BROKEN["br"][0]]))
    house.night()
    new = record(http(b"new"), url="http://a.example/new")
    house.write("a.warc", b"".join([new, *pages[1:], BROKEN["br"][0]]))
    plan = house.night()
    assert house.texts(plan) == {"a.warc#http://a.example/new": "new"}
    assert len(plan.tombstones) == 1 and len(house.live_ids()) == 5


@pytest.mark.parametrize("seed", range(4))
def test_whatever_bytes_are_changed_a_reason_is_all_that_comes(seed: int) -> None:
    dice = random.Random(seed)
    every = [*PASSED.values(), *(one for one, _ in BROKEN.values() if len(one) < 5_000), record(http())]
    for _ in range(60):
        data = bytearray(b"".join(dice.choices(every, k=8)))
        for _ in range(dice.choice([1, 5, 30])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        read(bytes(data))


def test_headers_without_end_are_not_held() -> None:
    data = b"WARC/1.0\r\n" + b"X: y\r\n" * 400_000 + b"\r\n" + record(http())
    records, bad = read(data)
    assert (len(records), bad) == (1, ["1 (): damaged record"])


EXPECTED: Mapping[str, tuple[int, int]] = {  # records and rows about the rest, in files of other people's tests
    "aeb_pages.warc.gz": (40, 0),
    "cc_sample-0000.warc.gz": (22, 3),
    "warcio/example.warc": (1, 2),
    "warcio/example.warc.gz": (1, 2),
    "warcio/example.arc.gz": (1, 0),
    "warcio/example-iana.org-chunked.warc": (1, 1),
    "warcio/example-resource.warc.gz": (1, 0),
}


@needs_texts_of_others("the same kinds of records are made above")
@pytest.mark.parametrize("name", EXPECTED)
def test_real_files_are_read(name: str) -> None:
    records, bad = read((REAL / name).read_bytes(), Path(name).name)
    assert (len(records), len(bad)) == EXPECTED[name]
