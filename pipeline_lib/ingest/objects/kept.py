"""The list of what landed: an object a line, in the order of names.

objects.jsonl.gz      {"name": ..., "version": ..., "num_bytes": ..., "told": {...}, "digest": ...}
objects/5c/90...      each, under a hash of its name: a key of a store need not be the name of a file
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import xxhash

KEPT_FILE = "objects.jsonl.gz"
FOLDER = "objects"


class Kept(NamedTuple):
    """An object as it landed."""

    name: str
    version: str  # "": the next night fetches it again
    num_bytes: int  # of its own
    told: Mapping[str, str]
    digest: str  # of its file, what is told included


def place_in(landing: Path, name: str) -> Path:
    """Where the object of this name lies."""
    hashed = xxhash.xxh3_128_hexdigest(name.encode("utf-8", "surrogatepass"))
    return landing / FOLDER / hashed[:2] / hashed[2:]


def write_kept(kept: Iterable[Kept], landing: Path) -> None:
    """Write the list; the same objects give the same bytes."""
    with (
        (landing / KEPT_FILE).open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as out,
    ):
        for one in kept:
            out.write(json.dumps(one._asdict()).encode() + b"\n")


def read_kept(landing: Path) -> dict[str, Kept]:
    """What a landing holds, by name."""
    with gzip.open(landing / KEPT_FILE, "rt", encoding="utf-8") as lines:
        return {one.name: one for one in (Kept(**json.loads(line)) for line in lines)}
