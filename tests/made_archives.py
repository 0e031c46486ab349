"""Archives made byte by byte, and what is read out of one."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import zstandard

from pipeline_lib.ingest.readers import READERS, read_with
from pipeline_lib.ingest.records import ReadOptions, Record, SourceFile, Unreadable

Files = Mapping[str, bytes]
OPTIONS = ReadOptions(max_document_bytes=1 << 20, max_expansion=200, id_field="id")


def as_tar(files: Files, form: int = tarfile.PAX_FORMAT, mode: str = "w", **head: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in head.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def as_zip(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


def read(name: str, data: bytes) -> tuple[dict[str, str], list[str]]:
    """Text by name within the archive, and what is bad in it as "line (member): reason"."""
    texts, bad = {}, []
    items = read_with(READERS, SourceFile(name, io.BytesIO(data), len(data)), OPTIONS)
    number = 0
    try:
        for number, item in enumerate(items, start=1):
            assert item.line == number
            if isinstance(item, Record):
                texts[str(item.part)] = item.text
            else:
                bad.append(f"{item.line} ({item.within}): {item.reason}")
    except Unreadable as exc:
        bad.append(str(exc))
    return texts, bad


def zip_of_bytes(names: list[bytes], flags: int = 0, extra: bytes = b"") -> bytes:
    """A zip whose members have these names, with the content "x" each."""
    out, listed = b"", b""
    for name in names:
        fields = (flags, 0, 0, 0, zlib.crc32(b"x"), 1, 1, len(name), len(extra))
        at = len(out)
        out += struct.pack("<4s5H3I2H", b"PK\3\4", 20, *fields) + name + extra + b"x"
        listed += struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, *fields, 0, 0, 0, 0, at) + name + extra
    return out + listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(listed), len(out), 0)


FILES = {
    "a.txt": b"first",
    "sub/b.jsonl": b'{"id": 1, "text": "one"}\nbroken\n{"id": 2, "text": "two"}\n',
    "sub/c.jsonl.gz": gzip.compress(b'{"id": 3, "text": "three"}\n'),
    "d.csv.zst": zstandard.compress(b"id,text\n4,four\n"),
    "last.md": b"# last",
}
TEXTS = {
    "a.txt": "first",
    "sub/b.jsonl#1": "one",
    "sub/b.jsonl#2": "two",
    "sub/c.jsonl.gz#3": "three",
    "d.csv.zst#4": "four",
    "last.md": "# last",
}
PACKED: dict[str, tuple[str, bytes]] = {
    "tar, pax": ("a.tar", as_tar(FILES)),
    "tar, GNU": ("a.tar", as_tar(FILES, tarfile.GNU_FORMAT)),
    "tar, ustar": ("a.tar", as_tar(FILES, tarfile.USTAR_FORMAT)),
    "tar.gz": ("a.tar.gz", as_tar(FILES, mode="w:gz")),
    "tgz": ("A.TGZ", as_tar(FILES, mode="w:gz")),
    "tar.bz2": ("a.tar.bz2", as_tar(FILES, mode="w:bz2")),
    "tbz2": ("a.tbz2", as_tar(FILES, mode="w:bz2")),
    "tar.xz": ("a.tar.xz", as_tar(FILES, mode="w:xz")),
    "txz": ("a.txz", as_tar(FILES, mode="w:xz")),
    "tar.zst": ("a.tar.zst", zstandard.compress(as_tar(FILES))),
    "tzst": ("a.tzst", zstandard.compress(as_tar(FILES))),
    "two tars in a row": ("a.tar", as_tar(dict([*FILES.items()][:2])) + as_tar(dict([*FILES.items()][2:]))),
    "zip, stored": ("a.zip", as_zip(FILES, zipfile.ZIP_STORED)),
    "zip, deflated": ("a.zip", as_zip(FILES)),
    "zip, bzip2": ("a.zip", as_zip(FILES, zipfile.ZIP_BZIP2)),
    "zip, LZMA": ("a.zip", as_zip(FILES, zipfile.ZIP_LZMA)),
    "zip.gz": ("a.zip.gz", gzip.compress(as_zip(FILES))),
    "zip behind a program": ("a.zip", b"#!/bin/sh\nexit\n" + as_zip(FILES)),
    "zip with a comment": ("a.zip", b""),
}


def with_comment(data: bytes, comment: bytes) -> bytes:
    return data[:-2] + struct.pack("<H", len(comment)) + comment


PACKED["zip with a comment"] = ("a.zip", with_comment(as_zip(FILES), b"PK\5\6 is what ends a zip" + bytes(30)))
