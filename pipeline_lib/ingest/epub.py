"""The reader of EPUB (EPUB 3.3, and 2): a record for each chapter, in the order of the spine, named by its path.

    META-INF/container.xml -> the package file (OPF): title, author, language, date, rights; manifest; spine -> XHTML

Chapters are pages: clean takes the text out of them. The archive is read by `zipfile` and our own reader of XML:
EbookLib would be under the AGPL, and holds the whole book. Names of entries never touch the disk. A book whose chapters
are encrypted (DRM) is lost as a whole; obfuscated fonts are no encryption.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from pipeline_lib.ingest.charset import decode_html
from pipeline_lib.ingest.dates import iso_date
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable, metadata_of
from pipeline_lib.ingest.streams import Stream, too_long, whole
from pipeline_lib.ingest.xml_events import START
from pipeline_lib.ingest.xml_picked import Picked
from pipeline_lib.ingest.zip_parts import MAX_TOLD_BYTES, Zipped

WHAT = "EPUB"
CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document")
NO_PAGE = "chapter that is no XHTML"  # a picture, mostly: nothing is lost
TOLD = {
    ("metadata", "title"): "title",
    ("metadata", "creator"): "author",
    ("metadata", "language"): "language",
    ("metadata", "date"): "date",
    ("metadata", "rights"): "licence",
    ("dc-metadata", "Title"): "title",
    ("dc-metadata", "Creator"): "author",
}


@dataclass
class _Package:
    """What the package file says."""

    told: Picked = field(default_factory=lambda: Picked(TOLD))
    items: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> path, media type
    spine: list[str] = field(default_factory=list)  # ids, each once


def read_epub(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each chapter, numbered from 1."""
    file = Zipped(stream, stream.seekable(), WHAT)
    package = _package(file)
    encrypted = _encrypted(file)
    if any(package.items.get(item, ("", ""))[0] in encrypted for item in package.spine):
        raise file.fault("encrypted")
    for number, item in enumerate(package.spine, start=1):
        yield _chapter(number, *package.items.get(item, ("", "")), file, package.told, options)


def _chapter(number: int, path: str, media_type: str, file: Zipped, told: Picked, options: ReadOptions) -> Record | Bad:
    if path not in file:
        return Bad(number, "chapter that is not there")
    if media_type not in PAGES:
        return Bad(number, NO_PAGE, 0)
    if file.size(path) > options.max_document_bytes:
        return Bad(number, too_long(options.max_document_bytes))
    try:
        text = decode_html(whole(file.chunks(path), options.max_document_bytes)).text
    except Unreadable as exc:
        return Bad(number, "damaged chapter" if "damaged" in str(exc) else str(exc))
    metadata = metadata_of(
        author=told.all("author"), date=iso_date(told.first("date")), language=told.first("language")
    )
    title, licence = told.first("title"), told.first("licence")
    return Record(part_of(path, text), number, "html", text, title=title, licence=licence, metadata=metadata)


def _package(file: Zipped) -> _Package:
    """The package that the container names first. Raises `Unreadable` where there is none, or no spine in it."""
    if CONTAINER not in file:
        raise Unreadable("EPUB without container.xml", num_rows=1)
    try:
        roots = (
            marks.get("full-path", "") for _, name, marks in file.xml(CONTAINER, MAX_TOLD_BYTES) if name == "rootfile"
        )
        place = next(filter(None, roots), "")
        if place not in file:
            raise Unreadable("EPUB without a package file")
        package = _read_package(file, place)
    except Unreadable as exc:
        raise Unreadable(str(exc), num_rows=1) from exc
    if not package.spine:
        raise Unreadable("EPUB without a spine", num_rows=1)
    return package


def _read_package(file: Zipped, place: str) -> _Package:
    package, spine = _Package(), dict[str, None]()
    for event in file.xml(place, MAX_TOLD_BYTES):
        kind, name, marks = event
        package.told.add(event)
        if kind == START and name == "item":
            path = _path(posixpath.dirname(place), marks.get("href", ""))
            package.items[marks.get("id", "")] = path, marks.get("media-type", "")
        elif kind == START and name == "itemref":
            spine[marks.get("idref", "")] = None
    package.spine = list(spine)
    return package


def _path(folder: str, href: str) -> str:
    """The name of an entry that an address within the package means."""
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _encrypted(file: Zipped) -> set[str]:
    """The entries that are encrypted (OCF 4.2.6.3.2)."""
    if ENCRYPTION not in file:
        return set()
    try:
        uris = [
            marks.get("URI", "") for _, name, marks in file.xml(ENCRYPTION, MAX_TOLD_BYTES) if name == "CipherReference"
        ]
    except Unreadable as exc:
        raise file.fault("encrypted") from exc
    return {_path("", uri) for uri in uris}
