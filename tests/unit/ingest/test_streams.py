"""Bytes in bounded pieces: lines, limits, and compressed files that are cut, flipped or endless."""

import gzip
import io
import tracemalloc
from collections.abc import Iterator

import pytest
import zstandard

from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.streams import Stream, lines, to_utf8, whole

TEXT = "夜里的文字。night text\n".encode() * 5000


def stream(data: bytes, compression: str = "") -> Stream:
    return Stream(io.BytesIO(data), compression, len(data), max_expansion=200)


def read(data: bytes, compression: str) -> bytes:
    return b"".join(stream(data, compression).chunks())


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_end_only_at_newline_however_the_bytes_arrive(size: int) -> None:
    data = "a\u2028b\r\n\n长的一行\nlast".encode()
    assert list(lines(pieces(data, size), 100)) == [
        (1, "a\u2028b\r".encode()),
        (2, b""),
        (3, "长的一行".encode()),
        (4, b"last"),
    ]


def test_a_final_newline_starts_no_line() -> None:
    assert list(lines(iter([b"a\n"]), 10)) == [(1, b"a")]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_line_over_the_limit_is_given_as_none_and_the_next_is_whole(size: int) -> None:
    assert list(lines(pieces(b"12345\n123456\nok\n1234567", size), 5)) == [
        (1, b"12345"),
        (2, None),
        (3, b"ok"),
        (4, None),
    ]


def test_an_endless_line_is_never_held() -> None:
    tracemalloc.start()
    try:
        assert list(lines((b"x" * 65536 for _ in range(1000)), 1 << 20)) == [(1, None)]  # 64 MB
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()


def test_whole_refuses_what_is_longer_and_stops_reading() -> None:
    source = iter([b"123", b"456", b"789"])
    with pytest.raises(Unreadable, match=r"longer than 0\.00488281 KiB"):
        whole(source, 5)
    assert next(source) == b"789"


def test_whole_takes_what_is_just_as_long() -> None:
    assert whole(iter([b"123", b"45"]), 5) == b"12345"


def test_gzip_of_several_members_and_padding_reads_as_one_text() -> None:
    assert read(gzip.compress(TEXT) + gzip.compress(b"more") + b"\0" * 10, ".gz") == TEXT + b"more"


def test_zstd_of_several_frames_reads_as_one_text() -> None:
    assert read(zstandard.compress(TEXT) + zstandard.compress(b"more"), ".zst") == TEXT + b"more"


@pytest.mark.parametrize(("compression", "name"), [(".gz", "gzip"), (".zst", "zstd")])
def test_a_cut_file_gives_what_lies_before_the_cut_and_says_so(compression: str, name: str) -> None:
    packed = gzip.compress(TEXT) if compression == ".gz" else zstandard.compress(TEXT)
    got = b""
    with pytest.raises(Unreadable, match=f"truncated {name}"):
        for chunk in stream(packed[:-3], compression).chunks():
            got += chunk
    assert got
    assert TEXT.startswith(got)


@pytest.mark.parametrize(("compression", "name"), [(".gz", "gzip"), (".zst", "zstd")])
def test_a_file_of_another_kind_is_damaged(compression: str, name: str) -> None:
    with pytest.raises(Unreadable, match=f"damaged {name}"):
        read(b"plain text under a wrong name", compression)


def test_a_flipped_checksum_of_gzip_is_noticed() -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    with pytest.raises(Unreadable, match="damaged gzip"):
        read(bytes(packed), ".gz")


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
def test_an_empty_file_says_so(compression: str) -> None:
    with pytest.raises(Unreadable, match="empty file"):
        read(b"", compression)


@pytest.mark.parametrize("compression", [".gz", ".zst"])
def test_a_bomb_is_read_no_further_than_its_limit(compression: str) -> None:
    zeros = bytes(64 << 20)
    packed = gzip.compress(zeros) if compression == ".gz" else zstandard.compress(zeros)
    num_bytes = 0
    with pytest.raises(Unreadable, match="decompression bomb"):
        for chunk in stream(packed, compression).chunks():
            num_bytes += len(chunk)
    assert num_bytes <= 16 << 20  # 64 KiB of gzip, 2 KiB of zstd: below 16 MiB times 200 of their size


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_to_utf8_drops_the_mark_and_keeps_the_text(encoding: str) -> None:
    data = "第一行\nsecond 🌙".encode(encoding)
    assert b"".join(to_utf8(pieces(data, 5))) == "第一行\nsecond 🌙".encode()


def test_utf16_cut_within_a_character_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="not UTF-16"):
        list(to_utf8(iter(["夜".encode("utf-16")[:-1]])))


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_dictionary_before_the_frames_is_used(is_packed: bool) -> None:
    pages = [f"page {number} of the night: {TEXT[:90].decode()}".encode() for number in range(200)]
    told = zstandard.train_dictionary(2_000, pages)
    held = zstandard.compress(told.as_bytes()) if is_packed else told.as_bytes()
    packer = zstandard.ZstdCompressor(dict_data=told)
    data = b"\x5d\x2a\x4d\x18" + len(held).to_bytes(4, "little") + held + b"".join(map(packer.compress, pages))
    assert read(data, ".zst") == b"".join(pages)
    with pytest.raises(Unreadable, match="zstd"):
        read(data[8 + len(held) :], ".zst")


def test_a_frame_that_is_to_be_skipped_is_skipped() -> None:
    skipped = b"\x50\x2a\x4d\x18\5\0\0\0abcde"
    assert read(skipped + zstandard.compress(b"a") + skipped + zstandard.compress(b"b"), ".zst") == b"ab"


def test_a_dictionary_of_any_size_is_not_held() -> None:
    for size, held in ((1 << 31, b""), (100, zstandard.compress(bytes(17 << 20)))):
        with pytest.raises(Unreadable, match=r"over 16 MiB|decompression bomb"):
            read(b"\x5d\x2a\x4d\x18" + (len(held) or size).to_bytes(4, "little") + held, ".zst")
