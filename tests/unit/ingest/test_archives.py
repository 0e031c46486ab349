"""Archives: their members are read as files are, and what is odd in one costs itself."""

import bz2
import gzip
import io
import json
import lzma
import random
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import zstandard

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest import archives
from pipeline_lib.ingest.members import escaped, named
from pipeline_lib.ingest.readers import READERS, read_with
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, SourceFile, Unreadable
from pipeline_lib.ingest.unread import MOST_KINDS

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


@pytest.mark.parametrize(("name", "data"), PACKED.values(), ids=PACKED)
def test_members_are_read_by_their_own_readers_however_they_are_packed(name: str, data: bytes) -> None:
    assert read(name, data) == (TEXTS, ["3 (sub/b.jsonl:2): invalid JSON"])


def rebuilt(data: bytes, packed: bytes, method: int) -> bytes:
    """A zip of one stored member, with other bytes for its data and another method."""
    (entry,) = zipfile.ZipFile(io.BytesIO(data)).infolist()
    at = data.index(b"PK\1\2")
    local = bytearray(data[: 30 + len(entry.filename)])
    listed, end = bytearray(data[at:-22]), bytearray(data[-22:])
    for head, places in ((local, (8, 18)), (listed, (10, 20))):
        head[places[0] : places[0] + 2] = struct.pack("<H", method)
        head[places[1] : places[1] + 4] = struct.pack("<I", len(packed))
    end[16:20] = struct.pack("<I", len(local) + len(packed))
    return bytes(local) + packed + bytes(listed) + bytes(end)


@pytest.mark.parametrize(
    ("method", "packed", "text", "reason"),
    [
        (93, zstandard.compress(b"the text"), "the text", None),
        (95, lzma.compress(b"the text"), "the text", None),
        (12, bz2.compress(b"the text"), "the text", None),
        (9, b"anything", None, "1 (a.txt): compressed with Deflate64"),
        (98, b"anything", None, "1 (a.txt): compressed with PPMd"),
        (77, b"anything", None, "1 (a.txt): compressed with an unknown method"),
        (0, b"the tex", None, "1 (a.txt): damaged zip"),
        (0, b"the texT", None, "1 (a.txt): damaged zip"),
        (8, zlib.compress(b"the text")[2:-4], "the text", None),
        (8, zlib.compress(b"the text")[2:-6], None, "1 (a.txt): truncated deflate"),
        (8, zlib.compress(b"another text")[2:-4], None, "1 (a.txt): damaged zip"),
        (8, b"\xff" * 9, None, "1 (a.txt): damaged deflate"),
        (14, b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + bytes(9), None, "1 (a.txt): lzma window over 128 MiB"),
    ],
)
def test_a_method_that_is_unknown_or_damaged_costs_its_member(
    method: int, packed: bytes, text: str | None, reason: str | None
) -> None:
    texts, bad = read("a.zip", rebuilt(as_zip({"a.txt": b"the text"}, zipfile.ZIP_STORED), packed, method))
    assert texts == ({} if text is None else {"a.txt": text})
    assert [one.removesuffix(" (compress without --long)") for one in bad] == ([reason] if reason else [])


@pytest.mark.parametrize("size", [0, 1, 255, 257, 258, 259, 65535, 65536, 65537, 131072, 200_003])
def test_a_member_of_any_length_is_whole(size: int) -> None:
    content = ("夜ab" * size)[:size].encode()
    for name, pack in (("a.zip", as_zip), ("a.tar", as_tar)):
        texts, bad = read(name, pack({"a.txt": content, "z.txt": b"z"}))
        assert texts == {**({"a.txt": content.decode()} if size else {}), "z.txt": "z"}
        assert bad == ([] if size else ["2 (a.txt): empty file"])


def test_what_no_reader_takes_is_counted_by_kind_and_is_no_damage(house: Any) -> None:
    house.settings = {"max_bad_share": 0}
    files = {
        "a.txt": b"text",
        "q.png": b"x",
        "p.png": b"x",
        "LICENSE": b"x",
        "empty.txt": b"",
        ".hidden.txt": b"x",
        "sub/.git/config.txt": b"x",
        "__MACOSX/._a.txt": b"x",
        "sub/._a.txt": b"x",
        "sub/.DS_Store": b"x",
        "inner.tar.gz": b"x",
        "inner.zip": b"x",
        "odd.\n": b"x",
    }
    for name, pack in (("a.tar", as_tar), ("b.zip", as_zip)):
        house.write(name, pack(files))
    plan = house.night()
    assert house.texts(plan) == {"a.tar#a.txt": "text", "b.zip#a.txt": "text"}
    assert [row for row in house.quarantine(plan) if row.startswith("a.tar")] == [
        "a.tar:2 (2 of them, as p.png): passed over: .png",
        "a.tar:3 (LICENSE): passed over: no suffix",
        "a.tar:4 (empty.txt): empty file",
        "a.tar:5 (5 of them): passed over: hidden",
        "a.tar:6 (inner.tar.gz): passed over: .tar.gz within an archive",
        "a.tar:7 (inner.zip): passed over: .zip within an archive",
        "a.tar:8 (odd.%0A): passed over: odd kind",
    ]


def test_kinds_that_are_told_apart_are_bounded() -> None:
    _, bad = read("a.tar", as_tar({f"a.x{number}": b"x" for number in range(1000)}))
    assert len(bad) == MOST_KINDS + 1
    assert bad[-1] == f"65 ({1000 - MOST_KINDS} of them, as a.x100): passed over: other kinds"


NAMES = {
    "./a.txt": "a.txt",
    "/etc/a.txt": "etc/a.txt",
    "../../a.txt": "a.txt",
    "b/../../a.txt": "a.txt",
    "b//./a.txt": "b/a.txt",
    "a#b.txt": "a%23b.txt",
    "a%23b.txt": "a%2523b.txt",
    "two\nlines.txt": "two%0Alines.txt",
    "a\u0085b.txt": "a%C2%85b.txt",
    "夜.txt": "夜.txt",
    "é.txt": "é.txt",
    "x" * 90 + "/" + "y" * 200 + ".txt": "x" * 90 + "/" + "y" * 200 + ".txt",
}


@pytest.mark.parametrize(("name", "part"), NAMES.items(), ids=range(len(NAMES)))
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, None], ids=["pax", "GNU", "zip"])
def test_names_never_leave_the_archive_and_are_escaped(name: str, part: str, form: int | None) -> None:
    data = as_zip({name: b"x"}) if form is None else as_tar({name: b"x"}, form)
    assert read("a.tar" if form is not None else "a.zip", data) == ({part: "x"}, [])


@pytest.mark.parametrize("seed", range(3))
def test_no_two_names_become_one(seed: int) -> None:
    dice = random.Random(seed)
    pieces = [b"#", b"%", b"%23", b"%FF", b"\xff", b"\xc3\xa9", b"\xe9", b"\n", b"\xc2\x85", b"\x85", b"a", b" "]
    raw = {b"".join(dice.choices(pieces, k=dice.randrange(1, 4))) for _ in range(2000)}
    assert len({escaped(named(name, "ascii")) for name in raw}) == len(raw)


OLD_NAMES = {
    "gb18030": ["第一章 我们的国家.txt", "第二章 人民的生活.txt", "说明.txt"],
    "big5hkscs": ["第一章 我們的國家.txt", "第二章 人民的生活.txt", "說明.txt"],
    "cp932": ["これはペンです.txt", "それはほんです.txt"],
    "cp949": ["이것은 책이다.txt", "나는 사람이다.txt"],
}


@pytest.mark.parametrize("charset", OLD_NAMES)
def test_names_of_a_zip_in_an_old_charset_are_read_together(charset: str) -> None:
    names = OLD_NAMES[charset]
    assert list(read("a.zip", zip_of_bytes([name.encode(charset) for name in names]))[0]) == names


def zip_of_bytes(names: list[bytes], flags: int = 0, extra: bytes = b"") -> bytes:
    """A zip whose members have these names, with the content "x" each."""
    out, listed = b"", b""
    for name in names:
        fields = (flags, 0, 0, 0, zlib.crc32(b"x"), 1, 1, len(name), len(extra))
        at = len(out)
        out += struct.pack("<4s5H3I2H", b"PK\3\4", 20, *fields) + name + extra + b"x"
        listed += struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, *fields, 0, 0, 0, 0, at) + name + extra
    return out + listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(listed), len(out), 0)


@pytest.mark.parametrize(
    ("name", "flags", "part"),
    [
        ("夜.txt".encode(), 1 << 11, "夜.txt"),
        ("夜.txt".encode(), 0, "夜.txt"),
        (b"\xff\xfe.txt", 0, "%FF%FE.txt"),
        (b"\xff.txt", 1 << 11, "%FF.txt"),
    ],
)
def test_a_name_in_no_charset_is_escaped_by_its_bytes(name: bytes, flags: int, part: str) -> None:
    assert list(read("a.zip", zip_of_bytes([name], flags))[0]) == [part]


def test_a_name_that_is_told_once_more_in_utf8_is_that() -> None:
    name = b"???.txt"
    for crc, part in ((zlib.crc32(name), "夜.txt"), (7, "???.txt")):
        field = b"\1" + struct.pack("<I", crc) + "夜.txt".encode()
        data = zip_of_bytes([name], extra=struct.pack("<2H", 0x7075, len(field)) + field)
        assert list(read("a.zip", data)[0]) == [part]


def test_a_name_of_a_tar_that_is_not_utf8_is_read_or_escaped() -> None:
    for raw, part in (
        ("我们的国家和人民.txt".encode("gbk"), "我们的国家和人民.txt"),
        (b"caf\xe9.txt", "café.txt"),
        (b"\xff\xfe.txt", "%FF%FE.txt"),
    ):
        data = as_tar({raw.decode("utf-8", "surrogateescape"): b"x"}, tarfile.GNU_FORMAT)
        assert list(read("a.tar", data)[0]) == [part]


def test_a_name_that_is_there_twice_is_two_documents(house: Any) -> None:
    members = [("a.txt", b"old"), ("./a.txt", b"new"), ("b.jsonl", b'{"id": 1, "text": "x"}'), ("b.jsonl", b"{}")]
    out, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar, zipfile.ZipFile(packed, "w") as zipped, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            zipped.writestr(name, content)
    house.write("a.tar", out.getvalue())
    house.write("b.zip", packed.getvalue())
    found = {f"{name}#{part}": text for name in ("a.tar", "b.zip") for part, text in PARTS.items()}
    assert house.texts(house.night()) == found


PARTS = {"a.txt": "old", "a.txt-2": "new", "b.jsonl#1": "x"}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "passed over: link"),
        (tarfile.LNKTYPE, "passed over: link"),
        (tarfile.CHRTYPE, "passed over: device"),
        (tarfile.FIFOTYPE, "passed over: device"),
        (b"M", "part of a split member"),
        (tarfile.GNUTYPE_SPARSE, "sparse member"),
    ],
)
def test_what_is_no_plain_file_in_a_tar_costs_itself(kind: bytes, reason: str) -> None:
    odd = tarfile.TarInfo("odd.txt")
    odd.type, odd.linkname = kind, "/etc/passwd"
    data = odd.tobuf(tarfile.GNU_FORMAT) + as_tar({"a.txt": b"x"})
    assert read("a.tar", data) == ({"a.txt": "x"}, [f"2 (odd.txt): {reason}"])


def test_folders_are_no_members() -> None:
    folder = tarfile.TarInfo("docs")
    folder.type = tarfile.DIRTYPE
    old = tarfile.TarInfo("old/")
    old.type = tarfile.AREGTYPE
    data = folder.tobuf() + old.tobuf() + as_tar({"docs/a.txt": b"x"})
    assert read("a.tar", data) == ({"docs/a.txt": "x"}, [])
    assert read("a.zip", as_zip({"docs/": b"", "docs/a.txt": b"x"})) == ({"docs/a.txt": "x"}, [])


def test_a_sparse_member_of_pax_costs_itself() -> None:
    member = tarfile.TarInfo("a.txt")
    member.size, member.pax_headers = (
        3,
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "real.txt"},
    )
    data = member.tobuf(tarfile.PAX_FORMAT) + b"abc".ljust(512, b"\0") + as_tar({"b.txt": b"x"})
    assert read("a.tar", data) == ({"b.txt": "x"}, ["2 (real.txt): sparse member"])


def test_links_and_encrypted_members_of_a_zip_cost_themselves() -> None:
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.txt", "x")
        packed.writestr(link, "/etc/passwd")
    assert read("a.zip", out.getvalue()) == ({"a.txt": "x"}, ["2 (link.txt): passed over: link"])
    secret = zip_of_bytes([b"a.txt", b"b.txt"], flags=1)
    assert read("a.zip", secret) == ({}, ["1 (2 of them, as a.txt): encrypted member"])


def test_a_zip_of_64_bits_is_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed, packed.open("a.txt", "w", force_zip64=True) as member:
        member.write(b"x")
    assert read("a.zip", out.getvalue()) == ({"a.txt": "x"}, [])
    data = zip_of_bytes([b"a.txt", b"b.txt"])
    at = data.index(b"PK\1\2")
    listed = data[at:-22]
    wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(listed), at)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at + len(listed), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert read("a.zip", data[:at] + listed + wide + locator + end) == ({"a.txt": "x", "b.txt": "x"}, [])


def test_numbers_in_base_256_and_sums_of_old_systems_are_read() -> None:
    head = bytearray(tarfile.TarInfo("é.txt").tobuf(tarfile.GNU_FORMAT))
    head[124:136] = b"\x80" + (1).to_bytes(11, "big")
    signed = sum(byte - 256 if byte > 127 else byte for byte in head[:148] + head[156:]) + 8 * 32
    head[148:156] = b"%06o\0 " % signed
    assert read("a.tar", bytes(head) + b"x".ljust(512, b"\0") + bytes(1024)) == ({"é.txt": "x"}, [])


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.zst", "tar.xz", "tar.bz2"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_what_stands_before_a_cut_is_kept_and_the_rest_is_told(ending: str, share: float) -> None:
    dice = random.Random(1)
    files = {f"{number}.txt": bytes(dice.choices(b"abcdefgh ", k=5_000)) for number in range(200)}
    pack: dict[str, Callable[[bytes], bytes]] = {
        "tar": bytes,
        "tar.gz": gzip.compress,
        "tar.zst": zstandard.compress,
        "tar.xz": lzma.compress,
        "tar.bz2": lambda content: bz2.compress(content, 1),
    }
    data = pack[ending](as_tar(files))
    texts, bad = read(f"a.{ending}", data[: int(len(data) * share)])
    assert 0 <= len(texts) < 200 and (share < 0.5 or len(texts) > 10)
    assert list(texts.items()) == [(name, content.decode()) for name, content in files.items()][: len(texts)]
    assert bad[-1].startswith("truncated")


def test_a_cut_archive_stops_the_night(house: Any) -> None:
    house.settings = {"max_bad_share": 0.01}
    house.write("a.tar", as_tar({f"{number}.txt": b"some text" * 50 for number in range(200)})[:100_000])
    with pytest.raises(GuardStop):
        house.night()


DAMAGED: dict[str, tuple[str, bytes, str]] = {
    "no zip": ("a.zip", b"no zip at all" * 10, "damaged zip"),
    "no list": ("a.zip", as_zip(FILES)[:-60], "damaged zip"),
    "half a list": ("a.zip", as_zip(FILES)[:-22][:-40] + as_zip(FILES)[-22:], "damaged zip"),
    "too few in the list": (
        "a.zip",
        zip_of_bytes([b"a.txt"])[:-12] + b"\2\0" + zip_of_bytes([b"a.txt"])[-10:],
        "damaged zip",
    ),
    "nothing in a zip": ("a.zip", as_zip({}), "empty file"),
    "no bytes, zip": ("a.zip", b"", "empty file"),
    "no bytes, tar": ("a.tar", b"", "empty file"),
    "nothing in a tar": ("a.tar", bytes(10240), "empty file"),
    "no tar": ("a.tar", b"no tar at all" * 100, "damaged tar"),
    "less than a header": ("a.tar", b"x" * 100, "truncated tar"),
    "a header alone": ("a.tar", as_tar({"a.txt": b"x"})[:512], "truncated tar"),
    "no end": ("a.tar", as_tar({"a.txt": b"x"})[:1024], "no end of the archive"),
    "data behind": ("a.tar", as_tar({"a.txt": b"x"}) + b"more" * 200, "data behind the end of the archive"),
    "a name alone": ("a.tar", as_tar({"x" * 300: b"x"}, tarfile.GNU_FORMAT)[:1024], "truncated tar"),
}


@pytest.mark.parametrize(("name", "data", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_wrong_with_a_whole_archive_is_told(name: str, data: bytes, reason: str) -> None:
    assert read(name, data)[1][-1] == reason


def test_a_damaged_header_ends_no_tar_in_silence() -> None:
    data = bytearray(as_tar({"a.txt": b"x", "b.txt": b"y", "c.txt": b"z"}, tarfile.USTAR_FORMAT))
    data[1024 + 3] ^= 0xFF
    assert read("a.tar", bytes(data)) == ({"a.txt": "x"}, ["damaged tar"])


def endless_name(kind: bytes) -> bytes:
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 8 << 30
    return gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(4 << 20))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_without_end_is_not_held(kind: bytes) -> None:
    assert read("a.tar.gz", endless_name(kind)) == ({}, ["header of a member longer than 1 MiB"])


@pytest.mark.parametrize("records", [b"99999 path=a.txt\n", b"9 size=x\n", b"0 path=a\n", b"nonsense", b"9 size=-1\n"])
def test_an_extended_header_that_is_wrong_is_damage(records: bytes) -> None:
    assert read("a.tar", with_records(records)) == ({}, ["damaged tar"])


def test_an_extended_header_renames_the_member_behind_it_alone() -> None:
    assert read("a.tar", with_records(b"14 path=b.txt\n")) == ({"b.txt": "x", "c.txt": "y"}, [])


def with_records(records: bytes) -> bytes:
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.XHDTYPE, len(records)
    return head.tobuf() + records.ljust(512, b"\0") + as_tar({"a.txt": b"x", "c.txt": b"y"}, tarfile.USTAR_FORMAT)


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


@pytest.mark.parametrize("seed", range(4))
def test_whatever_bytes_are_changed_a_reason_is_all_that_comes(seed: int) -> None:
    dice = random.Random(seed)
    samples = [data for data in PACKED.values() if len(data[1]) < 20_000]
    for _ in range(150):
        name, content = dice.choice(samples)
        data = bytearray(content)
        for _ in range(dice.choice([1, 3, 10])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        cut = dice.choice([len(data), dice.randrange(1, len(data))])
        read(name, bytes(data[:cut]))


def packed_lines(number: int, more: str = "") -> dict[str, bytes]:
    lines = [json.dumps({"id": f"r{n}", "text": f"text {n}"}) for n in range(number)]
    return {"a.jsonl": "\n".join([*lines, "broken"]).encode(), "b.png": b"x", "c.txt": f"whole{more}".encode()}


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_a_changed_archive_brings_its_changed_documents_and_withdraws_what_left(house: Any, name: str) -> None:
    def write(files: Files) -> None:
        house.write(name, as_zip(files) if name == "a.zip" else as_tar(files, mode="w:gz"))

    write(packed_lines(5))
    house.night()
    write({"new.txt": b"new", **packed_lines(4, "!")})
    plan = house.night()
    assert house.texts(plan) == {f"{name}#new.txt": "new", f"{name}#c.txt": "whole!"}
    assert len(plan.tombstones) == 2 and len(house.live_ids()) == 6
    ((file,),) = [shard.files for shard in plan.shards]
    assert list(file.lines) == [1, 6, 7, 8]


def test_a_format_of_an_archive_is_told_of_the_document(house: Any) -> None:
    house.write("a.zip", as_zip({"a.html": b"<p>x</p>", "b.md": b"# x"}))
    assert [row["format"] for row in house.rows(house.night())] == ["html", "markdown"]


def test_what_is_bad_has_a_place_of_its_own() -> None:
    data = as_tar({"a.jsonl": b"broken\n" * 3, "b.txt": b"caf\xe9"})
    bad = list(read_with(READERS, SourceFile("a.tar", io.BytesIO(data), len(data)), OPTIONS))
    assert bad == [
        Bad(1, "invalid JSON", 1, "a.jsonl:1"),
        Bad(2, "invalid JSON", 1, "a.jsonl:2"),
        Bad(3, "invalid JSON", 1, "a.jsonl:3"),
        Bad(4, "not UTF-8", 1, "b.txt"),
    ]


def test_a_member_that_is_cut_is_weighed_by_itself(house: Any) -> None:
    house.settings = {"max_bad_share": 0.01}
    line = b'{"text": "one of many lines"}\n'
    files = {f"{number}.jsonl": line * 10 for number in range(300)}
    house.write("a.zip", as_zip({**files, "cut.jsonl.gz": gzip.compress(line * 10)[:-5]}))
    plan = house.night()
    assert len(house.rows(plan)) == 3010
    assert house.quarantine(plan) == ["a.zip:3011 (cut.jsonl.gz): truncated gzip"]
    house.write("b.zip", as_zip({"cut.jsonl.gz": gzip.compress(line * 100)[:-5], **dict([*files.items()][:50])}))
    with pytest.raises(GuardStop, match="100 of "):
        house.night()
