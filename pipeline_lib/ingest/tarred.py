"""The members of a .tar, read as a stream from its first byte to its last: nothing is held but one header.

`tarfile` ends without a word at a damaged header, holds a long name or an extended header of any length, keeps all
members that it has seen, and takes 100 us for a header.
Formats: POSIX ustar and pax, GNU (long names, numbers in base 256), and what came before them.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pipeline_lib.ingest.members import DEVICE, LINK, LONG, MAX_NAME_BYTES, Member, named
from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.streams import CHUNK_BYTES, Stream, pulled, read_exactly

BLOCK_BYTES = tarfile.BLOCKSIZE
MAX_HEADER_BYTES = 1 << 20  # of an extended header: attributes of a file may be 64 KiB each
MAX_SIZE_DIGITS = 19
DAMAGED, TRUNCATED, SPARSE, SPLIT = "damaged tar", "truncated tar", "sparse member", "part of a split member"
NO_END, BEHIND_END = "no end of the archive", "data behind the end of the archive"

LONG_NAME, LONG_LINK, PAX, PAX_GLOBAL = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE),
    tarfile.XGLTYPE,
)
NO_FILES = (tarfile.DIRTYPE, b"D", b"V")  # folders, one with a list of what was in it, and the label of a volume
NO_DATA = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
REFUSED = {
    tarfile.SYMTYPE: LINK,
    tarfile.LNKTYPE: LINK,
    tarfile.CHRTYPE: DEVICE,
    tarfile.BLKTYPE: DEVICE,
    tarfile.FIFOTYPE: DEVICE,
    tarfile.GNUTYPE_SPARSE: SPARSE,
    b"M": SPLIT,
}
PAX_RECORD = re.compile(rb"(\d{1,20}) ([^=]+)=")
# Fields of a header.
NAME, SIZE, SUM, TYPE = slice(0, 100), slice(124, 136), slice(148, 156), slice(156, 157)
MAGIC, PREFIX, IS_LONGER = slice(257, 263), slice(345, 500), 482
REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
OCTAL, HIGH = re.compile(rb"[0-7]*"), re.compile(rb"[\x80-\xff]")
Told = dict[str, bytes]  # of a member, by what stands before its header: "path", "size", ...


class Head(NamedTuple):
    """What a header says of what follows it."""

    type: bytes
    name: bytes
    size: int


def members_of_tar(stream: Stream) -> Iterator[Member]:
    """The files in the order of the archive. Raises `Unreadable` where it cannot be read on."""
    archive = pulled(stream.chunks())
    told, told_of_all = Told(), Told()
    is_ended = False
    while block := read_exactly(archive, BLOCK_BYTES):
        if not block.strip(b"\0"):
            is_ended = True
            continue
        head = _head(block, is_ended)
        if head.type in (LONG_NAME, LONG_LINK, *PAX, PAX_GLOBAL):
            found = _told(head, archive)
            told_of_all |= found if head.type == PAX_GLOBAL else {}
            told |= found if head.type != PAX_GLOBAL else {}
            continue
        if head.type == tarfile.GNUTYPE_SPARSE:
            _skip_map(block, archive)
        yield from _member(head, told_of_all | told, archive)
        told, is_ended = {}, False
    if told:
        raise Unreadable(TRUNCATED)
    if not is_ended:
        raise Unreadable(NO_END, num_rows=1)


def _head(block: bytes, is_ended: bool) -> Head:
    """The header in a block. Raises `Unreadable` where there is none, and where it says what cannot be."""
    if len(block) < BLOCK_BYTES:
        raise Unreadable(TRUNCATED)
    sums = sum(block) - sum(block[SUM]) + 8 * ord(" ")  # the field itself counts as blanks
    signed = sums - 256 * len(HIGH.findall(block)) + 256 * len(HIGH.findall(block[SUM]))  # as old systems added
    told, size = _number(block[SUM]), _number(block[SIZE])
    if told not in (sums, signed):
        raise Unreadable(BEHIND_END, num_rows=1) if is_ended else Unreadable(DAMAGED)
    if size is None or size < 0:
        raise Unreadable(DAMAGED)
    name, prefix = block[NAME].split(b"\0", 1)[0], block[PREFIX].split(b"\0", 1)[0]
    if prefix and block[MAGIC] == b"ustar\0":  # GNU has other things in that place
        name = prefix + b"/" + name
    kind = block[TYPE]
    is_folder = kind in REGULAR and name.endswith(b"/")
    return Head(tarfile.DIRTYPE if is_folder else kind, name, size)


def _number(field: bytes) -> int | None:
    """Octal digits, or a number in base 256 (GNU); None for what is neither."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field if field[0] == 0xFF else field[1:], "big", signed=field[0] == 0xFF)
    digits = field.split(b"\0", 1)[0].strip()
    return int(digits or b"0", 8) if OCTAL.fullmatch(digits) else None


def _told(head: Head, archive: BinaryIO) -> Told:
    """What an extended header says of the member that follows, or of all. Raises `Unreadable` for one without end."""
    if head.size > MAX_HEADER_BYTES:
        raise Unreadable("header of a member longer than 1 MiB")
    data = read_exactly(archive, head.size + -head.size % BLOCK_BYTES)
    if len(data) < head.size:
        raise Unreadable(TRUNCATED)
    if head.type == LONG_LINK:
        return {}
    data = data[: head.size]
    return {"path": data.rstrip(b"\0")} if head.type == LONG_NAME else dict(_pax_records(data))


def _pax_records(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and value of each record "length name=value\\n" (POSIX 1003.1, pax extended header)."""
    at = 0
    while found := PAX_RECORD.match(data, at):
        end = at + int(found[1])
        if end <= found.end() or end > len(data):
            raise Unreadable(DAMAGED)
        yield found[2].decode("utf-8", "replace"), data[found.end() : end - 1]
        at = end
    if data[at:].strip(b"\0"):
        raise Unreadable(DAMAGED)


def _skip_map(block: bytes, archive: BinaryIO) -> None:
    """Pass over the blocks that go on with the map of a sparse member (GNU)."""
    is_longer = block[IS_LONGER]
    while is_longer:
        more = read_exactly(archive, BLOCK_BYTES)
        if len(more) < BLOCK_BYTES:
            raise Unreadable(TRUNCATED)
        is_longer = more[504]


def _member(head: Head, told: Told, archive: BinaryIO) -> Iterator[Member]:
    """The file that a header begins, if it is one; what was not read of it is passed over afterwards."""
    payload = _Payload(archive, 0 if head.type in NO_DATA else _size(head, told))
    if head.type not in NO_FILES:
        raw = told.get("GNU.sparse.name", told.get("path", head.name))
        is_sparse = any(name.startswith("GNU.sparse.") for name in told)
        refusal = SPARSE if is_sparse else REFUSED.get(head.type, "")
        if len(raw) > MAX_NAME_BYTES:
            raw, refusal = raw[:MAX_NAME_BYTES], refusal or LONG
        yield Member(named(raw), payload.num_bytes, payload.chunks(), refusal)
    for _ in payload.chunks():
        pass
    num_padding = -payload.num_bytes % BLOCK_BYTES
    if len(read_exactly(archive, num_padding)) < num_padding:
        raise Unreadable(TRUNCATED)


def _size(head: Head, told: Told) -> int:
    if "size" not in told:
        return head.size
    if not told["size"].isdigit() or len(told["size"]) > MAX_SIZE_DIGITS:
        raise Unreadable(DAMAGED)
    return int(told["size"])


class _Payload:
    """The bytes of a member that have not been read yet."""

    def __init__(self, archive: BinaryIO, num_bytes: int) -> None:
        self.num_bytes = self._left = num_bytes
        self._archive = archive

    def chunks(self) -> Iterator[bytes]:
        """What is left. Raises `Unreadable` where the archive ends before."""
        while self._left:
            chunk = self._archive.read(min(self._left, CHUNK_BYTES))
            if not chunk:
                raise Unreadable(TRUNCATED)
            self._left -= len(chunk)
            yield chunk
