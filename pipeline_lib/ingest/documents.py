"""From the bytes of one file to documents with identity.

The file is digested and read through the same open file, and its times are compared at the end: what comes out belongs
to the digest in the plan, or nothing does.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.ingest.digests import digest_of_stream, stamp_of
from pipeline_lib.ingest.plan import UNREADABLE, FilePlan
from pipeline_lib.ingest.readers import reader_of
from pipeline_lib.ingest.records import Bad, Format, ReadOptions, Record, is_unicode
from pipeline_lib.ingest.settings import FilesSource, InstalledDocsSource
from pipeline_lib.ingest.streams import Stream, Unreadable, too_long


@dataclass(frozen=True)
class Document:
    """One text with its identity; `place` is "file" or "file:line"."""

    document_id: str
    url: str
    place: str
    format: Format
    text: str


def read_file(
    file: FilePlan, source: FilesSource | InstalledDocsSource, options: ReadOptions
) -> Iterator[Document | Bad]:
    """The documents of a file in its order, and what could not become one.

    Raises `UpstreamError` when the file is not, or does not stay, the one that was planned.
    """
    if file.digest == UNREADABLE:
        yield Bad(None, "cannot be opened")
        return
    seen: dict[str, int] = {}
    for record in _records(file, source.kind, options):
        reason = None if isinstance(record, Bad) else _fault(record.text, options)
        if isinstance(record, Bad):
            yield record
        elif reason is not None:
            yield Bad(record.line, reason)
        else:
            yield _document(source.name, file.path, record, seen)


def place_of(path: str, line: int | None) -> str:
    """The place of a record as people read it: "shard_05.jsonl:100"."""
    return path if line is None else f"{path}:{line}"


def _records(file: FilePlan, kind: str, options: ReadOptions) -> Iterator[Record | Bad]:
    found = reader_of(kind, file.path)
    assert found is not None, "only files with a reader are listed"
    reader, compression = found
    try:
        with Path(file.location).open("rb") as raw:
            stamp = stamp_of(os.fstat(raw.fileno()))
            if digest_of_stream(raw) != file.digest:
                raise _changed(file)
            try:
                yield from reader(Stream(raw, compression, file.bytes, options.max_expansion), options)
            except Unreadable as exc:
                yield Bad(None, str(exc))
            if stamp_of(os.fstat(raw.fileno())) != stamp:
                raise _changed(file)
    except OSError as exc:
        raise _changed(file) from exc


def _changed(file: FilePlan) -> UpstreamError:
    return UpstreamError(f"{file.path}: changed while being read. Run again: the new content is then taken.")


def _fault(text: str, options: ReadOptions) -> str | None:
    """Why a text cannot be a document, or None."""
    if not text or text.isspace():
        return "empty text"
    if not is_unicode(text):
        return "not valid Unicode"
    if "\0" in text:
        return "contains NUL"
    if len(text.encode()) > options.max_document_bytes:
        return too_long(options.max_document_bytes)
    return None


def _document(source_name: str, path: str, record: Record, seen: dict[str, int]) -> Document:
    url = path.replace("#", "%23")
    if record.part is not None:
        url = _unused(f"{url}#{record.part}", seen)
    document_id = xxhash.xxh3_128_hexdigest("\0".join((source_name, url, record.text)).encode())
    return Document(document_id, url, place_of(path, record.line), record.format, record.text)


def _unused(url: str, seen: dict[str, int]) -> str:
    """The url itself at first, then with "-2", "-3", ..., which may be taken in their turn."""
    seen[url] = seen.get(url, 0) + 1
    return url if seen[url] == 1 else _unused(f"{url}-{seen[url]}", seen)
