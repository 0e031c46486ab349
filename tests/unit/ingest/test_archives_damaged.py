"""Archives that are cut or damaged: what stands before it is kept, what is lost is told."""

import bz2
import gzip
import lzma
import random
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from pipeline_lib.base.errors import GuardStop
from tests.made_archives import FILES, PACKED, as_tar, as_zip, read, zip_of_bytes


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
