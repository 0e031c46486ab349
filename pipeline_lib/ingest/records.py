"""What readers put out: records, or places that could not become one.

A reader is a generator over one file. It yields `Record` and `Bad`, and raises `Unreadable` when it cannot go on: what
it gave before that is kept, and the file gets one `Bad` of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import xxhash

from pipeline_lib.ingest.settings import FilesSource, IngestSettings, InstalledDocsSource
from pipeline_lib.ingest.streams import Stream

Format = Literal["text", "markdown", "html"]
MAX_ID_CHARS = 200


@dataclass(frozen=True)
class Record:
    """One text of a file. `part` names it within the file (None: it is the file), `line` is where it starts."""

    part: str | None
    line: int | None
    format: Format
    text: str


@dataclass(frozen=True)
class Bad:
    """A line (None: the whole file) that could not become a document, and why; never its text."""

    line: int | None
    reason: str


@dataclass(frozen=True)
class ReadOptions:
    """All settings that decide how the bytes of a file become records."""

    max_document_bytes: int
    max_expansion: int
    text_field: str = "text"
    id_field: str | None = None
    record_format: Format = "text"
    min_docstring_chars: int = 1


Reader = Callable[[Stream, ReadOptions], Iterator[Record | Bad]]


def read_options(settings: IngestSettings, source: FilesSource | InstalledDocsSource) -> ReadOptions:
    """The options for the files of `source`."""
    if isinstance(source, InstalledDocsSource):
        return ReadOptions(
            settings.max_document_bytes, settings.max_expansion, min_docstring_chars=source.min_docstring_chars
        )
    return ReadOptions(
        settings.max_document_bytes,
        settings.max_expansion,
        text_field=source.text_field,
        id_field=source.id_field,
        record_format=source.record_format,
    )


def part_of(record_id: object, text: str) -> str:
    """The name of a record within its file: its id, or 16 characters of the hash of its text.

    An id that is no short printable text or number would make an unreadable url, so the hash is taken for it, too.
    """
    name = str(record_id) if isinstance(record_id, str | int) and not isinstance(record_id, bool) else ""
    if 0 < len(name) <= MAX_ID_CHARS and name.isprintable():
        return name
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))[:16]


def is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates, so that it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeError:
        return False
    return True
