"""The readers of whole-file formats, JSONL and CSV, and the list of all readers of files by suffix.

To read another format: write a generator with the signature of `Reader` and put it into `READERS`.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import compress, islice
from posixpath import splitext
from typing import Any

import orjson

from pipeline_lib.ingest.charset import decode, decode_html, is_unicode
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.parquet import read_parquet
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, SourceFile, Unreadable
from pipeline_lib.ingest.streams import DECOMPRESSORS, Stream, lines, to_utf8, too_long, whole

Reader = Callable[[Stream, ReadOptions], Iterator[Record | Bad]]

TOO_LONG = "\udfff"  # stands for a line that is not held; surrogateescape gives only U+DC80 to U+DCFF


def read_text(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one plain text."""
    yield Record(None, None, "text", decode(whole(stream.chunks(), options.max_document_bytes)))


def read_markdown(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one Markdown text."""
    yield Record(None, None, "markdown", decode(whole(stream.chunks(), options.max_document_bytes)))


def read_html(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one page, tags and all: clean takes the text out."""
    yield Record(None, None, "html", decode_html(whole(stream.chunks(), options.max_document_bytes)))


def read_jsonl(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each line that is an object with text in it. Blank lines are passed over."""
    numbered = lines(to_utf8(stream.chunks()), options.max_document_bytes)
    if stream.lines is not None:
        numbered = compress(numbered, islice(stream.lines.marks, 1, None))
    for number, line in numbered:
        if line is None:
            yield Bad(number, too_long(options.max_document_bytes))
        elif line.strip():
            yield _json_record(number, line, options)


def read_csv(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each row below the header. Quoted fields may hold line ends (RFC 4180)."""
    csv.field_size_limit(options.max_document_bytes)  # bounds what an unclosed quote can swallow
    rows = csv.reader(_csv_lines(stream, options), strict=True)
    header: list[str] | None = None
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as exc:
            is_long = "field limit" in str(exc)
            yield Bad(line, too_long(options.max_document_bytes) if is_long else "invalid CSV")
            continue
        if row is None:
            return
        if header is None:
            header = row
            if options.text_field not in header:
                raise Unreadable(f"no column {options.text_field!r}")
        elif row:
            yield _csv_record(line, header, row, options)


READERS: dict[str, Reader] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def read_with(readers: Mapping[str, Reader], file: SourceFile, options: ReadOptions) -> Iterator[Record | Bad]:
    """The records of a file that `readers` have one for."""
    name, compression = kind_of(file.path)
    return readers[name](Stream(file.raw, compression, file.num_bytes, options.max_expansion, file.lines), options)


def kind_of(path: str) -> tuple[str, str]:
    """What readers are listed by (the suffix, or the whole name where there is none), and the way it is compressed."""
    name, suffix = splitext(path.lower().rpartition("/")[2])  # pathlib would take a second for a large package
    compression = suffix if suffix in DECOMPRESSORS else ""
    if compression:
        name, suffix = splitext(name)
    return suffix or name, compression


def untaken(path: str) -> str:
    """What a file that no reader takes is counted under: ".pdf", ".tar.gz", "no suffix"."""
    name, compression = kind_of(path)
    return f"{name if name.startswith('.') else ''}{compression}" or "no suffix"


def _json_record(number: int, line: bytes, options: ReadOptions) -> Record | Bad:
    try:
        value = _parsed(line, options.id_field)
    except UnicodeError:
        return Bad(number, "not UTF-8")
    except (ValueError, RecursionError):
        return Bad(number, "invalid JSON")
    if not isinstance(value, dict):
        return Bad(number, "not a JSON object")
    text = value.get(options.text_field)
    if not isinstance(text, str):
        return Bad(number, f"no text in field {options.text_field!r}")
    record_id = value.get(options.id_field) if options.id_field else None
    return Record(part_of(record_id, text), number, options.record_format, text)


def _parsed(line: bytes, id_field: str | None) -> Any:
    """What the line says as JSON: `json.loads` of its text, at half the cost. Raises what that raises.

    orjson refuses NaN, lone surrogates and wrong bytes, to all of which `json` has an answer; and it makes floats of
    integers beyond 64 bits, so an id that came as one is read again. A night of edits parses whole files for a few
    records.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line.decode())
    is_doubtful = isinstance(value, dict) and id_field is not None and isinstance(value.get(id_field), float)
    return json.loads(line.decode()) if is_doubtful else value


def _csv_lines(stream: Stream, options: ReadOptions) -> Iterator[str]:
    """The lines as text. Wrong bytes stay in it as surrogates: they cost their row, not the rows around it."""
    for _, line in lines(to_utf8(stream.chunks()), options.max_document_bytes):
        yield TOO_LONG + "\n" if line is None else line.decode("utf-8", "surrogateescape") + "\n"


def _csv_record(line: int, header: list[str], row: list[str], options: ReadOptions) -> Record | Bad:
    content = "".join(row)
    if TOO_LONG in content:
        return Bad(line, too_long(options.max_document_bytes))
    if not is_unicode(content):
        return Bad(line, "not UTF-8")
    if len(row) != len(header):
        return Bad(line, "wrong number of columns")
    fields = dict(zip(header, row, strict=True))
    text = fields[options.text_field]
    record_id = fields.get(options.id_field) if options.id_field else None
    return Record(part_of(record_id, text), line, options.record_format, text)
