"""In which piece of a landing each row lies, kept apart from the landing and longer.

    state/landings/<source>.parquet     a line a row, in the order of the pieces: the hash of its id, its piece

A piece is to ingest what a file of a folder is: a row that came into another one would be withdrawn there and taken in
here again, perhaps on another side. So when a landing is lost, the next one, for which all rows are fetched again, puts
them where they lay: what is as it was becomes the same bytes. Without this file, or with a broken one, the rows are
put into pieces by their order alone. (Hashes and no ids: these may be names of people. 200,000 rows: 3 MB, 0.1 s.)
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline_lib.store.tables import TableWriter, iterate

PLACES_SCHEMA = pa.schema([pa.field("row", pa.binary(16), nullable=False), pa.field("piece", pa.string())])


def places_path(workspace: Path, source: str) -> Path:
    """Where the places of the rows of a source are kept."""
    return workspace / "state" / "landings" / f"{source}.parquet"


def kept_beside(places: Path) -> Path:
    """Where a landing that takes long keeps what shall survive a kill; whoever keeps the landing clears it away."""
    return places.parents[2] / "work" / "landings" / places.stem


def keep_places(landing: Path, path: Path) -> None:
    """Write where the rows of a landing lie, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with TableWriter(temporary, PLACES_SCHEMA) as writer:
        for piece in sorted(landing.glob("*.parquet")):
            for part in iterate(piece, ["id"]):
                rows = [hash_of_id(row_id) for row_id in part["id"].to_pylist()]
                writer.write(pa.table({"row": rows, "piece": [piece.name] * len(rows)}, PLACES_SCHEMA))
    temporary.replace(path)


def read_places(path: Path) -> Iterator[tuple[bytes, str]]:
    """(hash of the id, piece) of each row, in order; nothing, or no more, where the file cannot be read."""
    try:
        for part in iterate(path):
            yield from zip(part["row"].to_pylist(), part["piece"].to_pylist(), strict=True)
    except (OSError, KeyError, pa.ArrowException):
        return


def forget_rows(landing: Path, path: Path, urls: Collection[str]) -> None:
    """Take the rows with these urls out of the places; which rows that are is asked of their landing."""
    wanted = pa.array(sorted(urls), pa.string())
    gone = set[bytes]()
    for piece in sorted(landing.glob("*.parquet")):
        for part in iterate(piece, ["id", "url"]):
            own = part.filter(pc.is_in(part["url"], wanted))
            gone.update(hash_of_id(row_id) for row_id in own["id"].to_pylist())
    left = [row for row in read_places(path) if row[0] not in gone]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with TableWriter(temporary, PLACES_SCHEMA) as writer:
        writer.write(pa.table({"row": [row for row, _ in left], "piece": [piece for _, piece in left]}, PLACES_SCHEMA))
    temporary.replace(path)


def hash_of_id(row_id: str) -> bytes:
    """xxh3_128 of the id of a row."""
    return xxhash.xxh3_128_digest(row_id.encode())
