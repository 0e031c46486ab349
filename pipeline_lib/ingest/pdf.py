"""The reader of PDF (ISO 32000): the text layer of all pages, by PDFium in a process of its own; no OCR.

Title, author and date are those of the file's own information. A file of pictures has no text layer and says so. Some
100 to 400 pages a second.
"""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

from pipeline_lib.ingest.dates import date_of_pdf
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable, metadata_of
from pipeline_lib.ingest.streams import Stream, too_long

END, END_BYTES = b"%%EOF", 1 << 10  # where readers look for it (ISO 32000-1, annex H.3)
NO_UNICODE = "text layer without Unicode"  # of which nobody can tell the characters
MOST_UNMAPPED = 0.5  # of the characters that are no blanks


def read_pdf(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one plain text."""
    from pipeline_lib.ingest.pdf_process import MAX_PAGES, pages_of
    from pipeline_lib.ingest.pdf_text import text_of

    with TemporaryFile() as file:
        _copy(stream, file)
        found = pages_of(file, options.max_document_bytes)
    faults = {
        "encrypted": "encrypted PDF",
        "pages": f"more than {MAX_PAGES} pages",
        "long": too_long(options.max_document_bytes),
    }
    if "pages" not in found:
        raise Unreadable(faults.get(found["fault"], "damaged PDF"), num_rows=1)
    pages = found["pages"]
    text = text_of([page for page in pages if page is not None])
    _raise_for(text, pages, found["num_mute"])
    told, num_lost = found["told"], pages.count(None) + found["num_mute"]
    metadata = metadata_of(
        author=_plain(told["Author"]),
        date=date_of_pdf(told["CreationDate"]),
        lost_pages=str(num_lost) if num_lost else None,
    )
    yield Record(None, None, "text", text, title=_plain(told["Title"]), metadata=metadata)


def _copy(stream: Stream, file: IO[bytes]) -> None:
    """Put the file where another process may seek in it. Raises `Unreadable` where it was cut."""
    try:
        last = b""
        for chunk in stream.chunks():
            file.write(chunk)
            last = (last + chunk)[-END_BYTES:]
    except Unreadable as exc:
        raise Unreadable(str(exc), num_rows=1) from exc
    if END not in last:
        raise Unreadable("truncated PDF", num_rows=1)
    file.flush()


def _raise_for(text: str, pages: list[str | None], num_mute: int) -> None:
    """Raise `Unreadable` where there is no text that anybody could read."""
    if not any(page is not None for page in pages):
        raise Unreadable("damaged PDF", num_rows=1)
    num_signs = len("".join(text.split()))
    if num_signs == 0:
        raise Unreadable(NO_UNICODE if num_mute else "no text layer", num_rows=1)
    if text.count("\ufffd") > MOST_UNMAPPED * num_signs:
        raise Unreadable(NO_UNICODE, num_rows=1)


def _plain(text: str) -> str | None:
    """A line of the file's information as a title or a name; None for a blank one."""
    return " ".join(text.replace("\0", " ").split())[:1_000] or None
