"""What archives hold: their members, and the names of these.

    tarred.members_of_tar(stream)   zipped.members_of_zip(stream)   ->   archives.py, which reads them

A name never becomes a path on a disk. It is told, and it names documents: so it is put in order ("./a", "/a" and
"b/../a" are "a", nothing climbs out), and what is no text in it is escaped by its bytes.
"""

import re
from collections.abc import Iterator
from posixpath import normpath
from typing import NamedTuple

from pipeline_lib.ingest.likeness import detect
from pipeline_lib.ingest.records import PASSED_OVER

LINK, DEVICE = f"{PASSED_OVER}link", f"{PASSED_OVER}device"
LONG = "name of a member longer than 4 KiB"
MAX_NAME_BYTES = 4 << 10  # as long as a path can be
SHOWN_CHARS = 200
# What does not stand in a url as it is. Not what `isprintable` says: that grows with each version of Unicode.
ESCAPED = re.compile("[%#\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Member(NamedTuple):
    """A file in an archive. What it holds is read before the next one is asked for, or not at all."""

    name: str  # with "/"; bytes in no charset as surrogates (PEP 383)
    num_bytes: int
    chunks: Iterator[bytes]
    refusal: str = ""  # why it cannot be read, or need not be


def named(raw: bytes, charset: str = "") -> str:
    """The name of a member: UTF-8, or in the charset that is told, or else what it reads like by itself."""
    return _in_order(
        _decoded(raw, "utf-8") or _decoded(raw, charset or detect(raw)) or raw.decode("utf-8", "surrogateescape")
    )


def _decoded(raw: bytes, charset: str) -> str:
    """Its text; none where it is not in this charset."""
    try:
        return raw.decode(charset or "ascii")
    except UnicodeError:
        return ""


def _in_order(name: str) -> str:
    return normpath(f"/{name}").lstrip("/")


def is_hidden(name: str) -> bool:
    """Whether it, or a folder on the way to it, is hidden, or is what macOS puts beside the files."""
    return name.startswith(("__MACOSX/", ".")) or "/." in name


def escaped(name: str) -> str:
    """A name of a member as it stands in a url: no "#" in it, no sign that one cannot see, no two names become one."""
    return ESCAPED.sub(_by_bytes, name)


def _by_bytes(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def shown(name: str) -> str:
    """The same as people read it: not longer than a line or two."""
    name = escaped(name)
    return name if len(name) <= SHOWN_CHARS else f"{name[:SHOWN_CHARS]}..."
