"""The readers of JSON: lines of objects, an array of them, or one."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, compress, islice
from typing import Any

import orjson

from pipeline_lib.ingest.charset import decode_part
from pipeline_lib.ingest.fields import NOT_THERE, no_text, record_of, text_fields, told_too
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import EMPTY_TEXT, Bad, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import Stream, lines, to_utf8, too_long, whole

SIGNS = re.compile(rb'["\\{}\[\],]')  # of JSON, that decide where an element ends
BLANKS, NO_BLANK, LINE_END = b" \t\r\n", re.compile(rb"[^ \t\r\n]"), re.compile(rb"[\r\n]")


def read_jsonl(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each line that is an object with text in it. Blank lines are passed over."""
    numbered = lines(to_utf8(stream.chunks(), options.encoding), options.max_document_bytes)
    if stream.lines is not None:
        numbered = compress(numbered, islice(stream.lines.marks, 1, None))
    return _records(numbered, options)


def read_json(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The objects of an array, numbered from 1; or lines of objects; or the file as one object."""
    chunks = to_utf8(stream.chunks(), options.encoding)
    first, begin = bytearray(), None  # up to the end of the first line that is not blank, or to a bracket
    for chunk in chunks:
        seen = len(first)
        first += chunk
        if begin is None and (sign := NO_BLANK.search(first, seen)):
            begin = sign.start()
        is_line = begin is not None and LINE_END.search(first, max(seen, begin))
        if is_line or first[begin or 0 : (begin or 0) + 1] == b"[" or len(first) > options.max_document_bytes:
            break
    begun, every = bytes(first).lstrip(BLANKS), chain([bytes(first)], chunks)
    if begun.startswith(b"["):
        return _records(elements(every, options.max_document_bytes), options)
    if _is_object(LINE_END.split(begun, maxsplit=1)[0]):
        return _records(lines(every, options.max_document_bytes), options)
    return _records(iter([(1, whole(every, options.max_document_bytes))]), options)


def elements(chunks: Iterator[bytes], max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Number (from 1) and bytes of each element of a JSON array; None for one longer than `max_bytes`.

    Only brackets, commas and the ends of strings are looked at. Raises `Unreadable` where the array does not end.
    """
    number, depth, held, is_too_long = 1, 0, bytearray(), False
    is_string = is_escaped = False
    for chunk in chunks:
        start = skipped = 0
        if is_escaped:  # its sign is the first of this chunk
            skipped, is_escaped = 1, False
        for found in SIGNS.finditer(chunk):
            at, sign = found.start(), found[0]
            if at < skipped:
                continue
            if sign == b"\\":
                skipped, is_escaped = at + 2, at + 2 > len(chunk)
            elif sign == b'"':
                is_string = not is_string
            elif is_string:
                continue
            elif sign in b"{[":
                depth += 1
                start = at + 1 if depth == 1 else start
            elif depth == 1:  # of the array itself: its element ends here
                is_too_long = is_too_long or len(held) + at - start > max_bytes
                element = bytes(held) + chunk[start:at]
                if element.strip(BLANKS) or is_too_long:
                    yield number, None if is_too_long else element
                number, start, is_too_long = number + 1, at + 1, False
                held.clear()
                depth -= sign != b","
            else:
                depth -= sign != b","
        if depth > 0:
            is_too_long = is_too_long or len(held) + len(chunk) - start > max_bytes
            if is_too_long:
                held.clear()
            else:
                held += chunk[start:]
    if depth > 0:
        raise Unreadable("truncated JSON")


def _records(numbered: Iterator[tuple[int, bytes | None]], options: ReadOptions) -> Iterator[Record | Bad]:
    roots = [field.partition(".")[0] for field in text_fields(options)]
    names = [(root, b'"%b"' % root.encode()) for root in roots]  # as they are usually written
    first, is_one = names[0][1], len(names) == 1  # a list a line would cost a twentieth
    for number, line in numbered:
        if line is None:
            yield Bad(number, too_long(options.max_document_bytes))
        elif line.strip():
            is_plain = is_one and line.count(first) < 2
            doubtful = () if is_plain else [root for root, name in names if line.count(name) > 1]
            yield _record(number, line, options, doubtful)


def _record(number: int, line: bytes, options: ReadOptions, doubtful: Sequence[str]) -> Record | Bad:
    """The record of a line, or why there is none. `doubtful`: fields that may be there more than once."""
    metadata, repeated = None, ""
    try:
        try:
            value = _parsed(line, options.id_field)
        except UnicodeError:
            decoded = decode_part(line, options.label_of)
            line, metadata = decoded.text.encode(), decoded.metadata
            value = _parsed(line, options.id_field)
        if doubtful:
            repeated = _repeated(line, doubtful)
    except Unreadable as exc:
        return Bad(number, str(exc))
    except (ValueError, RecursionError):
        return Bad(number, "invalid JSON")
    if not isinstance(value, dict):
        return Bad(number, "not a JSON object")
    if repeated:
        return Bad(number, f"several fields {repeated!r}")
    if options.is_mapped:
        return told_too(record_of(value, number, options), metadata)
    text = value.get(options.text_field, NOT_THERE)
    if text is None:
        return Bad(number, EMPTY_TEXT)
    if not isinstance(text, str):
        return Bad(number, no_text(options))
    record_id = value.get(options.id_field) if options.id_field else None
    record = Record(part_of(record_id, text), number, options.record_format, text)
    return record if metadata is None else record._replace(metadata=metadata)


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


def _repeated(line: bytes, fields: Sequence[str]) -> str:
    """Which of these fields the object has more than once, "" for none: parsers take the last value, or the first."""
    counts: list[Counter[str]] = []  # of each object of the line; the outermost ends last
    json.loads(line.decode(), object_pairs_hook=lambda pairs: counts.append(Counter(name for name, _ in pairs)))
    return next((field for field in fields if counts and counts[-1][field] > 1), "")


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
