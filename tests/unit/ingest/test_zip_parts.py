"""Bytes that are no archive are a damaged file; a disk that fails is not."""

import io
import struct

import pytest

from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.streams import Stream
from pipeline_lib.ingest.zip_parts import Zipped
from tests.made_files import zip_of

DATA = zip_of({"a.xml": "<a/>" * 50})
END = DATA.rindex(b"PK\x05\x06")


class Failing(io.BytesIO):
    """A file on a disk that fails from some read on."""

    left = 0

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise OSError(5, "Input/output error")
        return super().read(size)


def opened(raw: io.BytesIO) -> Zipped:
    return Zipped(Stream(raw, "", len(DATA), 200), raw, "Word file")


@pytest.mark.parametrize("left", range(4))
def test_a_disk_that_fails_is_not_taken_for_a_damaged_file(left: int) -> None:
    raw = Failing(DATA)
    raw.left = left
    with pytest.raises(OSError, match=r"Input/output error"):
        b"".join(opened(raw).chunks("a.xml"))


@pytest.mark.parametrize("offset", [0, 1, END, 1 << 31, (1 << 32) - 2])
def test_a_directory_that_lies_elsewhere_is_damage(offset: int) -> None:
    data = bytearray(DATA)
    struct.pack_into("<I", data, END + 16, offset)
    with pytest.raises(Unreadable, match=r"^damaged Word file$"):
        b"".join(opened(io.BytesIO(data)).chunks("a.xml"))


@pytest.mark.parametrize("size", [0, 1, 4, 21])
def test_what_is_shorter_than_an_archive_is_damage(size: int) -> None:
    with pytest.raises(Unreadable):
        opened(io.BytesIO(DATA[:size]))
