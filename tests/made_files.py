"""Documents made byte by byte, and what a reader makes of bytes."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_lib.ingest.readers import Reader
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import Stream

Found = list[Record | Bad]


def read(reader: Reader, data: bytes, compression: str = "", max_bytes: int = 1 << 20) -> tuple[Found, str | None]:
    """The records of a file, and why it could not be read on, if it could not."""
    found: Found = []
    options = ReadOptions(max_document_bytes=max_bytes, max_expansion=200)
    try:
        for record in reader(Stream(io.BytesIO(data), compression, len(data), 200), options):
            found.append(record)
    except Unreadable as exc:
        return found, str(exc)
    return found, None


def record_of(reader: Reader, data: bytes, **given: Any) -> Record:
    """The only record of a file without a fault."""
    found, reason = read(reader, data, **given)
    assert reason is None
    (record,) = found
    assert isinstance(record, Record)
    return record


def reason_of(reader: Reader, data: bytes, **given: Any) -> str:
    """Why a file gives nothing at all."""
    found, reason = read(reader, data, **given)
    assert found == []
    assert reason is not None
    return reason


def zip_of(entries: Mapping[str, str | bytes], compress_type: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress_type) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def pdf_of_objects(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalog."""
    out, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer\n<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, len(out))
    return out + head + table + end


def pdf_stream(data: bytes, times: int = 1) -> bytes:
    """A stream, deflated so many times."""
    for _ in range(times):
        data = zlib.compress(data, 9)
    names = b"/FlateDecode" * times
    return b"<</Length %d/Filter[%b]>>stream\n%b\nendstream" % (len(data), names, data)


HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def pdf_of(pages: Sequence[Sequence[str]], told: bytes = b"") -> bytes:
    """A PDF with these lines of ASCII on its pages; `told`: its information."""
    contents = [_shown(f"({line}) Tj" for line in lines) for lines in pages]
    return _pdf(contents, HELVETICA, told)


def han_pdf_of(pages: Sequence[Sequence[str]], *, has_map: bool = True) -> bytes:
    """The same of any text: a font of two-byte codes, the characters' own, and a map (ToUnicode) that says so."""
    contents = [_shown(f"<{line.encode('utf-16-be').hex()}> Tj" for line in lines) for lines in pages]
    ranges = b"1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfrange <0000> <FFFF> <0000> endbfrange"
    head = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /M def /CMapType 2 def "
    to_unicode = pdf_stream(head + ranges + b" endcmap end end")
    font = (
        b"<</Type/Font/Subtype/Type0/BaseFont/Song/Encoding/Identity-H%b/DescendantFonts[<</Type/Font/Subtype"
        b"/CIDFontType2/BaseFont/Song/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 1000"
        b"/FontDescriptor<</Type/FontDescriptor/FontName/Song/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800"
        b"/Descent -200/CapHeight 700/StemV 80>>>>]>>" % (b"/ToUnicode 5 0 R" if has_map else b"")
    )
    return _pdf(contents, font, b"", to_unicode)


def cid_pdf_of(text: str, encoding: str, ordering: str, codec: str) -> bytes:
    """A PDF in a font that it names and does not hold, in codes of a charset (ISO 32000-1, table 118)."""
    font = (
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/{}/DescendantFonts[<</Type/Font/Subtype/CIDFontType0"
        "/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering({})/Supplement 2>>/DW 1000/FontDescriptor<<"
        "/Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800"
        "/Descent -200/CapHeight 700/StemV 80>>>>]>>"
    )
    content = _shown([f"<{text.encode(codec).hex()}> Tj"])
    return _pdf([content], font.format(encoding, ordering).encode(), b"")


def _shown(lines: Any) -> bytes:
    return b"BT /F 12 Tf 14 TL 50 750 Td " + b" T* ".join(line.encode() for line in lines) + b" ET"


def _pdf(contents: Sequence[bytes], font: bytes, told: bytes, fifth: bytes = b"null") -> bytes:
    """Objects: catalog, pages, font, information, a fifth, then a page and its content in turn."""
    kids = b" ".join(b"%d 0 R" % (6 + 2 * number) for number in range(len(contents)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(contents), kids),
        font,
        b"<<%b>>" % told,
        fifth,
    ]
    for number, content in enumerate(contents):
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
        objects += [page % (7 + 2 * number), pdf_stream(content)]
    return pdf_of_objects(objects, b"/Info 4 0 R")
