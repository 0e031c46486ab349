"""The members of a .zip, by the list at its end (PKWARE APPNOTE 6.3); the list is read along, never held.

`zipfile` holds some 700 bytes for each entry of the list, and of bzip2 and LZMA whatever a piece expands to. Here both
are bounded, and zstd is read by every Python. Of members whose data overlap each is read, up to what
may come out of the archive in all.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pipeline_lib.ingest.likeness import detect
from pipeline_lib.ingest.members import DEVICE, LINK, LONG, MAX_NAME_BYTES, Member, named
from pipeline_lib.ingest.records import EMPTY_FILE, Unreadable
from pipeline_lib.ingest.streams import DECOMPRESSORS, Stream, inflate, part_of_file, unlzma

DAMAGED, ENCRYPTED, SPLIT = "damaged zip", "encrypted member", "part of a split zip"
END, END_64, LOCATOR_64 = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
ENTRY, LOCAL = struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s5H3I2H")
MAX_COMMENT_BYTES = (1 << 16) - 1
IN_64 = 0xFFFFFFFF  # stands where the number is in an extra field
EXTRA_64, EXTRA_NAME = 1, 0x7075  # extra fields: numbers of 64 bits; the name in UTF-8 (Info-ZIP)
IS_ENCRYPTED, IS_ENDED, IS_UTF8 = 1 << 0, 1 << 1, 1 << 11  # flags
STORED, DEFLATE, BZIP2, LZMA, ZSTD, XZ = 0, 8, 12, 14, (20, 93), 95
METHODS = (STORED, DEFLATE, BZIP2, LZMA, *ZSTD, XZ)
NAMED_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 97: "WavPack", 98: "PPMd"}
UNIX_TYPES = {0o120000: LINK, 0o020000: DEVICE, 0o060000: DEVICE, 0o010000: DEVICE, 0o140000: DEVICE}
LOOKED_AT_BYTES = 1 << 16  # of all names, for their charset


class Entry(NamedTuple):
    """A line of the list."""

    name: bytes
    is_utf8: bool
    method: int
    flags: int
    crc: int
    num_packed: int
    num_bytes: int
    at: int  # of its data, with a header of its own before
    unix_type: int


class Listed(NamedTuple):
    """Where the list lies, and what stands before all that it counts from."""

    start: int
    num_bytes: int
    shift: int
    num_entries: int  # modulo 65,536: old writers count no further


def members_of_zip(stream: Stream) -> Iterator[Member]:
    """The files in the order of the list. Raises `Unreadable` where there is none, or it cannot be read on."""
    if stream.num_bytes == 0:
        raise Unreadable(EMPTY_FILE)
    raw = stream.seekable()
    listed = _listed(raw)
    charset = _charset_of_names(raw, listed)
    num_entries = 0
    for entry in _entries(raw, listed):
        num_entries += 1
        if entry.name.endswith(b"/") and entry.num_bytes == 0:
            continue  # a folder
        name = named(entry.name[:MAX_NAME_BYTES], "utf-8" if entry.is_utf8 else charset)
        yield Member(name, entry.num_bytes, _chunks(raw, entry), _refusal(entry))
    if num_entries % (1 << 16) != listed.num_entries:
        raise Unreadable(DAMAGED)


def _listed(raw: BinaryIO) -> Listed:
    """Where the list is, by the record at the end of the file."""
    size = raw.seek(0, 2)
    start = max(0, size - END.size - MAX_COMMENT_BYTES)
    tail = _at(raw, start, size - start)
    at, (_, disk, _, _, num_entries, num_bytes, offset, _) = _end(tail)
    end = start + at
    if (locator := _at(raw, end - LOCATOR_64.size, LOCATOR_64.size)).startswith(b"PK\6\7"):
        end, num_entries, num_bytes, offset = _listed_in_64(raw, end, locator)
    if disk not in (0, 0xFFFF):
        raise Unreadable(SPLIT)
    shift = end - num_bytes - offset  # a program that unpacks it may stand before
    if shift < 0:
        raise Unreadable(DAMAGED)
    return Listed(end - num_bytes, num_bytes, shift, num_entries % (1 << 16))


def _end(tail: bytes) -> tuple[int, tuple[int, ...]]:
    """Where the record is in the last bytes of a file, and its fields: one whose comment ends there, or the last."""
    places = [found.start() for found in re.finditer(b"PK\5\6", tail) if found.start() + END.size <= len(tail)]
    records = [(at, END.unpack_from(tail, at)) for at in reversed(places)]
    if not records:
        raise Unreadable(DAMAGED)
    return next((one for one in records if one[0] + END.size + one[1][-1] == len(tail)), records[0])


def _listed_in_64(raw: BinaryIO, end: int, locator: bytes) -> tuple[int, int, int, int]:
    """Where the record of 64 bits is, and its numbers: it lies before the locator, or where that says."""
    told = LOCATOR_64.unpack(locator)[2]
    for at in (end - LOCATOR_64.size - END_64.size, told):
        record = _at(raw, at, END_64.size)
        if record.startswith(b"PK\6\6"):
            *_, num_entries, num_bytes, offset = END_64.unpack(record)
            return at, num_entries, num_bytes, offset
    raise Unreadable(DAMAGED)


def _entries(raw: BinaryIO, listed: Listed) -> Iterator[Entry]:
    lines = part_of_file(raw, listed.start, listed.num_bytes)
    while head := lines.read(ENTRY.size):
        if len(head) < ENTRY.size or not head.startswith(b"PK\1\2"):
            raise Unreadable(DAMAGED)
        fields = ENTRY.unpack(head)
        _, made_by, _, flags, method, _, _, crc, num_packed, num_bytes = fields[:10]
        lengths, (_, _, outer, at) = fields[10:13], fields[13:]
        name, extra, _comment = (lines.read(length) for length in lengths)
        told = dict(_extra_fields(extra))
        wide = _numbers(told.get(EXTRA_64, b""))
        num_bytes, num_packed, at = (
            next(wide, number) if number == IN_64 else number for number in (num_bytes, num_packed, at)
        )
        unicode = told.get(EXTRA_NAME, b"")
        is_told = len(unicode) > 5 and unicode[1:5] == zlib.crc32(name).to_bytes(4, "little")
        yield Entry(
            unicode[5:] if is_told else name,
            is_told or bool(flags & IS_UTF8),
            method,
            flags,
            crc,
            num_packed,
            num_bytes,
            listed.shift + at,
            (outer >> 16) & 0o170000 if made_by >> 8 in (3, 19) else 0,  # Unix and macOS
        )


def _numbers(field: bytes) -> Iterator[int]:
    return (number for (number,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8]))


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _charset_of_names(raw: BinaryIO, listed: Listed) -> str:
    """What names that are not said to be UTF-8, and are none, read like together: one alone is too short to tell."""
    looked_at = bytearray()
    for entry in _entries(raw, listed):
        if not (entry.is_utf8 or entry.name.isascii() or _is_utf8(entry.name)):
            looked_at += entry.name + b"\n"
        if len(looked_at) > LOOKED_AT_BYTES:
            break
    return detect(bytes(looked_at))


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeError:
        return False
    return True


def _refusal(entry: Entry) -> str:
    if len(entry.name) > MAX_NAME_BYTES:
        return LONG
    if entry.unix_type in UNIX_TYPES:
        return UNIX_TYPES[entry.unix_type]
    if entry.flags & IS_ENCRYPTED:
        return ENCRYPTED
    if entry.method not in METHODS:
        return f"compressed with {NAMED_METHODS.get(entry.method, 'an unknown method')}"
    return DAMAGED if entry.num_bytes == 0 and entry.crc else ""


def _chunks(raw: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The bytes of a member. Raises `Unreadable` where they are not those that the list tells of."""
    num_bytes, crc = 0, 0
    for chunk in _unpacked(raw, entry):
        num_bytes, crc = num_bytes + len(chunk), zlib.crc32(chunk, crc)
        if num_bytes > entry.num_bytes:
            raise Unreadable(DAMAGED)
        yield chunk
    if (num_bytes, crc) != (entry.num_bytes, entry.crc):
        raise Unreadable(DAMAGED)


def _unpacked(raw: BinaryIO, entry: Entry) -> Iterator[bytes]:
    head = _at(raw, entry.at, LOCAL.size)
    if len(head) < LOCAL.size or not head.startswith(b"PK\3\4"):
        raise Unreadable(DAMAGED)
    *_, len_name, len_extra = LOCAL.unpack(head)
    packed = part_of_file(raw, entry.at + LOCAL.size + len_name + len_extra, entry.num_packed)
    if entry.method == DEFLATE:
        return inflate(packed)
    if entry.method == LZMA:
        head = packed.read(9)  # two bytes of version, two of length, five of properties
        return unlzma(packed, head[4:], None if entry.flags & IS_ENDED else entry.num_bytes)
    return DECOMPRESSORS[{STORED: "", BZIP2: ".bz2", XZ: ".xz"}.get(entry.method, ".zst")](packed)


def _at(raw: BinaryIO, start: int, num_bytes: int) -> bytes:
    if start < 0:
        return b""
    raw.seek(start)
    return raw.read(num_bytes)
