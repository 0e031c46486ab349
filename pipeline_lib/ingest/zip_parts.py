"""The entries of a document that is a zip archive (.docx, .epub), within bounds and by name; nothing touches the disk.

What the directory says is checked before anything is unpacked: entries that are larger together than the rule of
streams.py allows are a bomb, also where they overlap. An entry is read in pieces and never beyond its own size.
"""

import os
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, cast

from pipeline_lib.ingest.records import EMPTY_FILE, EMPTY_TEXT, MIB, Unreadable
from pipeline_lib.ingest.streams import CHUNK_BYTES, FREE_EXPANSION_BYTES, Stream
from pipeline_lib.ingest.xml_events import Event, events

MAX_TOLD_BYTES = 16 * MIB  # of an entry whose contents are held: lists of parts, properties
MAX_DIRECTORY_BYTES = 4 * MIB  # 90,000 entries: each becomes an object of 600 bytes
WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # all that these formats allow; others unpack without a bound
IS_ENCRYPTED = 0x1  # a flag of an entry (APPNOTE 4.4.4)
# What `zipfile` says of bytes that are no sound archive: of its records, of packed data (wrong; cut), of names that are
# no UTF-8, of what it cannot do. A disk that fails (OSError) is no fault of the file, and is not among them.
FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, UnicodeError, NotImplementedError)


class Zipped:
    """An open archive; `what` it should be stands in the reasons: "Word file"."""

    def __init__(self, stream: Stream, raw: BinaryIO, what: str) -> None:
        """`raw`: what is in the stream, to seek in. Raises `Unreadable` for an empty or damaged file and a bomb."""
        self._what = what
        if raw.seek(0, os.SEEK_END) == 0:
            raise Unreadable(EMPTY_FILE)
        bounded = _Bounded(raw)
        try:
            self._file = zipfile.ZipFile(cast(BinaryIO, bounded))
        except FAULTS as exc:
            raise bounded.failure or self.fault("damaged") from exc
        entries = self._file.infolist()
        most = max(FREE_EXPANSION_BYTES, stream.max_expansion * stream.num_bytes)
        if sum(entry.file_size for entry in entries) > most:
            raise Unreadable("decompression bomb", num_rows=1)
        if any(entry.flag_bits & IS_ENCRYPTED for entry in entries):
            raise self.fault("encrypted")
        self._entries = _by_name(entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def fault(self, kind: str) -> Unreadable:
        """The whole file is lost: "damaged Word file"."""
        return Unreadable(f"{kind} {self._what}", num_rows=1)

    def size(self, name: str) -> int:
        """The bytes of an entry."""
        return self._entries[name].file_size

    def xml(self, name: str, max_bytes: int = sys.maxsize) -> Iterator[Event]:
        """The events of an entry that is XML; one of nothing is damage, and so is one of more than `max_bytes`."""
        if self.size(name) > max_bytes:
            raise self.fault("damaged")
        try:
            yield from events(self.chunks(name))
        except Unreadable as exc:
            raise self.fault("damaged") if str(exc) in (EMPTY_FILE, EMPTY_TEXT) else exc from exc

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of an entry. Raises `Unreadable` where it is damaged, after what lies before that."""
        entry = self._entries[name]
        if entry.compress_type not in WAYS:
            raise self.fault("damaged")
        try:
            with self._file.open(entry) as part:
                while chunk := part.read(CHUNK_BYTES):
                    yield chunk
        except FAULTS as exc:
            raise self.fault("damaged") from exc


def _by_name(entries: list[zipfile.ZipInfo]) -> Mapping[str, zipfile.ZipInfo]:
    """Files by their names, and by what these are in UTF-8 or GB 18030 where the archive does not say in what they are.

    Of two with one name the last counts, as in all that reads archives by their directory.
    """
    files = [entry for entry in entries if not entry.is_dir()]
    guessed = {}
    for codec in ("gb18030", "utf-8"):
        for entry in files:
            if not entry.flag_bits & 0x800 and not entry.filename.isascii():
                try:
                    guessed[entry.filename.encode("cp437").decode(codec)] = entry
                except UnicodeError:
                    continue
    return guessed | {entry.filename: entry for entry in files}


class _Bounded:
    """An open file of which nobody reads very much at once: `zipfile` reads a directory whole, however long it is."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self.tell = raw, raw.tell
        self._num_bytes = raw.seek(0, os.SEEK_END)
        self.failure: OSError | None = None  # of the disk, which `zipfile` takes for one of the directory

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """To a place in the file; archives that are damaged point before and behind it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._num_bytes}[whence]
        if not 0 <= base + offset <= self._num_bytes:
            raise zipfile.BadZipFile("a place out of the file")
        return self._raw.seek(base + offset)

    def seekable(self) -> bool:
        return True

    def read(self, num_bytes: int = -1) -> bytes:
        most = MAX_DIRECTORY_BYTES + 1
        try:
            data = self._raw.read(most if num_bytes < 0 else min(num_bytes, most))
        except OSError as exc:
            self.failure = exc
            raise
        if len(data) > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("a directory that is too long")
        return data
