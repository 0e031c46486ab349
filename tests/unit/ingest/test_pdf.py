"""PDFs as texts: what is in them, what is wrong with them, and what those do that are made to break their reader."""

import gzip
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.ingest import pdf_process
from pipeline_lib.ingest.pdf import read_pdf
from pipeline_lib.ingest.records import Record
from tests.gone import is_gone
from tests.made_files import (
    HELVETICA,
    cid_pdf_of,
    han_pdf_of,
    pdf_of,
    pdf_of_objects,
    pdf_stream,
    read,
    reason_of,
    record_of,
)

PAGES = [["The first page", "of two"], ["The second"]]
HAN = [["夜里的文字。", "第二行：𠮷"], ["第三页 and English"]]
CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"


@pytest.fixture(autouse=True, scope="module")
def _ends() -> Any:
    yield
    pdf_process.stop()


def test_the_text_layer_of_all_pages_is_one_text() -> None:
    assert record_of(read_pdf, pdf_of(PAGES)) == Record(None, None, "text", "The first page\nof two\n\nThe second")


def test_chinese_comes_out_as_its_font_maps_it() -> None:
    assert record_of(read_pdf, han_pdf_of(HAN)).text == "夜里的文字。\n第二行：𠮷\n\n第三页 and English"


NAMED_FONTS = [
    ("UniGB-UCS2-H", "GB1", "utf-16-be", "夜里的文字，第二行。"),
    ("GBK-EUC-H", "GB1", "gbk", "夜里的文字，第二行。"),
    ("GB-EUC-H", "GB1", "gb2312", "夜里的文字，第二行。"),
    ("GBK2K-H", "GB1", "gb18030", "夜里的文字，第二行。"),
    ("UniCNS-UCS2-H", "CNS1", "utf-16-be", "夜裡的文字，第二行。"),
    ("ETen-B5-H", "CNS1", "big5", "夜裡的文字，第二行。"),
    ("90ms-RKSJ-H", "Japan1", "cp932", "夜の文字。"),
    ("KSCms-UHC-H", "Korea1", "cp949", "밤의 글자"),
]


@pytest.mark.parametrize(("encoding", "ordering", "codec", "text"), NAMED_FONTS)
def test_codes_of_a_font_that_is_only_named_are_characters(encoding: str, ordering: str, codec: str, text: str) -> None:
    assert record_of(read_pdf, cid_pdf_of(text, encoding, ordering, codec)).text == text


def test_vertical_lines_in_a_font_that_is_only_named_are_told_as_lost() -> None:
    assert (
        reason_of(read_pdf, cid_pdf_of("夜里的文字", "UniGB-UCS2-V", "GB1", "utf-16-be"))
        == "text layer without Unicode"
    )


def test_title_author_and_date_are_those_that_it_tells() -> None:
    told = (
        b"/Title<%b>/Author(A. Writer)/CreationDate(D:20240509101112+08'00')"
        % "\ufeff标题".encode("utf-16-be").hex().encode()
    )
    found = record_of(read_pdf, pdf_of(PAGES, told))
    assert (found.title, found.metadata) == ("标题", {"author": "A. Writer", "date": "2024-05-09T10:11:12+08:00"})


def test_a_compressed_one_reads_alike() -> None:
    assert record_of(read_pdf, gzip.compress(pdf_of(PAGES)), compression=".gz") == record_of(read_pdf, pdf_of(PAGES))


WHOLE = pdf_of(PAGES)
BROKEN = {
    "nothing": (b"", "empty file"),
    "no PDF": (b"plain text under a wrong name", "truncated PDF"),
    "garbage": (bytes(range(256)) * 40 + b"%%EOF", "damaged PDF"),
    "a head alone": (b"%PDF-1.7\n%%EOF", "damaged PDF"),
    "cut in its head": (WHOLE[:5], "truncated PDF"),
    "cut in an object": (WHOLE[: len(WHOLE) // 2], "truncated PDF"),
    "cut before its end": (WHOLE[:-7], "truncated PDF"),
    "no pages": (pdf_of_objects([CATALOG, b"<</Type/Pages/Count 0/Kids[]>>"]), "damaged PDF"),
    "pages that are not there": (
        pdf_of_objects([CATALOG, b"<</Type/Pages/Count 3/Kids[7 0 R 8 0 R]>>"]),
        "damaged PDF",
    ),
    "a lie on its pages": (pdf_of_objects([CATALOG, b"<</Type/Pages/Count 2000000000/Kids[]>>"]), "damaged PDF"),
    "a password": (pdf_of_objects([CATALOG], b"/Encrypt<</Filter/Standard/V 9/R 9>>"), "encrypted PDF"),
    "an unknown lock": (pdf_of_objects([CATALOG], b"/Encrypt<</Filter/Other/V 4>>"), "encrypted PDF"),
    "blank pages": (pdf_of([[], []]), "no text layer"),
    "blanks": (pdf_of([["  "]]), "no text layer"),
    "nested brackets": (pdf_of_objects([b"[" * 100_000 + b"]" * 100_000]), "damaged PDF"),
    "codes without characters": (han_pdf_of([["\x01\x03\x04\x05"]]), "text layer without Unicode"),
}


@pytest.mark.parametrize(("data", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_text_has_a_reason_of_its_own(data: bytes, reason: str) -> None:
    assert reason_of(read_pdf, data) == reason


def test_a_long_one_is_not_held() -> None:
    assert reason_of(read_pdf, pdf_of([["x" * 80] * 50] * 40), max_bytes=4096) == "longer than 4 KiB"


def test_too_many_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_process, "MAX_PAGES", 1)
    assert reason_of(read_pdf, pdf_of(PAGES)) == "more than 1 pages"


def test_a_page_that_is_lost_is_told() -> None:
    lost = pdf_of([["one"], ["two"]]).replace(b"/Kids[6 0 R 8 0 R]", b"/Kids[6 0 R 99 0 R]")
    found, reason = read(read_pdf, lost)
    assert reason is None
    assert isinstance(found[0], Record)
    assert found[0].metadata == {"lost_pages": "1"}


def page(content: bytes, *more: bytes, times: int = 1) -> bytes:
    resources = b"/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>"
    one = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]%b/Contents 4 0 R>>" % resources
    pages = b"<</Type/Pages/Count %d/Kids[%b]>>" % (times, b"3 0 R " * times)
    return pdf_of_objects([CATALOG, pages, one, content, HELVETICA, *more])


def blanks(num_mib: int) -> bytes:
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(num_mib)) + packer.flush()
    return b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(data), data)


def form(number: int, content: bytes = b"/X Do /X Do") -> bytes:
    head = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>/Length %d>>"
    return head % (number, len(content)) + b"stream\n" + content + b"\nendstream"


HOSTILE = {
    "a form that draws itself twice": lambda: page(pdf_stream(b"/X Do"), form(6)),
    "forms that draw the next one twice": lambda: page(
        pdf_stream(b"/X Do"), *(form(7 + number) for number in range(60)), form(66, b"           ")
    ),
    "more to draw than there is time": lambda: page(
        pdf_stream(b"BT /F 12 Tf " + b"1 0 0 1 50 700 Tm (Hello World) Tj " * 200_000 + b"ET"), times=200
    ),
}


@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE)
def test_what_is_made_to_break_its_reader_costs_itself(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_process, "CPU_SECONDS", 2)
    assert read(read_pdf, made())[1] in (None, "PDF crashes its reader", "PDF takes too long")
    assert record_of(read_pdf, pdf_of(PAGES)).text.startswith("The first page")


def test_time_is_that_of_the_processor_and_decides_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_process, "CPU_SECONDS", 1)
    slow = HOSTILE["more to draw than there is time"]()
    assert {reason_of(read_pdf, slow) for _ in range(2)} == {"PDF takes too long"}


def test_memory_is_bounded_in_the_process_that_reads() -> None:
    assert reason_of(read_pdf, page(blanks(400))) == "PDF crashes its reader"


def test_the_process_gets_no_environment_and_ends_with_the_one_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import os, sys; from tests.made_files import *; from pipeline_lib.ingest.pdf import read_pdf; "
        "from pipeline_lib.ingest import pdf_process; record_of(read_pdf, pdf_of([['a']])); "
        "pid = pdf_process._running[0].child.pid; "
        "print(pid, len(open(f'/proc/{pid}/environ').read()), flush=True); os.kill(os.getpid(), 9)"
    )
    if sys.platform != "linux":
        pytest.skip("asks /proc")
    environment = {**os.environ, "NIGHTSHIFT_SCRUB_KEY": "ab" * 32, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    process_id, num_chars = map(int, done.stdout.split())
    assert num_chars == 0
    assert is_gone(process_id)


def test_one_process_serves_many_and_another_follows_where_it_was_killed() -> None:
    record_of(read_pdf, pdf_of(PAGES))
    first = pdf_process._running[0].child.pid
    record_of(read_pdf, pdf_of(PAGES))
    assert pdf_process._running[0].child.pid == first
    os.kill(first, signal.SIGKILL)
    assert record_of(read_pdf, pdf_of(PAGES)).text.startswith("The first page")
    assert pdf_process._running[0].child.pid != first


def test_where_no_process_can_start_the_night_stops_and_the_file_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    pdf_process.stop()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UpstreamError, match="did not start"):
        read(read_pdf, pdf_of(PAGES))
    monkeypatch.undo()
    assert record_of(read_pdf, pdf_of(PAGES)).text.startswith("The first page")


def test_on_a_machine_that_stands_still_no_file_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    pdf_process.stop()
    monkeypatch.setattr(pdf_process, "WALL_SECONDS", 0.5)
    with pytest.raises(UpstreamError, match="was killed, or did not start"):
        read(read_pdf, HOSTILE["more to draw than there is time"]())
    pdf_process.stop()


def test_a_night_reads_good_ones_beside_bad_ones(house: Any) -> None:
    house.write("a.pdf", pdf_of(PAGES))
    house.write("b.pdf", b"nothing of the kind")
    house.write("c.PDF.gz", gzip.compress(han_pdf_of(HAN)))
    house.write("d.txt", "text")
    plan = house.night()
    assert list(house.texts(plan)) == ["a.pdf", "c.PDF.gz", "d.txt"]
    assert house.quarantine(plan) == ["b.pdf: truncated PDF"]
    assert house.scan() is None
