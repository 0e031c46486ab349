"""The reader of what crawlers store (.warc, .wet, .arc): a record for each page or text that was fetched.

    path#url     or path#<16 characters of the hash of its text>, where the url is long

Its address is a part of its name, not its whole name: the same address lies in other files too, with the same text or
another, and no two documents may have one name. Each capture is a document; exact copies leave in dedup. What is no
page (requests, redirects, errors, images) is counted by kind.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from pipeline_lib.ingest.captures import Capture, captures_of
from pipeline_lib.ingest.charset import Decoded, decode, decode_html
from pipeline_lib.ingest.http_message import Message, body_of, file_of, read_message
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import Bad, Format, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import BOMB, Allowance, Stream, whole
from pipeline_lib.ingest.unread import Unread, passed_over

FORMATS: dict[str, Format] = {"text/html": "html", "application/xhtml+xml": "html", "text/plain": "text"}
HTTP = "application/http"
NOTES = "metadata:"  # begins the addresses under which wget keeps its own log
# What a publisher says of the use of a page: AIPREF, the TDM Reservation Protocol, and what search engines obey.
SAID = ("content-usage", "tdm-reservation", "tdm-policy", "x-robots-tag")
MAX_VALUE_CHARS = 500


def read_captures(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each page; records of the file are numbered from 1, and after them what was not read, by kind."""
    unread, allowance, fault, number = Unread(), stream.allowance, None, 0
    numbers = count(1)
    try:
        for number, capture in zip(numbers, captures_of(file_of(stream.chunks())), strict=False):
            item = _read(capture, unread, allowance, options)
            is_whole = capture.kind and capture.block.is_followed()
            if not is_whole:
                yield Bad(number, "damaged record")
            elif item is not None:
                yield item._replace(line=number) if isinstance(item, Record) else replace(item, line=number)
            if allowance.is_spent:
                raise Unreadable(BOMB)
    except Unreadable as exc:
        fault = exc
    for line, row in zip(count(number + 1), unread.rows(), strict=False):
        yield replace(row, line=line)
    if fault is not None:
        raise fault


def _read(capture: Capture, unread: Unread, allowance: Allowance, options: ReadOptions) -> Record | Bad | None:
    """The document that a record is, what is wrong with it, or nothing where it is counted."""
    if not capture.kind:
        return None
    if capture.kind not in ("response", "resource", "conversion") or capture.url.startswith(NOTES):
        if capture.kind != "warcinfo":
            unread.add(passed_over(capture.kind))
        return None
    try:
        message = _message(capture)
        told = message.headers.get("content-type") or capture.headers.get("warc-identified-payload-type", "")
        mime, _, parameters = told.partition(";")
        mime = mime.strip().lower()
        if message.status != 200:
            unread.add(passed_over(f"status {message.status}"))
            return None
        if mime not in FORMATS:
            unread.add(passed_over(mime or "no content type"))
            return None
        page = whole(allowance.counted(body_of(message)), options.max_document_bytes)
        return _record(capture, message, mime, _decoded(page, FORMATS[mime], _charset(parameters)))
    except Unreadable as exc:
        return Bad(None, str(exc))


def _message(capture: Capture) -> Message:
    """What was answered; what a record holds by itself counts as an answer without faults."""
    raw = file_of(capture.block.chunks())
    if _is_http(capture):
        return read_message(raw)
    return Message(200, {"content-type": capture.headers.get("content-type", "")}, raw)


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'")
    return ""


def _decoded(page: bytes, form: Format, label: str) -> Decoded:
    return decode_html(page, label) if form == "html" else decode(page, lambda _: label)


def _record(capture: Capture, message: Message, mime: str, decoded: Decoded) -> Record:
    told = {
        "url": capture.url,
        "mime": mime,
        "status": str(message.status) if _is_http(capture) else "",
        "truncated": capture.headers.get("warc-truncated", ""),
        **{name.replace("-", "_"): message.headers.get(name, "") for name in SAID},
        **(decoded.metadata or {}),
    }
    metadata = {name: value[:MAX_VALUE_CHARS] for name, value in told.items() if value}
    part = part_of(capture.url, decoded.text)
    return Record(part, None, FORMATS[mime], decoded.text, fetched=capture.fetched, metadata=metadata)


def _is_http(capture: Capture) -> bool:
    return capture.headers.get("content-type", "").lower().startswith(HTTP)
