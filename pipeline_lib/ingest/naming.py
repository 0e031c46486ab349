"""How documents are named: by urls that tell any two records of a source apart, and ids of source, url and content.

    path              a file that is one document
    path#part         a record of a file: its id, or 16 characters of the hash of its text
    path#part-2       the same part once more

The escape sign is escaped as well as the separator (RFC 3986, 2.4), so that `a#b.txt` and `a%23b.txt` are two names.
"""

import json
from array import array

import xxhash

from pipeline_lib.ingest.records import Record

MAX_ID_CHARS = 200
FIRST_SLOTS = 1 << 10


def escape(name: str) -> str:
    """A path or name as it stands before the "#" of a url: no "#" in it, and two names never become one."""
    return name.replace("%", "%25").replace("#", "%23")


def document_id(source: str, url: str, text: bytes, beside: bytes = b"") -> str:
    """xxh3_128 of source, url, text (UTF-8) and what is told beside it, 32 hexadecimal characters."""
    whole = f"{source}\0{url}\0".encode() + text
    return xxhash.xxh3_128_hexdigest(whole + b"\0" + beside if beside else whole)  # no text holds a NUL


def told_beside(record: Record) -> bytes:
    """Title, licence, metadata, turns and format of a record in canonical form; nothing where there is a text alone.

    When it was fetched is no part of it: what is fetched again and is the same is the same document. The format of a
    whole file follows from its name.
    """
    is_plain = record.format == "text" or (record.part is None and record.url is None)
    if is_plain and not (record.title or record.licence or record.metadata or record.messages):
        return b""
    told = {
        "title": record.title,
        "licence": record.licence,
        "metadata": dict(record.metadata or {}),
        "messages": [dict(turn) for turn in record.messages or ()],
        "format": None if is_plain else record.format,
    }
    given = {name: value for name, value in told.items() if value}
    return json.dumps(given, sort_keys=True, separators=(",", ":")).encode()


def part_of(record_id: object, text: str) -> str:
    """The name of a record within its file: its id, or 16 characters of the hash of its text.

    An id that is no short printable text or number would make an unreadable url, so the hash is taken for it, too.
    """
    name = str(record_id) if isinstance(record_id, str | int) and not isinstance(record_id, bool) else ""
    if 0 < len(name) <= MAX_ID_CHARS and name.isprintable():
        return name
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))[:16]


class Names:
    """The names that were given within a file, as 8 bytes each: a set of strings would be 150 bytes a record.

    A table of hashes with linear probing (Knuth 6.4, algorithm L), at most half full. Two names with one hash count as
    one name: the second gets a number that it does not need, the same one in each run.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * FIRST_SLOTS))  # 0: free
        self._num_names = 0
        self._repeats: dict[int, int] = {}  # how often the names were asked for that were asked for more than once

    def unused(self, name: str) -> str:
        """The name itself at first, then with "-2", "-3", ..., which may be taken in their turn."""
        while not self._add(key := xxhash.xxh3_64_intdigest(name.encode()) or 1):
            self._repeats[key] = self._repeats.get(key, 1) + 1
            name = f"{name}-{self._repeats[key]}"
        return name

    def _add(self, key: int) -> bool:
        """Put it in; False if it was there."""
        slots = self._slots
        mask = len(slots) - 1
        slot = key & mask
        while found := slots[slot]:
            if found == key:
                return False
            slot = (slot + 1) & mask
        slots[slot] = key
        self._num_names += 1
        if 2 * self._num_names > len(slots):
            self._grow()
        return True

    def _grow(self) -> None:
        held, self._num_names = self._slots, 0
        self._slots = array("Q", bytes(16 * len(held)))
        for key in held:
            if key:
                self._add(key)
