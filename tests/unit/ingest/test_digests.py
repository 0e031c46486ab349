"""Files are read again only when their size or times changed."""

import os
import time
from pathlib import Path

import pytest
import xxhash

from pipeline_lib.ingest import digests
from pipeline_lib.ingest.digests import YOUNG_NS, digest_files


@pytest.fixture
def cache_path(tmp_path: Path) -> Path:
    return tmp_path / "cache.json"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the module runs ahead, so that files written just now are old."""
    ahead = time.time_ns() + 10 * YOUNG_NS
    monkeypatch.setattr(digests.time, "time_ns", lambda: ahead)


def write(tmp_path: Path, content: str) -> dict[str, Path]:
    (tmp_path / "a.txt").write_text(content)
    return {"a.txt": tmp_path / "a.txt"}


def test_the_digest_is_xxh3_of_the_bytes(tmp_path: Path, cache_path: Path) -> None:
    plan = digest_files(write(tmp_path, "夜"), cache_path)["a.txt"]
    assert (plan.digest, plan.bytes) == (xxhash.xxh3_128_hexdigest("夜".encode()), 3)


@pytest.mark.usefixtures("later")
def test_an_unchanged_file_is_not_read(tmp_path: Path, cache_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write(tmp_path, "one")
    first = digest_files(files, cache_path)
    monkeypatch.setattr(digests, "_digest_of_file", lambda place: pytest.fail(f"{place} was read"))
    assert digest_files(files, cache_path) == first


@pytest.mark.usefixtures("later")
def test_a_changed_file_is_read_even_with_its_old_size_and_time(tmp_path: Path, cache_path: Path) -> None:
    files = write(tmp_path, "one")
    first = digest_files(files, cache_path)
    status = (tmp_path / "a.txt").stat()
    time.sleep(0.02)  # more than a tick of the file system's clock
    write(tmp_path, "two")
    os.utime(tmp_path / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest_files(files, cache_path) != first


def test_a_file_written_just_now_is_not_trusted_to_its_stamp(tmp_path: Path, cache_path: Path) -> None:
    digest_files(write(tmp_path, "one"), cache_path)
    assert not cache_path.exists()


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("content", ["", "[]", '{"a.txt": 3}', "{", "[" * 200_000], ids=lambda text: text[:12])
def test_a_broken_cache_is_as_good_as_none(tmp_path: Path, cache_path: Path, content: str) -> None:
    files = write(tmp_path, "one")
    first = digest_files(files, cache_path)
    cache_path.write_text(content)
    assert digest_files(files, cache_path) == first


def test_a_file_that_vanished_is_left_out(tmp_path: Path, cache_path: Path) -> None:
    assert digest_files({"a.txt": tmp_path / "a.txt"}, cache_path) == {}
