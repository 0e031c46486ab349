"""Books as chapters: order, names and what is told of them; what is locked, lost or made to grow."""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from pipeline_lib.ingest.epub import read_epub
from pipeline_lib.ingest.records import Bad, Record
from tests.made_files import read, reason_of, record_of, zip_of

CONTAINER = (
    '<container xmlns="urn:c"><rootfiles><rootfile full-path="{}" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
TOLD = """<dc:title id="t">夜之书</dc:title><dc:creator>A. Writer</dc:creator><dc:creator>乙</dc:creator>
<dc:language>zh</dc:language><dc:date>2024-05-09</dc:date><dc:rights>CC BY 4.0</dc:rights>"""
XHTML = "application/xhtml+xml"


def page(text: str) -> str:
    return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>{text}</p></body></html>'


def package_of(
    hrefs: Iterable[str], spine: Iterable[str], told: str = TOLD, types: Mapping[str, str] | None = None
) -> str:
    """A package file, in which the address of each chapter is its id, too."""
    items = "".join(
        f'<item id="{href}" href="{href}" media-type="{(types or {}).get(href, XHTML)}"/>' for href in hrefs
    )
    refs = "".join(f'<itemref idref="{href}"/>' for href in spine)
    return f"""<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata>{told}</metadata><manifest>{items}</manifest><spine>{refs}</spine></package>"""


def book(
    chapters: Mapping[str, str | bytes],
    spine: list[str] | None = None,
    *,
    told: str = TOLD,
    types: Mapping[str, str] | None = None,
    place: str = "OEBPS/book.opf",
    more: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """A book of chapters by their addresses."""
    folder = place.rpartition("/")[0]
    return zip_of(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER.format(place),
            place: package_of(chapters, chapters if spine is None else spine, told, types),
            **{f"{folder}/{href}".lstrip("/"): content for href, content in chapters.items()},
            **(more or {}),
        }
    )


def test_a_book_is_a_record_for_each_chapter_in_the_order_of_its_spine() -> None:
    found, reason = read(read_epub, book({"b.xhtml": page("第二"), "a.xhtml": page("first")}, ["a.xhtml", "b.xhtml"]))
    assert reason is None
    metadata = {"author": "A. Writer; 乙", "date": "2024-05-09", "language": "zh"}
    assert found == [
        Record("OEBPS/a.xhtml", 1, "html", page("first"), title="夜之书", licence="CC BY 4.0", metadata=metadata),
        Record("OEBPS/b.xhtml", 2, "html", page("第二"), title="夜之书", licence="CC BY 4.0", metadata=metadata),
    ]


def test_a_book_that_tells_nothing_is_read_all_the_same() -> None:
    assert record_of(read_epub, book({"a.html": page("x")}, told="")) == Record("OEBPS/a.html", 1, "html", page("x"))


@pytest.mark.parametrize("place", ["book.opf", "OEBPS/book.opf", "a/b/book.opf"])
def test_chapters_lie_beside_the_package_file(place: str) -> None:
    assert record_of(read_epub, book({"text/a.xhtml": page("x")}, place=place)).text == page("x")


@pytest.mark.parametrize(
    ("name", "href"),
    [
        ("第一章.xhtml", "第一章.xhtml"),
        ("第一章.xhtml", "%E7%AC%AC%E4%B8%80%E7%AB%A0.xhtml"),
        ("a b.xhtml", "a%20b.xhtml"),
        ("a.xhtml", "./a.xhtml"),
        ("a.xhtml", "text/../a.xhtml"),
        ("a.xhtml", "a.xhtml#part"),
    ],
)
def test_addresses_are_those_of_entries(name: str, href: str) -> None:
    data = book({href: ""}, more={f"OEBPS/{name}": page("x")})
    found, _ = read(read_epub, data)
    assert [(record.part, record.text) for record in found if isinstance(record, Record)] == [
        (f"OEBPS/{name}", page("x"))
    ]


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_names_that_do_not_say_what_they_are_in_are_found(codec: str) -> None:
    raw = "第一章.xhtml".encode(codec)
    plain = "x" * len(raw)
    files = {
        "META-INF/container.xml": CONTAINER.format("a.opf"),
        "a.opf": package_of(["第一章.xhtml"], ["第一章.xhtml"]),
    }
    found = record_of(read_epub, zip_of({**files, plain: page("x")}).replace(plain.encode(), raw))
    assert (found.part, found.text) == ("第一章.xhtml", page("x"))


OUTSIDE = ["../../../../etc/passwd", "/etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "file:///etc/passwd", "", "."]


@pytest.mark.parametrize("href", OUTSIDE)
def test_an_address_out_of_the_book_is_a_chapter_that_is_not_there(href: str) -> None:
    found, reason = read(read_epub, book({"a.xhtml": page("x"), href: "y"}, [href, "a.xhtml"]))
    assert reason is None
    assert found[0] == Bad(1, "chapter that is not there")
    assert isinstance(found[1], Record)


CHAPTERS = {"a.xhtml": page("one"), "b.xhtml": page("two")}
ODD: dict[str, tuple[bytes, list[str]]] = {
    "one that the manifest lacks": (book(CHAPTERS, ["a.xhtml", "no"]), ["1", "2: chapter that is not there"]),
    "one that the archive lacks": (
        book(CHAPTERS).replace(b"OEBPS/a.xhtml", b"OEBPS/z.xhtml"),
        ["1: chapter that is not there", "2"],
    ),
    "a picture": (book(CHAPTERS, types={"a.xhtml": "image/svg+xml"}), ["1: chapter that is no XHTML", "2"]),
    "a long one": (book({**CHAPTERS, "a.xhtml": page("x" * 5000)}), ["1: longer than 2 KiB", "2"]),
    "one in no charset": (book({**CHAPTERS, "a.xhtml": bytes(range(128, 256))}), ["1: not UTF-8", "2"]),
    "one that comes twice": (book(CHAPTERS, ["a.xhtml", "b.xhtml", "a.xhtml"]), ["1", "2"]),
}


@pytest.mark.parametrize(("data", "told"), ODD.values(), ids=ODD)
def test_an_odd_chapter_costs_itself(data: bytes, told: list[str]) -> None:
    found, reason = read(read_epub, data, max_bytes=2048)
    assert reason is None
    assert [f"{item.line}: {item.reason}" if isinstance(item, Bad) else str(item.line) for item in found] == told


def test_a_damaged_chapter_costs_itself() -> None:
    text = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(3000))
    data = bytearray(book({name: page(name + text) for name in ("x1", "x2", "x3")}))
    data[data.index(b"OEBPS/x2") + 40] ^= 0xFF
    found, reason = read(read_epub, bytes(data))
    assert reason is None
    assert [isinstance(item, Record) for item in found] == [True, False, True]
    assert found[1] == Bad(2, "damaged chapter")


def encryption(algorithm: str, uri: str) -> str:
    return f"""<encryption xmlns="urn:c" xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>
<enc:EncryptionMethod Algorithm="{algorithm}"/><enc:CipherData><enc:CipherReference URI="{uri}"/></enc:CipherData>
</enc:EncryptedData></encryption>"""


def noise(num_bytes: int) -> bytes:
    return random.Random(1).randbytes(num_bytes)


AES = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
WHOLE = book(CHAPTERS)
LAUGHS = '<!DOCTYPE p [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><package><metadata/>&b;</package>'
BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty file"),
    "text": (b"plain text under a wrong name", "damaged EPUB"),
    "cut in the middle": (WHOLE[: len(WHOLE) // 2], "damaged EPUB"),
    "cut at its end": (WHOLE[:-1], "damaged EPUB"),
    "no container": (zip_of({"mimetype": "application/epub+zip"}), "EPUB without container.xml"),
    "a container of nothing": (zip_of({"META-INF/container.xml": "<container/>"}), "EPUB without a package file"),
    "a package that is not there": (
        zip_of({"META-INF/container.xml": CONTAINER.format("x.opf")}),
        "EPUB without a package file",
    ),
    "a package out of the book": (
        zip_of({"META-INF/container.xml": CONTAINER.format("/etc/passwd")}),
        "EPUB without a package file",
    ),
    "a container that is cut": (zip_of({"META-INF/container.xml": "<container>"}), "truncated XML"),
    "no spine": (book(CHAPTERS, []), "EPUB without a spine"),
    "entities": (
        zip_of({"META-INF/container.xml": CONTAINER.format("x.opf"), "x.opf": LAUGHS}),
        "XML entity that expands",
    ),
    "nesting": (zip_of({"META-INF/container.xml": "<a>" * 100_000}), "XML nested deeper than 500 tags"),
    "a lock": (book(CHAPTERS, more={"META-INF/encryption.xml": encryption(AES, "OEBPS/b.xhtml")}), "encrypted EPUB"),
    "a lock that cannot be read": (book(CHAPTERS, more={"META-INF/encryption.xml": "<enc"}), "encrypted EPUB"),
    "a list without an end": (
        zip_of({"META-INF/container.xml": CONTAINER.format("x.opf"), "x.opf": "<package>" + " " * (17 << 20)}),
        "decompression bomb",
    ),
    "a list that is too long": (
        zip_of({"META-INF/container.xml": CONTAINER.format("x.opf"), "x.opf": " " * (17 << 20), "y": noise(1 << 20)}),
        "damaged EPUB",
    ),
    "zeros": (book(CHAPTERS, more={"OEBPS/x": bytes(64 << 20)}), "decompression bomb"),
}


@pytest.mark.parametrize(("data", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_with_a_book_is_said(data: bytes, reason: str) -> None:
    assert reason_of(read_epub, data) == reason


def test_obfuscated_fonts_are_no_lock() -> None:
    lock = encryption("http://www.idpf.org/2008/embedding", "OEBPS/fonts/a.otf")
    found, reason = read(read_epub, book(CHAPTERS, more={"META-INF/encryption.xml": lock}))
    assert (len(found), reason) == (2, None)


def test_a_night_reads_good_ones_beside_bad_ones_and_an_edited_chapter_comes_alone(house: Any) -> None:
    house.write("书.epub", book(CHAPTERS))
    house.write("b.epub", WHOLE[:100])
    plan = house.night()
    assert list(house.texts(plan)) == ["书.epub#OEBPS/a.xhtml", "书.epub#OEBPS/b.xhtml"]
    assert house.quarantine(plan) == ["b.epub: damaged EPUB"]
    house.write("书.epub", book({**CHAPTERS, "b.xhtml": page("edited")}))
    assert list(house.texts(house.night())) == ["书.epub#OEBPS/b.xhtml"]
