"""What earlier batches of a source say: which files were read, which documents are live and where they lie.

Batch artifacts are asked, not shards: shards may be damaged, released or gone and the history still stands. For a batch
that has to be rebuilt its plan is asked, and the shards that are whole; the files of the others are as they were (or
the batch would have been given up), so that nobody asks for their documents.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from pipeline_lib.ingest.plan import (
    INVENTORY_FILE,
    LEDGER_FILE,
    MEMBERS_FILE,
    STAGE,
    TOMBSTONES_FILE,
    BatchPlan,
    FilePlan,
    Tombstone,
)
from pipeline_lib.ingest.tables import MEMBERS_SCHEMA
from pipeline_lib.store.local import Store
from pipeline_lib.store.tables import iterate, read_table

Place = tuple[str, int]  # batch, index of the shard


@dataclass(frozen=True)
class KnownFile:
    """A file as an earlier batch read it, and the digest of the settings that it was read with."""

    digest: str
    reading: str

    def is_as(self, file: FilePlan, reading: str) -> bool:
        """Whether the file holds what it held, and would be read as it was."""
        return (self.digest, self.reading) == (file.digest, reading)


class Past(Protocol):
    """All that a scan asks of earlier batches."""

    def known_files(self, source: str) -> Mapping[str, KnownFile]:
        """Each file that is there by them, as it was read last."""

    def live_documents(self, source: str, paths: Collection[str]) -> Mapping[str, Mapping[str, Place]]:
        """For each of these files its live documents by id, and where they lie."""


@dataclass(frozen=True)
class PlannedBatch:
    """A batch to be rebuilt: its fingerprint, its plan, and its shards (None: not there) in the plan's order."""

    name: str
    plan: BatchPlan
    shards: tuple[str | None, ...]


@dataclass(frozen=True)
class BatchHistory:
    """The past as its batches tell it, one after the other: by source, oldest first, as fingerprints or plans."""

    store: Store
    batches: Mapping[str, Sequence[str | PlannedBatch]]

    def known_files(self, source: str) -> dict[str, KnownFile]:
        """The inventories folded."""
        files: dict[str, KnownFile] = {}
        for batch in self.batches.get(source, ()):
            reading, inventory = _inventory(self.store, batch)
            for path, digest in inventory:
                if digest is None:
                    files.pop(path, None)
                else:
                    files[path] = KnownFile(digest, reading)
        return files

    def live_documents(self, source: str, paths: Collection[str]) -> dict[str, dict[str, Place]]:
        """The members of all batches without what later ones withdraw."""
        live: dict[str, dict[str, Place]] = {path: {} for path in paths}
        gone: set[tuple[str, Place]] = set()
        for batch in reversed(self.batches.get(source, ())):  # so that a tombstone is known before what it names
            name = batch if isinstance(batch, str) else batch.name
            for members in _members(self.store, batch):
                for path, document_id, shard in _rows(members, paths):
                    if (document_id, (name, shard)) not in gone:
                        live[path][document_id] = (name, shard)
            gone |= {(stone.document_id, (stone.batch, stone.shard)) for stone in _tombstones(self.store, batch)}
        return live


def _tombstones(store: Store, batch: str | PlannedBatch) -> Sequence[Tombstone]:
    """The documents of earlier batches that leave with this one."""
    if isinstance(batch, PlannedBatch):
        return batch.plan.tombstones
    return [Tombstone(**row) for row in _table(store, batch, TOMBSTONES_FILE).to_pylist()]


def _inventory(store: Store, batch: str | PlannedBatch) -> tuple[str, Iterable[tuple[str, str | None]]]:
    """How the files of a batch were read; each with its digest, None for one that was gone."""
    if isinstance(batch, PlannedBatch):
        read = [(file.path, file.digest) for shard in batch.plan.shards for file in shard.files]
        return batch.plan.reading, [*read, *((path, None) for path in batch.plan.gone)]
    table = _table(store, batch, INVENTORY_FILE)
    reading = str(store.read(STAGE, batch).facts["reading"])
    return reading, zip(table["path"].to_pylist(), table["digest"].to_pylist(), strict=True)


def _members(store: Store, batch: str | PlannedBatch) -> Iterator[pa.Table]:
    """Tables of document_id, path and shard."""
    if isinstance(batch, str):
        yield from iterate(store.open(STAGE, batch, files=[MEMBERS_FILE]).file(MEMBERS_FILE))
        return
    for index, shard in enumerate(batch.shards):
        if shard is not None:
            ledger = _table(store, shard, LEDGER_FILE)
            indexes = pa.array([index] * ledger.num_rows, pa.int32())
            yield pa.table([ledger["document_id"], ledger["file"], indexes], schema=MEMBERS_SCHEMA)


def _rows(members: pa.Table, paths: Collection[str]) -> Iterator[tuple[str, str, int]]:
    """(path, document_id, shard) of the documents of these files."""
    import pyarrow.compute as pc  # here, since a night with nothing changed has no need of it

    wanted = members.filter(pc.is_in(members["path"], pa.array(sorted(paths), pa.string())))
    return zip(*(wanted[name].to_pylist() for name in ("path", "document_id", "shard")), strict=True)


def _table(store: Store, name: str, file_name: str) -> pa.Table:
    return read_table(store.open(STAGE, name, files=[file_name]).file(file_name))
