"""What earlier batches of a source say: which files were read, which documents are live and where they lie.

Only batch artifacts are asked, never shards: shards may be damaged or gone and the history still stands.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_lib.artifact import Store
from pipeline_lib.ingest.plan import INVENTORY_FILE, MEMBERS_FILE, TOMBSTONES_FILE, Tombstone
from pipeline_lib.ingest.stage import STAGE

Place = tuple[str, int]  # batch, index of the shard


@dataclass(frozen=True)
class KnownFile:
    """A file as an earlier batch read it, and the digest of the settings that it was read with."""

    digest: str
    reading: str


def known_files(store: Store, batches: Sequence[str]) -> dict[str, KnownFile]:
    """The inventories folded, oldest first: each file that is there by them, as it was read last."""
    files: dict[str, KnownFile] = {}
    for batch in batches:
        reading = str(store.read(STAGE, batch).facts["reading"])
        inventory = _table(store, batch, INVENTORY_FILE)
        for path, digest in zip(inventory["path"].to_pylist(), inventory["digest"].to_pylist(), strict=True):
            if digest is None:
                files.pop(path, None)
            else:
                files[path] = KnownFile(digest, reading)
    return files


def live_documents(store: Store, batches: Sequence[str], paths: Collection[str]) -> dict[str, dict[str, Place]]:
    """For each of these files its live documents by id, and where they lie."""
    import pyarrow.compute as pc  # here, since a night with nothing changed has no need of it

    live: dict[str, dict[str, Place]] = {path: {} for path in paths}
    gone: set[tuple[str, Place]] = set()
    for batch in reversed(batches):  # so that each tombstone is known before the document that it names
        members = _table(store, batch, MEMBERS_FILE)
        members = members.filter(pc.is_in(members["path"], pa.array(sorted(paths), pa.string())))
        columns = (members[name].to_pylist() for name in ("path", "document_id", "shard"))
        for path, document_id, shard in zip(*columns, strict=True):
            if (document_id, (batch, shard)) not in gone:
                live[path][document_id] = (batch, shard)
        gone |= {(stone.document_id, (stone.batch, stone.shard)) for stone in batch_tombstones(store, batch)}
    return live


def batch_tombstones(store: Store, batch: str) -> list[Tombstone]:
    """The documents of earlier batches that leave with this one."""
    return [Tombstone(**row) for row in _table(store, batch, TOMBSTONES_FILE).to_pylist()]


def _table(store: Store, batch: str, name: str) -> pa.Table:
    with pq.ParquetFile(store.open(STAGE, batch, files=[name]).file(name)) as file:  # read_table imports 0.1 s more
        return file.read()
