"""The bytes of a file in bounded pieces, through .gz, .zst, .bz2 and .xz.

    Stream.chunks()  ->  lines(chunks, max_bytes)     or     whole(chunks, max_bytes)

Nothing here holds more than a limit and one piece. A compressed piece is small because its output is not known before:
one KiB of zstd may hold 32 MiB. Decompressors are driven by hand, since the ready-made readers hide what matters: a
truncated .zst reads like a shorter file, a truncated .gz loses what was read before the cut.
"""

import bz2
import codecs
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO, cast

from pipeline_lib.ingest.records import EMPTY_FILE, MIB, Lines, Unreadable

CHUNK_BYTES = 1 << 16
ZSTD_PIECE_BYTES = 1 << 10  # a block of 4 bytes may expand to 128 KiB: 32 MiB a piece at worst
ZSTD_DICTIONARY, MAX_DICTIONARY_BYTES = b"\x5d\x2a\x4d\x18", 16 << 20
FREE_EXPANSION_BYTES = 16 << 20  # small files may expand as they like
BOMB = "decompression bomb"
# What a decompressor may hold of what it has given: `zstd --ultra -22` asks for 128 MiB, `xz -9` for 65, and the head
# of a file may ask for terabytes.
WINDOW_BYTES = 128 * MIB

BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Charsets in which an ASCII byte is not that character: such text cannot be cut into lines before it is decoded.
NOT_LIKE_ASCII = {
    "utf-16": "utf-16-le",  # the Encoding Standard: what says no more is little-endian
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32le": "utf-32-le",
    "utf-32be": "utf-32-be",
    "iso-2022-jp": "iso2022_jp",
}


@dataclass
class Allowance:
    """How many bytes may still come out of a file, however deep they are packed in it."""

    left: int

    @property
    def is_spent(self) -> bool:
        """Whether more came out than may."""
        return self.left < 0

    def counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same. Raises `Unreadable` where they are too many."""
        for chunk in chunks:
            self.left -= len(chunk)
            if self.is_spent:
                raise Unreadable(BOMB)
            yield chunk


@dataclass(frozen=True)
class Stream:
    """An open file and the way it is compressed: "", ".gz", ".zst", ".bz2" or ".xz"."""

    raw: BinaryIO
    compression: str
    num_bytes: int
    max_expansion: int
    lines: Lines | None = None  # as in SourceFile
    within: Allowance | None = None  # of the archive that it is in

    @property
    def allowance(self) -> Allowance:
        """What may come out of it."""
        return Allowance(max(FREE_EXPANSION_BYTES, self.max_expansion * self.num_bytes))

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes. Raises `Unreadable` for an empty, damaged or endlessly growing file."""
        num_bytes = 0
        for chunk in self._bounded(DECOMPRESSORS[self.compression](self.raw)):
            num_bytes += len(chunk)
            yield chunk
        if num_bytes == 0:
            raise Unreadable(EMPTY_FILE)

    def _bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if not self.compression:
            return chunks
        return self.allowance.counted(chunks if self.within is None else self.within.counted(chunks))

    def seekable(self) -> BinaryIO:
        """The decompressed bytes as a file to seek in; what was compressed goes through a file without a name."""
        if not self.compression and self.raw.seekable():
            return self.raw
        spooled = tempfile.SpooledTemporaryFile(max_size=FREE_EXPANSION_BYTES)  # noqa: SIM115 - closed when collected
        for chunk in self.chunks():
            spooled.write(chunk)
        spooled.seek(0)
        return spooled  # type: ignore[return-value]  # it has all that is asked of a BinaryIO


class _Part(io.RawIOBase):
    """So many bytes of an open file, from a place on, as a file."""

    def __init__(self, raw: BinaryIO, start: int, num_bytes: int) -> None:
        self._raw, self._start, self._num_bytes, self._at = raw, start, num_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._num_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._raw.seek(self._start + self._at)
        data = self._raw.read(max(0, min(len(buffer), self._num_bytes - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def as_it_was(raw: BinaryIO, num_bytes: int) -> BinaryIO:
    """An open file as it was when it had so many bytes: it may grow meanwhile."""
    return part_of_file(raw, 0, num_bytes)


def part_of_file(raw: BinaryIO, start: int, num_bytes: int) -> BinaryIO:
    """So many bytes of an open file, from a place on, as a file; they are fewer where it ends before."""
    return cast(BinaryIO, io.BufferedReader(_Part(raw, start, num_bytes), CHUNK_BYTES))


class _Pulled(io.RawIOBase):
    """Chunks as a file that is read once. Where they end with an `Unreadable`, each further look raises it again."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._held, self._num_bytes = chunks, memoryview(b""), 0
        self._fault: Unreadable | None = None

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._num_bytes

    def readinto(self, buffer: Any) -> int:
        if self._fault is not None:
            raise self._fault
        try:
            while not self._held and (chunk := next(self._chunks, None)) is not None:
                self._held = memoryview(chunk)
        except Unreadable as exc:
            self._fault = exc
            raise
        taken = self._held[: len(buffer)]
        buffer[: len(taken)] = taken
        self._held = self._held[len(taken) :]
        self._num_bytes += len(taken)
        return len(taken)


def pulled(chunks: Iterator[bytes]) -> BinaryIO:
    """Chunks as a file that is read once, from its start to its end."""
    return cast(BinaryIO, _Pulled(chunks))


def lines(chunks: Iterator[bytes], max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    r"""Number (from 1) and bytes of each line, without its "\n"; None for one longer than `max_bytes`.

    Only "\n" ends a line: `splitlines` would cut JSON strings at U+2028. Where "\r" comes first and no "\n" near it, it
    is that, as in what old spreadsheets write. The rest after the last end is a line, too, unless it is empty; after an
    `Unreadable` it is not given, since it was cut.
    """
    number, start, is_too_long = 1, b"", False
    first = next(chunks, b"")
    while len(first) < CHUNK_BYTES and not (b"\n" in first or b"\r" in first[:-1]) and (chunk := next(chunks, b"")):
        first += chunk
    end = b"\r" if b"\r" in first[:-1] and b"\n" not in first else b"\n"
    for chunk in chain([first], chunks):
        *ended, rest = chunk.split(end)
        for piece in ended:
            is_too_long = is_too_long or len(start) + len(piece) > max_bytes
            yield number, None if is_too_long else start + piece
            number, start, is_too_long = number + 1, b"", False
        is_too_long = is_too_long or len(start) + len(rest) > max_bytes
        start = b"" if is_too_long else start + rest
    if start or is_too_long:
        yield number, None if is_too_long else start


def whole(chunks: Iterator[bytes], max_bytes: int) -> bytes:
    """All bytes of one record. Raises `Unreadable` when they are more than `max_bytes`; the rest is then not read."""
    pieces: list[bytes] = []
    num_bytes = 0
    try:
        for chunk in chunks:
            num_bytes += len(chunk)
            if num_bytes > max_bytes:
                raise Unreadable(too_long(max_bytes))
            pieces.append(chunk)
    except Unreadable as exc:
        raise Unreadable(str(exc), num_rows=1) from exc
    return b"".join(pieces)


def too_long(max_bytes: int) -> str:
    """The reason for a quarantine row, with the limit as people read it: "longer than 4 MiB"."""
    unit, name = (1 << 20, "MiB") if max_bytes >= 1 << 20 else (1 << 10, "KiB")
    return f"longer than {max_bytes / unit:g} {name}"


def to_utf8(chunks: Iterator[bytes], label: str = "") -> Iterator[bytes]:
    """The same text in UTF-8 without a byte order mark. Text without one is passed on as it is, unless its label says
    that its ASCII bytes are not ASCII."""
    first = next(chunks, b"")
    marked = (name for mark, name in BYTE_ORDER_MARKS if first.startswith(mark))
    encoding = next(marked, NOT_LIKE_ASCII.get(label.lower()))
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


def inflate(raw: BinaryIO) -> Iterator[bytes]:
    """Deflated bytes without any frame (RFC 1951), as members of a .zip are."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for compressed in _plain(raw):
            rest = compressed
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, CHUNK_BYTES)
                rest = unpacker.unconsumed_tail
        yield unpacker.flush()  # no trailer follows: the last few bytes may be held back
    except zlib.error as exc:
        raise Unreadable("damaged deflate") from exc
    if not unpacker.eof:
        raise Unreadable("truncated deflate")


def unlzma(raw: BinaryIO, properties: bytes, num_bytes: int | None) -> Iterator[bytes]:
    """LZMA as members of a .zip have it: the properties stand apart, and the end is marked where no size is given."""
    size = (1 << 64) - 1 if num_bytes is None else num_bytes
    alone = pulled(chain([properties + size.to_bytes(8, "little")], _plain(raw)))
    return _unpacked(alone, lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, WINDOW_BYTES), "lzma")


def _unzstd(raw: BinaryIO) -> Iterator[bytes]:
    """All frames of a .zst file, one after the other (RFC 8878).

    Crawlers put a dictionary for all of them before the first, in a frame that others skip (IIPC, WARC with Zstandard).
    """
    import zstandard

    begin = read_exactly(raw, 8)
    told = _dictionary(raw, int.from_bytes(begin[4:], "little")) if begin.startswith(ZSTD_DICTIONARY) else b""
    begin = b"" if told else begin
    shared = zstandard.ZstdCompressionDict(told) if told else None
    unpacker = zstandard.ZstdDecompressor(dict_data=shared, max_window_size=WINDOW_BYTES)
    frame = unpacker.decompressobj()
    for piece in chain([begin], iter(lambda: raw.read(ZSTD_PIECE_BYTES), b"")):
        rest = piece
        while rest:
            if frame.eof:
                frame = unpacker.decompressobj()
            try:
                yield frame.decompress(rest)
            except zstandard.ZstdError as exc:
                is_wide = "too much memory" in str(exc)
                raise Unreadable(_too_wide("zstd") if is_wide else "damaged zstd") from exc
            rest = frame.unused_data if frame.eof else b""
    if not frame.eof and raw.tell():
        raise Unreadable("truncated zstd")


def _dictionary(raw: BinaryIO, num_bytes: int) -> bytes:
    """The dictionary in a frame of this length, which may be compressed itself."""
    import zstandard

    if num_bytes > MAX_DICTIONARY_BYTES:
        raise Unreadable("zstd dictionary over 16 MiB")
    told = read_exactly(raw, num_bytes)
    if not told.startswith(zstandard.FRAME_HEADER):
        return told
    pieces = Allowance(MAX_DICTIONARY_BYTES).counted(_unzstd(io.BytesIO(told)))
    return b"".join(pieces)


def read_exactly(raw: BinaryIO, num_bytes: int) -> bytes:
    """So many bytes; less only at the end."""
    pieces, left = list[bytes](), num_bytes
    while left and (piece := raw.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _unbz2(raw: BinaryIO) -> Iterator[bytes]:
    """All streams of a .bz2 file, one after the other, as pbzip2 writes them."""
    return _unpacked(raw, bz2.BZ2Decompressor, "bzip2")


def _unxz(raw: BinaryIO) -> Iterator[bytes]:
    """All streams of a .xz file, one after the other; zeros between them are padding."""
    return _unpacked(raw, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, WINDOW_BYTES), "xz")


def _unpacked(
    raw: BinaryIO, unpacker: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor], name: str
) -> Iterator[bytes]:
    stream = unpacker()
    for compressed in _plain(raw):
        rest = compressed
        while rest or not (stream.eof or stream.needs_input):
            if stream.eof:
                rest = rest.lstrip(b"\0")
                stream = unpacker() if rest else stream
                continue
            try:
                yield stream.decompress(rest, CHUNK_BYTES)
            except (OSError, EOFError, lzma.LZMAError) as exc:
                is_wide = "memory" in str(exc).lower()
                raise Unreadable(_too_wide(name) if is_wide else f"damaged {name}") from exc
            rest = stream.unused_data if stream.eof else b""
    if not stream.eof and raw.tell():
        raise Unreadable(f"truncated {name}")


def _too_wide(name: str) -> str:
    return f"{name} window over {WINDOW_BYTES // MIB} MiB (compress without --long)"


DECOMPRESSORS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "": _plain,
    ".gz": _gunzip,
    ".zst": _unzstd,
    ".bz2": _unbz2,
    ".xz": _unxz,
}
