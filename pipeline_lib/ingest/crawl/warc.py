"""WARC 1.1 (ISO 28500), as much of it as a crawl needs: a response a member, each packed for itself.

A member is copied as it is from what was fetched into a landing, and from one landing into the next: a page that did
not change is the same bytes. Bodies stand without their codings; cookies are left out.
"""

import hashlib
import json
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

Headers = Sequence[tuple[str, str]]

LEFT_OUT = {"content-encoding", "content-length", "transfer-encoding", "set-cookie", "set-cookie2", "connection"}
TOLD = "WARC-Nightshift-Told"  # what the crawl knows of the page beside its headers, as JSON
LEVEL = 6
_PIECE = 1 << 20
_CRLF = b"\r\n"


class Page(NamedTuple):
    """One response of a WARC file."""

    url: str
    fetched: datetime
    told: Mapping[str, str]
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """The first header of this name; "" where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def packed(page: Page) -> bytes:
    """A page as a member of a WARC file."""
    shown = "".join(f"{name}: {value}\r\n" for name, value in page.headers if name.lower() not in LEFT_OUT)
    http = f"HTTP/1.1 200 OK\r\n{shown}Content-Length: {len(page.body)}\r\n\r\n".encode("utf-8", "replace")
    digest = hashlib.sha256(page.body).hexdigest()
    fetched = page.fetched.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = {
        "WARC-Type": "response",
        "WARC-Target-URI": page.url,
        "WARC-Date": fetched,
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{page.url} {fetched} {digest}')}>",
        "WARC-Payload-Digest": f"sha256:{digest}",
        TOLD: json.dumps(page.told, sort_keys=True),
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(http) + len(page.body)),
    }
    head = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return stream.compress(head.encode() + http + page.body + 2 * _CRLF) + stream.flush()


def members(raw: BinaryIO) -> Iterator[tuple[bytes, Page]]:
    """Each member of a WARC file of ours, as it is and as a page. Raises `ValueError` for what is none."""
    held = bytearray()
    while True:
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        out, taken = bytearray(), 0
        while not stream.eof:
            piece = bytes(held[taken : taken + _PIECE]) or raw.read(_PIECE)
            if not piece:
                if taken:
                    raise ValueError("a WARC file that is cut")
                return
            if taken >= len(held):
                held += piece
            try:
                out += stream.decompress(piece)
            except zlib.error as exc:
                raise ValueError("a WARC file that is damaged") from exc
            taken += len(piece)
        taken -= len(stream.unused_data)
        yield bytes(held[:taken]), parsed(bytes(out))
        del held[:taken]


def parsed(record: bytes) -> Page:
    """The page of an unpacked member."""
    head, _, block = record.partition(2 * _CRLF)
    fields = dict(_fields(head))
    http, _, body = block[: int(fields["Content-Length"])].partition(2 * _CRLF)
    return Page(
        fields["WARC-Target-URI"],
        datetime.fromisoformat(fields["WARC-Date"]),
        json.loads(fields[TOLD]),
        tuple(_fields(http)),
        body,
    )


def unpacked_member(member: bytes) -> Page:
    """The page of a member."""
    return parsed(zlib.decompress(member, 16 + zlib.MAX_WBITS))


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.split(_CRLF)[1:]:
        name, _, value = line.decode("utf-8", "replace").partition(": ")
        yield name, value
