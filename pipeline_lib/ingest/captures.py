"""What a crawler stored, one record after the other: WARC (ISO 28500; WET is the same), and ARC before it.

Read along, without going back. A length that is wrong is noticed behind its record, where the next one must begin: it
costs its record, and reading goes on where a record begins.
"""

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

from pipeline_lib.ingest.http_message import Headers, read_headers
from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.streams import CHUNK_BYTES

MAX_LINE_BYTES = 1 << 16
BEGIN = re.compile(rb"WARC/\d\.\d+\r?\n")
ARC_BEGIN, ARC_FIELDS = b"filedesc:", (4, 9)  # after the address, in its two versions
DATE, LENGTH = re.compile(r"\d{12,14}", re.ASCII), re.compile(r"\d{1,18}", re.ASCII)
TRUNCATED, LOST = "truncated record", "no record up to the end of the file"


class Capture(NamedTuple):
    """A record. What it holds is read before the next one is asked for, or not at all."""

    kind: str  # "response", "resource", "conversion", "request", ...; "" for what is no record
    url: str
    fetched: datetime | None
    headers: Headers
    block: "Block"


class Block:
    """The bytes of a record that have not been read yet."""

    def __init__(self, raw: BinaryIO, num_bytes: int) -> None:
        self._raw, self._left = raw, num_bytes

    def chunks(self) -> Iterator[bytes]:
        """What is left. Raises `Unreadable` where the file ends before."""
        while self._left:
            piece = self._raw.read(min(self._left, CHUNK_BYTES))
            if not piece:
                raise Unreadable(TRUNCATED)
            self._left -= len(piece)
            yield piece

    def is_followed(self) -> bool:
        """Pass over the rest; whether a record can end there: a blank line follows, or the end of the file."""
        for _ in self.chunks():
            pass
        return not self._raw.readline(MAX_LINE_BYTES).strip(b"\r\n")


DAMAGED = Capture("", "", None, {}, Block(io.BytesIO(), 0))


def captures_of(raw: BinaryIO) -> Iterator[Capture]:
    """The records in their order, and `DAMAGED` for what is none. Raises `Unreadable` where the file was cut."""
    is_lost = is_arc = False
    while line := raw.readline(MAX_LINE_BYTES):
        if not line.strip(b"\r\n"):
            continue
        is_arc = is_arc or line.startswith(ARC_BEGIN)
        found = _of_warc(raw) if BEGIN.fullmatch(line) else _of_arc(line, raw) if is_arc else None
        if found is not None:
            yield found
        elif not is_lost:
            yield DAMAGED
        is_lost = found is None
    if is_lost:
        raise Unreadable(LOST)


def _of_warc(raw: BinaryIO) -> Capture | None:
    """The record whose first line was read; None where its headers do not say where it ends."""
    try:
        headers = read_headers(raw)
    except Unreadable:  # it comes again where the file itself cannot be read on
        return None
    length = headers.get("content-length", "")
    if not LENGTH.fullmatch(length):
        return None
    fetched = None
    with suppress(ValueError):
        fetched = datetime.fromisoformat(headers.get("warc-date", ""))
    return Capture(
        headers.get("warc-type", "").lower(),
        headers.get("warc-target-uri", "").removeprefix("<").removesuffix(">"),
        fetched if fetched is None or fetched.tzinfo else fetched.replace(tzinfo=UTC),
        headers,
        Block(raw, int(length)),
    )


def _of_arc(line: bytes, raw: BinaryIO) -> Capture | None:
    """The record that a line begins; None where it begins none.

    "url ip date type length" in the first version, with a status, a checksum and more before the length in the second;
    an address may have blanks in it.
    """
    fields = line.decode("utf-8", "replace").rstrip("\r\n").split(" ")
    after = next((count for count in ARC_FIELDS if len(fields) > count and DATE.fullmatch(fields[1 - count])), None)
    if after is None or not LENGTH.fullmatch(fields[-1]):
        return None
    url, date, mime = " ".join(fields[:-after]), fields[1 - after], fields[2 - after]
    fetched = None
    with suppress(ValueError):
        fetched = datetime.strptime(date.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    is_http = url.lower().startswith(("http:", "https:"))
    kind = "response" if is_http else "warcinfo" if url.startswith("filedesc:") else "resource"
    headers = {"content-type": "application/http" if is_http else mime}
    return Capture(kind, url, fetched, headers, Block(raw, int(fields[-1])))
