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
from typing import Any

import pytest
import zstandard

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.members import escaped, named
from pipeline_lib.ingest.readers import READERS, read_with
from pipeline_lib.ingest.records import Bad, SourceFile
from pipeline_lib.ingest.unread import MOST_KINDS
from tests.made_archives import OPTIONS, PACKED, TEXTS, Files, as_tar, as_zip, read, zip_of_bytes


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
        "a.tar:8 (odd.%0A): passed over: other suffix",
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
