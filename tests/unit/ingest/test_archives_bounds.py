"""Archives that are made to grow: bombs, archives within archives, members without end."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest

from pipeline_lib.ingest import archives
from pipeline_lib.ingest.readers import READERS, read_with
from pipeline_lib.ingest.records import Record, SourceFile, Unreadable
from tests.made_archives import OPTIONS, Files, as_tar, as_zip, read


def bomb(pack: Callable[[bytes], bytes]) -> bytes:
    return pack(b'{"text": "a"}\n' * 6_000_000)


def overlapping(num_members: int) -> bytes:
    """A zip whose members all have the same data (Fifield, "A better zip bomb")."""
    content = b'{"text": "a"}\n' * 100_000
    packed = zlib.compress(content)[2:-4]
    name = b"a.jsonl"
    fields = (0, 8, 0, 0, zlib.crc32(content), len(packed), len(content), len(name), 0)
    out = struct.pack("<4s5H3I2H", b"PK\3\4", 20, *fields) + name + packed
    listed = (struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, *fields, 0, 0, 0, 0, 0) + name) * num_members
    return out + listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, num_members, num_members, len(listed), len(out), 0)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a zip": ("a.zip", lambda: bomb(lambda content: as_zip({"a.jsonl": content}))),
    "LZMA in a zip": ("a.zip", lambda: bomb(lambda content: as_zip({"a.jsonl": content}, zipfile.ZIP_LZMA))),
    "a tar.gz": ("a.tgz", lambda: bomb(lambda content: as_tar({"a.jsonl": content}, mode="w:gz"))),
    "a gzip in a zip": ("a.zip", lambda: bomb(lambda content: as_zip({"a.jsonl.gz": gzip.compress(content)}))),
    "many gzips in a tar": (
        "a.tar",
        lambda: as_tar({f"{n}.jsonl.gz": gzip.compress(b'{"text": "a"}\n' * 500_000) for n in range(6)}),
    ),
    "one content a thousand times": ("a.zip", lambda: overlapping(1000)),
}


@pytest.mark.parametrize(("name", "make"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_read_no_further_than_may_come_out_of_the_archive(name: str, make: Callable[[], bytes]) -> None:
    data = make()
    num_records, reason = 0, ""
    try:
        for item in read_with(READERS, SourceFile(name, io.BytesIO(data), len(data)), OPTIONS):
            num_records += isinstance(item, Record)
    except Unreadable as exc:
        reason = str(exc)
    assert reason == "decompression bomb"
    assert num_records * 14 <= max(16 << 20, 200 * len(data))


def test_a_zip_that_holds_itself_is_not_descended_into() -> None:
    inner = as_zip({"a.txt": b"x"})
    assert read("r.zip", as_zip({"r.zip": inner})) == ({}, ["1 (r.zip): passed over: .zip within an archive"])


@pytest.mark.parametrize("pack", [as_tar, as_zip])
def test_members_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch, pack: Callable[[Files], bytes]) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 100)
    name = "a.tar" if pack is as_tar else "a.zip"
    _, bad = read(name, pack({f"{number:03d}.txt": b"" for number in range(150)}))
    assert bad == ["1 (100 of them, as 000.txt): empty file", "more than 100 members"]
