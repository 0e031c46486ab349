"""Word files as texts: order and kinds of text, properties, and what is wrong with a file or made to grow."""

import io
import time
import zipfile
from typing import Any

import docx
import pytest

from pipeline_lib.ingest.docx import read_docx
from pipeline_lib.ingest.records import Record
from tests.made_files import read, reason_of, record_of, zip_of

TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Override PartName="/word/document.xml" ContentType="x"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="{}"/></Relationships>'
)


def word_file(body: str, main: str = "word/document.xml", **more: str | bytes) -> bytes:
    document = f'<w:document xmlns:w="w" xmlns:mc="mc" xmlns:m="m"><w:body>{body}</w:body></w:document>'
    return zip_of({"[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS.format(main), main: document, **more})


def run(text: str) -> str:
    return f"<w:r><w:rPr><w:b/></w:rPr><w:t>{text}</w:t></w:r>"


def paragraph(*texts: str) -> str:
    return f"<w:p><w:pPr><w:tabs><w:tab w:pos='9'/></w:tabs></w:pPr>{''.join(map(run, texts))}</w:p>"


def table(*rows: tuple[str, ...]) -> str:
    cells = ("".join(f"<w:tc><w:tcPr/>{cell}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl><w:tblPr/>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def test_a_document_of_a_word_processor_is_its_paragraphs_and_cells_in_order() -> None:
    document = docx.Document()
    document.add_heading("夜里的标题", 1)
    document.add_paragraph("First paragraph.")
    document.add_paragraph("An item", style="List Bullet")
    cells = document.add_table(2, 2)
    for place, text in zip([(0, 0), (0, 1), (1, 0), (1, 1)], ["a", "乙", "c\nd", ""], strict=True):
        cells.cell(*place).text = text
    document.add_paragraph("Last\tparagraph.")
    document.core_properties.title, document.core_properties.author = "标题", "A. Writer"
    buffer = io.BytesIO()
    document.save(buffer)
    assert record_of(read_docx, buffer.getvalue()) == Record(
        None,
        None,
        "text",
        "夜里的标题\nFirst paragraph.\nAn item\na\t乙\nc d\nLast\tparagraph.",
        title="标题",
        metadata={"author": "A. Writer", "date": "2013-12-23T23:15:00Z"},
    )


BODIES = {
    "runs of a paragraph": (paragraph("one ", "two", "三"), "one two三"),
    "paragraphs": (paragraph("one") + paragraph() + paragraph("two"), "one\ntwo"),
    "breaks and tabs": ("<w:p><w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r></w:p>", "a\nb\tc"),
    "hyphens": ("<w:p><w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t><w:softHyphen/><w:t>c</w:t></w:r></w:p>", "a-bc"),
    "a table": (paragraph("x") + table((paragraph("a"), paragraph("b")), (paragraph("c"), "<w:p/>")), "x\na\tb\nc"),
    "several paragraphs in a cell": (table((paragraph("a") + paragraph("b"), paragraph("c"))), "a b\tc"),
    "a table in a cell": (table((table((paragraph("a"), paragraph("b"))), paragraph("c"))), "a\tb\t\tc"),
    "tracked changes": (
        f"<w:p><w:ins>{run('new')}</w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
        f"<w:moveFrom>{run('away')}</w:moveFrom><w:moveTo>{run(' here')}</w:moveTo></w:p>",
        "new here",
    ),
    "field codes": ("<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>7</w:t></w:r></w:p>", "7"),
    "links and controls": (
        f"<w:sdt><w:sdtPr/><w:sdtContent><w:p><w:hyperlink>{run('a')}</w:hyperlink></w:p></w:sdtContent></w:sdt>",
        "a",
    ),
    "a formula": ("<w:p><m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath></w:p>", "x=1"),
    "a phonetic guide": (
        f"<w:p><w:r><w:ruby><w:rt>{run('yè')}</w:rt><w:rubyBase>{run('夜')}</w:rubyBase></w:ruby></w:r></w:p>",
        "夜",
    ),
    "a text box": (
        f"<w:p>{run('a')}<w:r><mc:AlternateContent><mc:Choice><w:txbxContent>{paragraph('box')}</w:txbxContent>"
        f"</mc:Choice><mc:Fallback><w:txbxContent>{paragraph('box')}</w:txbxContent></mc:Fallback>"
        f"</mc:AlternateContent></w:r>{run('b')}</w:p>",
        "a\nbox\nb",
    ),
    "an empty first cell": (paragraph("x") + table(("<w:p/>", paragraph("b"))) + paragraph("y"), "x\n\tb\ny"),
    "blanks around": (paragraph("  a ", " ") + paragraph("　b \t c") + paragraph(" "), "a\nb\tc"),
    "pretty printing": ("\n  <w:p>\n    <w:r>\n      <w:t> a </w:t>\n    </w:r>\n  </w:p>\n", "a"),
}


@pytest.mark.parametrize(("body", "text"), BODIES.values(), ids=BODIES)
def test_what_is_written_is_the_text(body: str, text: str) -> None:
    assert record_of(read_docx, word_file(body)).text == text


@pytest.mark.parametrize("main", ["word/document.xml", "/word/document2.xml", "elsewhere/main.xml"])
def test_the_main_part_lies_where_the_package_says(main: str) -> None:
    assert record_of(read_docx, word_file(paragraph("a"), main.lstrip("/"))).text == "a"


def test_other_entries_may_have_any_name() -> None:
    plain = "x" * 7
    data = word_file(paragraph("a"), **{plain: "y"}).replace(plain.encode(), b"\xb5\xda\xd2\xbb.\xff\xfe")
    assert record_of(read_docx, data).text == "a"


def test_a_package_without_relations_has_its_main_part_at_the_usual_place() -> None:
    data = zip_of({"word/document.xml": f'<w:document xmlns:w="w"><w:body>{paragraph("a")}</w:body></w:document>'})
    assert record_of(read_docx, data).text == "a"


@pytest.mark.parametrize("core", ["", "<coreProperties><title>cut", "<other/>", "<!DOCTYPE a [<!ENTITY x '&y;'>]><a/>"])
def test_properties_that_cannot_be_read_cost_themselves(core: str) -> None:
    found = record_of(read_docx, word_file(paragraph("a"), **{"docProps/core.xml": core}))
    assert found == Record(None, None, "text", "a")


def test_a_date_that_is_none_is_not_told() -> None:
    core = "<coreProperties><created>yesterday</created><creator>甲</creator><creator>B</creator></coreProperties>"
    found = record_of(read_docx, word_file(paragraph("a"), **{"docProps/core.xml": core}))
    assert found.metadata == {"author": "甲; B"}


def ole(*names: str) -> bytes:
    return bytes.fromhex("D0CF11E0A1B11AE1") + bytes(504) + b"".join(name.encode("utf-16-le") for name in names)


def encrypted(data: bytes) -> bytes:
    """The same archive, whose entries say that they are encrypted."""
    found = bytearray(data)
    at = -1
    while (at := found.find(b"PK\1\2", at + 1)) >= 0:
        found[at + 8] |= 1
    return bytes(found)


WHOLE = word_file(paragraph("text " * 200))
NESTED = "<w:tbl>" * 100_000
LAUGHS = '<!DOCTYPE d [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><document>&b;</document>'
OUTSIDE = '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><document>&a;</document>'
BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty file"),
    "text": (b"plain text under a wrong name", "damaged Word file"),
    "garbage": (bytes(range(256)) * 40, "damaged Word file"),
    "cut in its head": (WHOLE[:20], "damaged Word file"),
    "cut in the middle": (WHOLE[: len(WHOLE) // 2], "damaged Word file"),
    "cut in its directory": (WHOLE[:-40], "damaged Word file"),
    "cut at its end": (WHOLE[:-1], "damaged Word file"),
    "a password": (ole("EncryptionInfo", "EncryptedPackage"), "encrypted Word file"),
    "an old one": (ole("Root Entry", "WordDocument"), "old Word file (.doc)"),
    "an old spreadsheet": (ole("Workbook"), "damaged Word file"),
    "encrypted entries": (encrypted(WHOLE), "encrypted Word file"),
    "an archive of something else": (zip_of({"a.txt": "x"}), "damaged Word file"),
    "a spreadsheet": (zip_of({"word/document.xml": "<workbook/>"}), "no Word file"),
    "an empty main part": (zip_of({"word/document.xml": ""}), "damaged Word file"),
    "no XML": (zip_of({"word/document.xml": "text"}), "invalid XML"),
    "a cut main part": (zip_of({"word/document.xml": "<document><body>"}), "truncated XML"),
    "relations that are cut": (zip_of({"_rels/.rels": "<a", "word/document.xml": "<document/>"}), "damaged Word file"),
    "entities": (zip_of({"word/document.xml": LAUGHS}), "XML entity that expands"),
    "a file from elsewhere": (zip_of({"word/document.xml": OUTSIDE}), "XML with external entity"),
    "nesting": (word_file(NESTED), "XML nested deeper than 500 tags"),
    "zeros": (zip_of({"word/document.xml": "<document/>", "media/x": bytes(64 << 20)}), "decompression bomb"),
    "an archive that unpacks without a bound": (
        zip_of({"word/document.xml": "<document/>"}, zipfile.ZIP_LZMA),
        "damaged Word file",
    ),
    "a long text": (word_file(paragraph("x" * 3000)), "longer than 2 KiB"),
    "tabs without an end": (word_file("<w:p><w:r>" + "<w:tab/>" * 3000 + "</w:r></w:p>"), "longer than 2 KiB"),
    "cells without an end": (word_file(table(("<w:p/>" * 3000,))), "longer than 2 KiB"),
}


@pytest.mark.parametrize(("data", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_with_a_file_is_said(data: bytes, reason: str) -> None:
    assert reason_of(read_docx, data, max_bytes=2048) == reason


def test_empty_paragraphs_without_an_end_are_no_text() -> None:
    assert record_of(read_docx, word_file("<w:p/>" * 100_000)).text == ""


@pytest.mark.parametrize("text", [" ", " x", "\n", "\t", "　\t\n", " " * 5000 + "x", "\t" * 5000 + "x"])
def test_no_blanks_take_long(text: str) -> None:
    body = paragraph("a") + paragraph(text * (900_000 // len(text))) + paragraph("b")
    start = time.process_time()
    record_of(read_docx, word_file(body))
    assert time.process_time() - start < 5


def test_a_flipped_byte_costs_the_file_at_most() -> None:
    for at in range(0, len(WHOLE), 7):
        data = bytearray(WHOLE)
        data[at] ^= 0x55
        found, reason = read(read_docx, bytes(data))
        assert (reason is None) == (len(found) == 1)


def test_a_directory_that_is_too_long_is_not_held() -> None:
    names = {f"{number:06}{'x' * 60_000}": b"" for number in range(80)}
    assert reason_of(read_docx, word_file(paragraph("a"), **names)) == "damaged Word file"


def test_a_night_reads_good_ones_beside_bad_ones(house: Any) -> None:
    house.write("a.docx", WHOLE)
    house.write("b.docx", ole("EncryptedPackage"))
    house.write("文.DOCX", word_file(paragraph("夜")))
    house.write("d.docx", word_file(""))
    plan = house.night()
    assert list(house.texts(plan)) == ["a.docx", "文.DOCX"]
    assert house.quarantine(plan) == ["b.docx: encrypted Word file", "d.docx: empty text"]
    assert house.scan() is None
