"""Token shards that lie together: where the rows of each are, by its own name.

    artifacts/joined/<fingerprint>/
        tokens.arrow         tokens.v2: all rows of its shards, in order; a document that had left is an empty row
        left.parquet         those rows, and how many tokens they had
        parts.json.gz        of each shard its first row, how many it has, and its manifest
        <shard>/...          its small files, as they were

Nothing else knows a shard by another name than its own: tables, snapshots and cursors go on naming it, with the numbers
of its rows. So what is made of the text is the same bytes before and after. Here is where a shard is looked up; what a
reader gets is said by `store/joined.py`.
"""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.store.artifact import MANIFEST, Manifest, Ref, as_manifest, canonical, read_manifest

TOKENS_FILE = "tokens.arrow"  # here, since schemas.py loads Arrow, and whoever looks up an artifact comes here
JOINED = "joined"  # the word of their folder
OF_TOKENS = "tokenize"  # and of that of the shards that lie in them
LEFT_FILE = "left.parquet"
PARTS_FILE = "parts.json.gz"


@dataclass(frozen=True)
class Span:
    """The rows of a shard among those of others."""

    first: int
    count: int
    left: Path  # left.parquet


@dataclass(frozen=True)
class Part:
    """A token shard as it lies among others."""

    shard: str  # fingerprint
    joined: Ref  # where it lies
    first: int  # its first row there
    count: int  # rows
    manifest: Manifest  # its own
    of: Manifest  # that of what it lies in

    @property
    def needs(self) -> tuple[str, ...]:
        """The files that have something of it."""
        own = f"{self.shard}/"
        return (TOKENS_FILE, LEFT_FILE, PARTS_FILE, *(file.name for file in self.of.files if file.name.startswith(own)))


def parts_of(root: Path, ref: Ref) -> list[Part]:
    """Where a token shard lies below the root of a store, what was made last first. Whether it is whole nobody asks."""
    if ref.stage != OF_TOKENS:
        return []
    found = (own[ref.fingerprint] for own in _all_in(root) if ref.fingerprint in own)
    return sorted(found, key=lambda part: (-part.of.created, part.joined))


def write_parts(shards: Mapping[str, tuple[int, int, Manifest]], folder: Path) -> None:
    """Write which shards there are: of each its first row, how many it has, and its manifest."""
    rows = [
        {"shard": shard, "first": first, "count": count, "manifest": asdict(manifest)}
        for shard, (first, count, manifest) in shards.items()
    ]
    content = canonical({"parts": rows}).encode()
    (folder / PARTS_FILE).write_bytes(gzip.compress(content, mtime=0))


def _all_in(root: Path) -> list[Mapping[str, Part]]:
    found = []
    for folder in (root / JOINED).glob("[!.]*"):
        try:
            stamps = tuple((folder / name).stat() for name in (MANIFEST, PARTS_FILE))
        except OSError:
            continue
        found.append(_parts_in(folder, tuple((one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for one in stamps)))
    return found


@lru_cache(maxsize=256)
def _parts_in(folder: Path, _stamps: tuple[tuple[int, ...], ...]) -> Mapping[str, Part]:
    """The shards of one folder, as of these stamps; none where it cannot be read: it is damaged."""
    try:
        whole = read_manifest(folder)
        return {
            row["shard"]: Part(row["shard"], whole.ref, row["first"], row["count"], as_manifest(row["manifest"]), whole)
            for row in json.loads(gzip.decompress((folder / PARTS_FILE).read_bytes()))["parts"]
        }
    except (DamagedArtifact, OSError, EOFError, ValueError, KeyError, TypeError, zlib.error):
        return {}
