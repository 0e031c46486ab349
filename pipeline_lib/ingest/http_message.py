"""A message of HTTP as a crawler stored it: status, headers, and the body as it was meant (RFC 9110, 9112).

Crawlers differ in what they store: the bytes as they came, or the body decoded under the headers that it came with. So
a body that does not begin as its headers say is taken as it is.
"""

import io
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple, cast

from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.streams import CHUNK_BYTES, DECOMPRESSORS, inflate, pulled

MAX_HEAD_BYTES = 1 << 20
MAX_CODINGS = 4
MAX_SIZE_LINE = 1 << 12
HEX = re.compile(rb"[0-9A-Fa-f]{1,16}")
STARTS = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
BROTLI_PIECE_BYTES = 1 << 10

Headers = dict[str, str]  # by their names in small letters; those that are there several times, with ", " between


class Message(NamedTuple):
    """An answer; its body is read once."""

    status: int
    headers: Headers
    body: BinaryIO


def read_message(raw: BinaryIO) -> Message:
    """The message in a file that is read once. Raises `Unreadable` where it does not begin as one."""
    line = raw.readline(MAX_HEAD_BYTES)
    version, _, rest = line.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/") or not status.isdigit():
        raise Unreadable("no HTTP message", num_rows=1)
    return Message(int(status), read_headers(raw), raw)


def read_headers(raw: BinaryIO) -> Headers:
    """The headers up to the blank line, which is read, too, or the end. Raises `Unreadable` where they are too many."""
    found: dict[str, list[str]] = {}  # pieces of each value: a name may come a hundred thousand times
    num_bytes, name = 0, ""
    while line := raw.readline(MAX_HEAD_BYTES):
        num_bytes += len(line)
        if num_bytes >= MAX_HEAD_BYTES:
            raise Unreadable("headers longer than 1 MiB", num_rows=1)
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            break
        if text[0] in " \t" and name:  # goes on (obs-fold)
            found[name].append(f" {text.strip()}")
            continue
        name, _, value = (part.strip() for part in text.partition(":"))
        name = name.lower()
        pieces_so_far = found.setdefault(name, [])
        pieces_so_far.append(f", {value}" if pieces_so_far else value)
    return {name: "".join(values) for name, values in found.items()}


def body_of(message: Message) -> Iterator[bytes]:
    """The body as it was before it was packed for the way. Raises `Unreadable` where it is damaged."""
    codings = [coding for coding in _listed(message.headers, "content-encoding") if coding != "identity"]
    if len(codings) > MAX_CODINGS:
        raise Unreadable(f"more than {MAX_CODINGS} content encodings", num_rows=1)
    chunks = pieces(message.body)
    if "chunked" in _listed(message.headers, "transfer-encoding"):
        chunks = _dechunked(message.body)
    for coding in reversed(codings):
        chunks = _decoded(file_of(chunks), coding)
    return chunks


def pieces(raw: BinaryIO) -> Iterator[bytes]:
    """What is left of a file."""
    while piece := raw.read(CHUNK_BYTES):
        yield piece


def file_of(chunks: Iterator[bytes]) -> BinaryIO:
    """Chunks as a file that is read once, by lines too."""
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, pulled(chunks)), CHUNK_BYTES))


def _listed(headers: Headers, name: str) -> list[str]:
    return [part.strip().lower() for part in headers.get(name, "").split(",") if part.strip()]


def _dechunked(raw: BinaryIO) -> Iterator[bytes]:
    """The body without the sizes between its chunks (RFC 9112, 7.1); as it is where it does not begin with one."""
    first = raw.readline(MAX_SIZE_LINE)
    size = _size(first)
    if size is None:
        yield from chain([first], pieces(raw))
        return
    while size:
        yield from _exactly(raw, size)
        raw.readline(MAX_SIZE_LINE)
        size = _size(raw.readline(MAX_SIZE_LINE))
    if size is None:
        raise Unreadable("damaged chunks", num_rows=1)


def _size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].strip()
    return int(digits, 16) if HEX.fullmatch(digits) else None


def _exactly(raw: BinaryIO, num_bytes: int) -> Iterator[bytes]:
    left = num_bytes
    while left:
        piece = raw.read(min(left, CHUNK_BYTES))
        if not piece:
            raise Unreadable("truncated chunks", num_rows=1)
        left -= len(piece)
        yield piece


def _decoded(raw: BinaryIO, coding: str) -> Iterator[bytes]:
    first = raw.read(4)
    every = pulled(chain([first], pieces(raw)))
    if not first or not first.startswith(STARTS.get(coding, b"")):
        return pieces(every)
    if coding in ("gzip", "x-gzip"):
        return DECOMPRESSORS[".gz"](every)
    if coding == "zstd":
        return DECOMPRESSORS[".zst"](every)
    if coding == "deflate":  # with its frame (RFC 1950), as it should be, or without, as some servers do
        is_framed = first[0] & 0x0F == 8 and int.from_bytes(first[:2], "big") % 31 == 0
        return _unframed(every) if is_framed else inflate(every)
    if coding == "br":
        return _unbrotli(every)
    raise Unreadable("unknown content encoding", num_rows=1)


def _unframed(raw: BinaryIO) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    try:
        for packed in pieces(raw):
            rest = packed
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, CHUNK_BYTES)
                rest = unpacker.unconsumed_tail
    except zlib.error as exc:
        raise Unreadable("damaged deflate") from exc
    if not unpacker.eof:
        raise Unreadable("truncated deflate")


def _unbrotli(raw: BinaryIO) -> Iterator[bytes]:
    try:
        import brotli
    except ImportError as exc:  # what brings it along is not asked for by us
        raise Unreadable("content encoding br, and no package brotli", num_rows=1) from exc
    unpacker = brotli.Decompressor()
    try:
        while packed := raw.read(BROTLI_PIECE_BYTES):
            yield unpacker.process(packed)
    except brotli.error as exc:
        raise Unreadable("damaged brotli") from exc
    if not unpacker.is_finished():
        raise Unreadable("truncated brotli")
