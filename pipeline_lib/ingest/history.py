"""What earlier batches of a source say: which files were read, which documents are live and where they lie.

Batch artifacts are asked, not shards: shards may be damaged or gone and the history still stands. For a batch that has
to be rebuilt its plan is asked, and the shards that are whole; the files of the others are as they were (or the batch
would have been given up), so that nobody asks for their documents.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline_lib.ingest.plan import INVENTORY_FILE, MEMBERS_FILE, TOMBSTONES_FILE, BatchPlan, Tombstone
from pipeline_lib.ingest.stage import STAGE
from pipeline_lib.ingest.tables import MEMBERS_SCHEMA
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import LEDGER_FILE
from pipeline_lib.store.tables import read_table

Place = tuple[str, int]  # batch, index of the shard


@dataclass(frozen=True)
class KnownFile:
    """A file as an earlier batch read it, and the digest of the settings that it was read with."""

    digest: str
    reading: str


def known_files(store: Store, batches: Sequence[str | BatchPlan]) -> dict[str, KnownFile]:
    """The inventories folded, oldest first: each file that is there by them, as it was read last."""
    files: dict[str, KnownFile] = {}
    for batch in batches:
        reading, inventory = _inventory(store, batch)
        for path, digest in inventory:
            if digest is None:
                files.pop(path, None)
            else:
                files[path] = KnownFile(digest, reading)
    return files


def live_documents(
    store: Store, batches: Sequence[str | BatchPlan], paths: Collection[str]
) -> dict[str, dict[str, Place]]:
    """For each of these files its live documents by id, and where they lie."""
    live: dict[str, dict[str, Place]] = {path: {} for path in paths}
    gone: set[tuple[str, Place]] = set()
    for batch in reversed(batches):  # so that each tombstone is known before the document that it names
        name = batch if isinstance(batch, str) else batch.fingerprint
        for members in _members(store, batch):
            for path, document_id, shard in _rows(members, paths):
                if (document_id, (name, shard)) not in gone:
                    live[path][document_id] = (name, shard)
        gone |= {(stone.document_id, (stone.batch, stone.shard)) for stone in batch_tombstones(store, batch)}
    return live


def batch_tombstones(store: Store, batch: str | BatchPlan) -> Sequence[Tombstone]:
    """The documents of earlier batches that leave with this one."""
    if isinstance(batch, BatchPlan):
        return batch.tombstones
    return [Tombstone(**row) for row in _table(store, batch, TOMBSTONES_FILE).to_pylist()]


def _inventory(store: Store, batch: str | BatchPlan) -> tuple[str, Iterable[tuple[str, str | None]]]:
    """How the files of a batch were read; each with its digest, None for one that was gone."""
    if isinstance(batch, BatchPlan):
        read = [(file.path, file.digest) for shard in batch.shards for file in shard.files]
        return batch.reading, [*read, *((path, None) for path in batch.gone)]
    table = _table(store, batch, INVENTORY_FILE)
    reading = str(store.read(STAGE, batch).facts["reading"])
    return reading, zip(table["path"].to_pylist(), table["digest"].to_pylist(), strict=True)


def _members(store: Store, batch: str | BatchPlan) -> Iterator[pa.Table]:
    """Tables of document_id, path and shard."""
    if isinstance(batch, str):
        yield _table(store, batch, MEMBERS_FILE)
        return
    for shard in batch.shards:
        if store.condition(STAGE, shard.fingerprint).is_present:
            ledger = _table(store, shard.fingerprint, LEDGER_FILE)
            index = pa.array([shard.index] * ledger.num_rows, pa.int32())
            yield pa.table([ledger["document_id"], ledger["file"], index], schema=MEMBERS_SCHEMA)


def _rows(members: pa.Table, paths: Collection[str]) -> Iterator[tuple[str, str, int]]:
    """(path, document_id, shard) of the documents of these files."""
    import pyarrow.compute as pc  # here, since a night with nothing changed has no need of it

    wanted = members.filter(pc.is_in(members["path"], pa.array(sorted(paths), pa.string())))
    return zip(*(wanted[name].to_pylist() for name in ("path", "document_id", "shard")), strict=True)


def _table(store: Store, name: str, file_name: str) -> pa.Table:
    return read_table(store.open(STAGE, name, files=[file_name]).file(file_name))
