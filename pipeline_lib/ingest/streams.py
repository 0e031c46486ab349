"""The bytes of a file in bounded pieces, through .gz and .zst.

    Stream.chunks()  ->  lines(chunks, max_bytes)     or     whole(chunks, max_bytes)

Nothing here holds more than a limit and one piece. A compressed piece is small because its output is not known before:
one KiB of zstd may hold 32 MiB. Decompressors are driven by hand, since the ready-made readers hide what matters: a
truncated .zst reads like a shorter file, a truncated .gz loses what was read before the cut.
"""

import codecs
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline_lib.ingest.records import Lines, Unreadable

CHUNK_BYTES = 1 << 16
ZSTD_PIECE_BYTES = 1 << 10  # a block of 4 bytes may expand to 128 KiB: 32 MiB a piece at worst
FREE_EXPANSION_BYTES = 16 << 20  # small files may expand as they like

BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Stream:
    """An open file and the way it is compressed: "", ".gz" or ".zst"."""

    raw: BinaryIO
    compression: str
    num_bytes: int
    max_expansion: int
    lines: Lines | None = None  # as in SourceFile

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes. Raises `Unreadable` for an empty, damaged or endlessly growing file."""
        most = max(FREE_EXPANSION_BYTES, self.max_expansion * self.num_bytes)
        num_bytes = 0
        for chunk in DECOMPRESSORS[self.compression](self.raw):
            num_bytes += len(chunk)
            if self.compression and num_bytes > most:
                raise Unreadable("decompression bomb")
            yield chunk
        if num_bytes == 0:
            raise Unreadable("empty file")

    def seekable(self) -> BinaryIO:
        """The decompressed bytes as a file to seek in; what was compressed goes through a file without a name."""
        if not self.compression:
            return self.raw
        spooled = tempfile.SpooledTemporaryFile(max_size=FREE_EXPANSION_BYTES)  # noqa: SIM115 - closed when collected
        for chunk in self.chunks():
            spooled.write(chunk)
        spooled.seek(0)
        return spooled  # type: ignore[return-value]  # it has all that is asked of a BinaryIO


def lines(chunks: Iterator[bytes], max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    r"""Number (from 1) and bytes of each line, without its "\n"; None for one longer than `max_bytes`.

    Only "\n" ends a line: `splitlines` would cut JSON strings at U+2028. The rest after the last "\n" is a line, too,
    unless it is empty; after an `Unreadable` it is not given, since it was cut.
    """
    number, start, is_too_long = 1, b"", False
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            is_too_long = is_too_long or len(start) + len(piece) > max_bytes
            yield number, None if is_too_long else start + piece
            number, start, is_too_long = number + 1, b"", False
        is_too_long = is_too_long or len(start) + len(rest) > max_bytes
        start = b"" if is_too_long else start + rest
    if start or is_too_long:
        yield number, None if is_too_long else start


def whole(chunks: Iterator[bytes], max_bytes: int) -> bytes:
    """All bytes. Raises `Unreadable` when they are more than `max_bytes`; the rest is then not read."""
    pieces: list[bytes] = []
    num_bytes = 0
    for chunk in chunks:
        num_bytes += len(chunk)
        if num_bytes > max_bytes:
            raise Unreadable(too_long(max_bytes))
        pieces.append(chunk)
    return b"".join(pieces)


def too_long(max_bytes: int) -> str:
    """The reason for a quarantine row, with the limit as people read it: "longer than 4 MiB"."""
    unit, name = (1 << 20, "MiB") if max_bytes >= 1 << 20 else (1 << 10, "KiB")
    return f"longer than {max_bytes / unit:g} {name}"


def to_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8 without a byte order mark. Text without one is passed on as it is."""
    first = next(chunks, b"")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if first.startswith(mark)), None)
    if encoding in (None, "utf-8-sig"):  # not decoded: a wrong byte shall cost its line, not the file
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(str(encoding))()
    try:
        yield decoder.decode(first).encode()
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        decoder.decode(b"", final=True)
    except UnicodeError as exc:
        raise Unreadable(f"not {str(encoding).upper()}") from exc


def _plain(raw: BinaryIO) -> Iterator[bytes]:
    while chunk := raw.read(CHUNK_BYTES):
        yield chunk


def _gunzip(raw: BinaryIO) -> Iterator[bytes]:
    """All members of a .gz file, one after the other (RFC 1952 allows several; zeros behind the last are padding)."""
    member = zlib.decompressobj(wbits=31)
    for compressed in _plain(raw):
        rest = compressed
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")
                member = zlib.decompressobj(wbits=31) if rest else member
                continue
            try:
                yield member.decompress(rest, CHUNK_BYTES)
            except zlib.error as exc:
                raise Unreadable("damaged gzip") from exc
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof and raw.tell():
        raise Unreadable("truncated gzip")


def _unzstd(raw: BinaryIO) -> Iterator[bytes]:
    """All frames of a .zst file, one after the other (RFC 8878)."""
    import zstandard

    frame = zstandard.ZstdDecompressor().decompressobj()
    while rest := raw.read(ZSTD_PIECE_BYTES):
        while rest:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                yield frame.decompress(rest)
            except zstandard.ZstdError as exc:
                raise Unreadable("damaged zstd") from exc
            rest = frame.unused_data if frame.eof else b""
    if not frame.eof and raw.tell():
        raise Unreadable("truncated zstd")


DECOMPRESSORS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {"": _plain, ".gz": _gunzip, ".zst": _unzstd}
