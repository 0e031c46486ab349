"""The reader of Word files (.docx, ISO/IEC 29500): the text of paragraphs and table cells in the order of the document.

A line for each paragraph, a row of a table with tabs between its cells. Headings and lists are their text; text boxes
stand where they are anchored. What was deleted or moved away under tracked changes, field codes, phonetic guides, and
notes, headers and footers (other parts of the file) are no text of it. Title, author, date and language are those of
its core properties.

python-docx would hold the whole document as a tree, ten times its XML, and all of its pictures: so the parts are read
as a stream here, in a memory that does not grow with the file. 6 MB/s of its XML.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from pipeline_lib.ingest.dates import iso_date
from pipeline_lib.ingest.pieces import Pieces
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable, metadata_of
from pipeline_lib.ingest.streams import Stream, too_long
from pipeline_lib.ingest.xml_events import END, START, TEXT, Event
from pipeline_lib.ingest.xml_picked import Picked
from pipeline_lib.ingest.zip_parts import Zipped

WHAT = "Word file"
RELATIONS, USUAL_MAIN, USUAL_CORE = "_rels/.rels", "word/document.xml", "docProps/core.xml"
LEFT_OUT_NAMES = """
pPr rPr tblPr trPr tcPr sectPr sdtPr moveFrom del Fallback rt instrText delText
"""
LEFT_OUT = frozenset(LEFT_OUT_NAMES.split())
# Each begins where a run of blanks does, so that a long one is gone over once.
LINE_ENDS = re.compile(r"(?<![^\S\n])[^\S\n]*\n(?:[^\S\n]*\n)*[^\S\n\t]*")
CELL_ENDS = re.compile(r"(?<![^\S\n\t])[^\S\n\t]*\t[^\S\n\t]*")
SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
TOLD = {
    ("coreProperties", "title"): "title",
    ("coreProperties", "creator"): "author",
    ("coreProperties", "created"): "date",
    ("coreProperties", "language"): "language",
}

OLE = bytes.fromhex("D0CF11E0A1B11AE1")  # [MS-CFB]: what Word wrote before 2007, and what encrypts a .docx
OLE_DIRECTORY_BYTES = 16 << 20  # searched for names of streams, which are in UTF-16
ENCRYPTED, OLD = "EncryptedPackage".encode("utf-16-le"), "WordDocument".encode("utf-16-le")


def read_docx(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one plain text."""
    raw = stream.seekable()
    _refuse_ole(raw)
    file = Zipped(stream, raw, WHAT)
    parts = _parts(file)
    try:
        text = _text(file.xml(parts["officeDocument"]), options.max_document_bytes)
    except Unreadable as exc:
        raise Unreadable(str(exc), num_rows=1) from exc
    told = _told(file, parts["core-properties"])
    metadata = metadata_of(
        author=told.all("author"), date=iso_date(told.first("date")), language=told.first("language")
    )
    yield Record(None, None, "text", text, title=told.first("title"), metadata=metadata)


def _refuse_ole(raw: BinaryIO) -> None:
    """Raise `Unreadable` for what is a .docx by its name alone, with what it is."""
    raw.seek(0)
    if raw.read(len(OLE)) == OLE:
        head = raw.read(OLE_DIRECTORY_BYTES)
        raise Unreadable(
            f"encrypted {WHAT}" if ENCRYPTED in head else "old Word file (.doc)" if OLD in head else f"damaged {WHAT}",
            num_rows=1,
        )


def _parts(file: Zipped) -> dict[str, str]:
    """Where the document and its properties lie: by the relations of the package, else where they usually are."""
    found = {"officeDocument": USUAL_MAIN, "core-properties": USUAL_CORE}
    try:
        for _, _, marks in file.xml(RELATIONS) if RELATIONS in file else ():
            kind = marks.get("Type", "").rpartition("/")[2]
            if kind in found:
                found[kind] = marks.get("Target", "").lstrip("/")
    except Unreadable as exc:
        raise file.fault("damaged") from exc
    if found["officeDocument"] not in file:
        raise file.fault("damaged")
    return found


def _told(file: Zipped, part: str) -> Picked:
    """What the core properties say; nothing where they are not there or cannot be read."""
    told = Picked(TOLD)
    try:
        for event in file.xml(part) if part in file else ():
            told.add(event)
    except Unreadable:
        return Picked(TOLD)  # the text is whole without them
    return told


def _text(found: Iterator[Event], max_bytes: int) -> str:
    """The text of the main part. Raises `Unreadable` where it is none, or longer than `max_bytes`."""
    lines = _Lines(max_bytes)
    root = next((name for kind, name, _ in found if kind == START), "")
    if root != "document":
        raise Unreadable(f"no {WHAT}")
    left_out = 0  # open tags in what is left out
    for kind, name, _ in found:
        if left_out:
            left_out += (kind == START) - (kind == END)
        elif kind == START and name in LEFT_OUT:
            left_out = 1
        elif kind == TEXT:
            lines.add_text(name)
        elif kind == START:
            lines.begin(name)
        else:
            lines.end(name)
    return lines.text()


class _Lines:
    """Paragraphs and rows of cells, as lines."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._pieces = max_bytes, Pieces(max_bytes)
        self._num_texts = 0  # open elements whose character data is text
        self._num_cells = 0  # open cells: a paragraph in one ends no line

    def begin(self, name: str) -> None:
        """A tag that opens."""
        if name == "t":
            self._num_texts += 1
        elif name == "tc":
            self._num_cells += 1
        elif name in SIGNS:
            self._add(" " if self._num_cells else SIGNS[name])
        elif name == "p" and self._pieces.last not in ("\n", "\t", " ", ""):
            self._add(" " if self._num_cells else "\n")  # a text box within a paragraph

    def end(self, name: str) -> None:
        """A tag that closes."""
        if name == "t":
            self._num_texts -= 1
        elif name == "tc":
            self._num_cells -= 1
            self._add("\t")
        elif name == "tr" or (name == "p" and not self._num_cells):
            self._add(" " if self._num_cells else "\n")
        elif name == "p":
            self._add(" ")

    def add_text(self, text: str) -> None:
        """Character data; what lies between elements is none of the text."""
        if self._num_texts:
            self._add(text)

    def text(self) -> str:
        """The lines without what is blank at their ends; no blank line."""
        text = LINE_ENDS.sub("\n", self._pieces.text())
        return CELL_ENDS.sub("\t", text).lstrip("\n ").rstrip()

    def _add(self, part: str) -> None:
        if part != "\n" or self._pieces.last not in ("\n", ""):
            self._pieces.add(part)
        if self._pieces.is_too_long:
            raise Unreadable(too_long(self._max_bytes))
