"""From the bytes of one file to documents with identity.

The file is digested and read through the same open file, and its times are compared at the end: what comes out belongs
to the digest in the plan, or nothing does. Of one to which somebody appends, that is what was there when it was looked
at; the next night reads the rest.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline_lib.base.errors import DataError, UpstreamError
from pipeline_lib.ingest.digests import digest_of_stream, stamp_of
from pipeline_lib.ingest.naming import Names, document_id, escape, told_beside
from pipeline_lib.ingest.plan import READ_VERSION, UNREADABLE, FilePlan
from pipeline_lib.ingest.records import (
    EMPTY_TEXT,
    Bad,
    FileSource,
    Format,
    LandingSource,
    Limits,
    Record,
    SourceFile,
    Unreadable,
)
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.ingest.streams import as_it_was, too_long
from pipeline_lib.store.artifact import digest_of
from pipeline_lib.store.forgotten import FORGOTTEN, NOBODY, Refused

PLAIN: Format = "text"
HELD_DOCUMENTS, HELD_BYTES = 1 << 10, 1 << 20  # of a piece of a file
RECORDS = 1  # a raised one reads again what gives records that are more than a text, and no other files


class Document(NamedTuple):
    """One text with its identity; `place` is "file" or "file:line", never a name that the source gives."""

    document_id: str
    url: str
    place: str
    num_bytes: int  # of its text, in UTF-8
    record: Record
    is_repeated: bool  # an earlier record of the file has the name that would be its own


@dataclass(frozen=True)
class Reading:
    """How the files of one source become documents."""

    source: str  # its name
    files: FileSource
    limits: Limits
    digest: str  # of all that decides how the bytes of a file become documents
    refused: Refused = NOBODY  # what this workspace has forgotten of the source


def reading_of(settings: IngestSettings, source: Source, landing: Path | None, refused: Refused = NOBODY) -> Reading:
    """How `source` is read, from the folder of its `landing` where it needs one."""
    limits = Limits(settings.max_document_bytes, settings.max_expansion)
    digest = digest_of({"version": READ_VERSION, "limits": asdict(limits), **_reads_more(source), **source.decisive()})
    if not isinstance(source, LandingSource):
        return Reading(source.name, source, limits, digest, refused)
    if landing is None:
        raise DataError(f"ingest: source {source.name!r} has not landed yet, so it has no files. Please report it.")
    return Reading(source.name, source.landed(landing), limits, digest, refused)


def _reads_more(source: Source) -> dict[str, int]:
    """The version of how records are named and kept that have a url, a title or a format of their own.

    What gives plain texts is read without it, so that it does not become another reading with a new version.
    """
    is_more = isinstance(source, LandingSource) or getattr(source, "record_format", PLAIN) != PLAIN
    return {"records": RECORDS} if is_more else {}


def read_file(reading: Reading, file: FilePlan, place: Path | None) -> Iterator[Document | Bad]:
    """The documents of a file in its order, and what could not become one.

    Raises `UpstreamError` when the file is not, or does not stay, the one that was planned.
    """
    if file.digest == UNREADABLE:
        yield Bad(None, "cannot be opened", None)
        return
    if place is None:
        raise _changed(file)
    names, url = Names(), escape(file.path)
    for record in _records(reading, file, place):
        if file.lines is not None and record.line not in file.lines:
            continue
        item = record if isinstance(record, Bad) else _judged(reading, file.path, url, record, names)
        is_refused = isinstance(item, Document) and reading.refused.has(item.url)
        yield Bad(record.line, FORGOTTEN) if is_refused else item


def read_pieces(reading: Reading, file: FilePlan, place: Path | None) -> Iterator[list[Document | Bad]]:
    """The same, some at a time: what is asked of many documents at once costs little of each."""
    held, num_bytes = list[Document | Bad](), 0
    for item in read_file(reading, file, place):
        held.append(item)
        num_bytes += item.num_bytes if isinstance(item, Document) else 0
        if len(held) == HELD_DOCUMENTS or num_bytes >= HELD_BYTES:
            yield held
            held, num_bytes = [], 0
    if held:
        yield held


def place_of(path: str, line: int | None, within: str = "") -> str:
    """The place of a record as people read it: "shard_05.jsonl:100", "a.zip:7 (docs/b.txt)".

    It stands in messages: no id, no address.
    """
    place = path if line is None else f"{path}:{line}"
    return f"{place} ({within})" if within else place


def _records(reading: Reading, file: FilePlan, place: Path) -> Iterator[Record | Bad]:
    try:
        with place.open("rb") as raw:
            stamp = stamp_of(os.fstat(raw.fileno()))
            if digest_of_stream(raw, file.bytes) != file.digest:
                raise _changed(file)
            planned = SourceFile(file.path, as_it_was(raw, file.bytes), file.bytes, file.lines)
            try:
                yield from reading.files.read(planned, reading.limits)
            except Unreadable as exc:
                yield Bad(None, str(exc), exc.num_rows)
            is_same = stamp_of(os.fstat(raw.fileno())) == stamp
            if not is_same and digest_of_stream(raw, file.bytes) != file.digest:
                raise _changed(file)
    except OSError as exc:
        raise _changed(file) from exc


def _changed(file: FilePlan) -> UpstreamError:
    return UpstreamError(f"{file.path}: changed while being read. Run again: the new content is then taken.")


def _judged(reading: Reading, path: str, file_url: str, record: Record, names: Names) -> Document | Bad:
    """The document that a record of this file is, or why its text cannot be one."""
    text = record.text
    if not text or text.isspace():
        return Bad(record.line, EMPTY_TEXT)
    try:
        encoded = text.encode()
    except UnicodeError:
        return Bad(record.line, "not valid Unicode")
    if "\0" in text:
        return Bad(record.line, "contains NUL")
    if len(encoded) > reading.limits.max_document_bytes:
        return Bad(record.line, too_long(reading.limits.max_document_bytes))
    own = record.url or (file_url if record.part is None else f"{file_url}#{record.part}")
    url = file_url if own is file_url else names.unused(own)
    place = place_of(path, record.line)
    name = document_id(reading.source, url, encoded, told_beside(record))
    return Document(name, url, place, len(encoded), record, url != own)
