"""The digest of each source file, read only if its size or times changed since it was last read.

The cache is a convenience: without it, or with a broken one, all files are read again and nothing else changes.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import xxhash

from pipeline_lib.ingest.plan import UNREADABLE
from pipeline_lib.ingest.streams import CHUNK_BYTES
from pipeline_lib.store.records import read_comfort, write_comfort

Stamp = list[int]  # size, time of the last change of content, time of the last change of its entry
Cache = dict[str, tuple[Stamp, str]]

# A file written again within the same tick of the clock keeps its stamp, so a young file is not trusted (git: "racy").
YOUNG_NS = 2_000_000_000


class Digested(NamedTuple):  # made for each file of a source, each night: not a dataclass, which takes longer
    """A file as it is now."""

    digest: str  # xxh3_128 of its bytes as stored, or UNREADABLE
    bytes: int


def digest_files(
    files: Mapping[str, Path | str], cache_path: Path, told: Mapping[str, str] | None = None
) -> dict[str, Digested]:
    """Each file with its digest. A file that vanished meanwhile is left out; one that may not be read is UNREADABLE.

    `told`: digests that the source knows; these files are not read. Where there is no workspace yet nothing is kept: a
    look at what a night would do makes none.
    """
    old = read_comfort(cache_path, Cache) or {}
    youngest = time.time_ns() - YOUNG_NS
    found: dict[str, Digested] = {}
    new: Cache = {}
    for path, place in files.items():
        try:
            status = os.stat(place)  # noqa: PTH116 - a Path for each file of each night would cost more than the rest
        except FileNotFoundError:
            continue
        if told and path in told:
            found[path] = Digested(told[path], status.st_size)
            continue
        stamp, known = stamp_of(status), old.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, _digest_of_file(Path(place), status.st_size))
        digest = known[1]
        found[path] = Digested(digest, status.st_size)
        if digest != UNREADABLE and stamp[1] < youngest and stamp[2] < youngest:
            new[path] = known  # the same one, so that it need not be compared
    if new != old and cache_path.parents[1].is_dir():
        write_comfort(cache_path, json.dumps(new).encode())
    return found


def digest_places(files: Mapping[str, Path], sizes: Mapping[str, int] | None = None) -> dict[str, str]:
    """The digest of each file, all of them read; of so many bytes of it, where its size at another time is given."""
    sizes = sizes or {}
    return {path: _digest_of_file(place, sizes.get(path)) for path, place in files.items()}


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes when a file is written. The entry's time also betrays tools that set the old time again."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def digest_of_stream(raw: BinaryIO, num_bytes: int | None = None) -> str:
    """xxh3_128 of the first `num_bytes` (None: of all), 32 hexadecimal characters; the file is at its start again then.

    A file to which somebody appends has the digest that it had when it was looked at.
    """
    digest = xxhash.xxh3_128()
    raw.seek(0)
    left = num_bytes
    while chunk := raw.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)):
        digest.update(chunk)
        left = None if left is None else left - len(chunk)
    raw.seek(0)
    return digest.hexdigest()


def _digest_of_file(place: Path, num_bytes: int | None = None) -> str:
    try:
        with place.open("rb") as raw:
            return digest_of_stream(raw, num_bytes)
    except OSError:
        return UNREADABLE
