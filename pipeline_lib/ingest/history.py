"""What earlier batches of a source say: which files were read, which documents are live and where they lie.

Batch artifacts are asked, not shards: shards may be damaged, released or gone and the history still stands. For a batch
that has to be rebuilt its plan is asked, and the shards that are whole; the files of the others are as they were (or
the batch would have been given up), so that nobody asks for their documents.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pyarrow as pa

from pipeline_lib.ingest.arrivals import Arrivals, own_arrivals
from pipeline_lib.ingest.packed import Live
from pipeline_lib.ingest.plan import (
    ARRIVALS_FILE,
    INVENTORY_FILE,
    LEDGER_FILE,
    MEMBERS_FILE,
    STAGE,
    TOMBSTONES_FILE,
    BatchPlan,
)
from pipeline_lib.ingest.tables import KNOWN_SCHEMA, MEMBERS_SCHEMA
from pipeline_lib.store.local import Store
from pipeline_lib.store.tables import PIECE_ROWS, iterate, iterate_evenly, read_table


class KnownFile(NamedTuple):  # as Digested
    """A file as an earlier batch read it, and the digest of the settings that it was read with.

    One that is gone stays known: should it come back, its documents are on the side where they were.
    """

    digest: str | None  # None: it is gone
    reading: str
    heldout_share: float | None = 0.0  # in force when it first arrived; None: an earlier batch says it

    @property
    def is_there(self) -> bool:
        """Whether the last batch that names it read it."""
        return self.digest is not None

    def is_as(self, digest: str, reading: str) -> bool:
        """Whether the file holds what it held, and would be read as it was."""
        return self.digest == digest and self.reading == reading


class Past(Protocol):
    """All that a scan asks of earlier batches."""

    def files(self) -> Mapping[str, KnownFile]:
        """Each file that ever was there, as it was read last."""

    def live_documents(self, paths: Collection[str]) -> Live:
        """The live documents of these files, and where they lie."""

    def arrivals(self) -> Arrivals:
        """The shares of documents that have urls of their own, also of those that left."""


@dataclass(frozen=True)
class PlannedBatch:
    """A batch to be rebuilt: its fingerprint, its plan, and its shards (None: not there) in the plan's order."""

    name: str
    plan: BatchPlan
    shards: tuple[str | None, ...]


def tombstones_of(store: Store, batch: str | PlannedBatch) -> Iterator[pa.Table]:
    """Tables of TOMBSTONES_SCHEMA: the documents of earlier batches that leave with this one."""
    if isinstance(batch, PlannedBatch):
        yield from batch.plan.tombstones.tables(PIECE_ROWS)
    else:
        yield from iterate_evenly(store.open(STAGE, batch, files=[TOMBSTONES_FILE]).file(TOMBSTONES_FILE))


def inventory_of(store: Store, batch: str | PlannedBatch) -> pa.Table:
    """The files of a batch as it read them, and those that were gone, as KNOWN_SCHEMA."""
    if isinstance(batch, PlannedBatch):
        files = [file for shard in batch.plan.shards for file in shard.files]
        gone: list[None] = [None] * len(batch.plan.gone)
        columns = [
            [*(file.path for file in files), *batch.plan.gone],
            [*(file.digest for file in files), *gone],
            [*(batch.plan.reading for _ in files), *("" for _ in gone)],
            [*(file.heldout_share for file in files), *gone],
        ]
        return pa.table(columns, KNOWN_SCHEMA)
    import pyarrow.compute as pc

    reading = str(store.read(STAGE, batch).facts["reading"])
    table = _table(store, batch, INVENTORY_FILE)
    read_with = pc.if_else(pc.is_valid(table["digest"]), reading, "")
    return pa.table([table["path"], table["digest"], read_with, table["heldout_share"]], KNOWN_SCHEMA)


def arrivals_of(store: Store, batch: str | PlannedBatch) -> Iterator[pa.Table]:
    """Tables of ARRIVALS_SCHEMA: the documents of a batch that have urls of their own."""
    if isinstance(batch, PlannedBatch):
        for shard, planned in zip(batch.shards, batch.plan.of_shards, strict=True):
            if shard is not None:
                ledger = _table(store, shard, LEDGER_FILE)
                yield own_arrivals(batch.plan.source, ledger, planned.heldout_share)
    elif store.read(STAGE, batch).facts.get("num_own_urls"):
        yield _table(store, batch, ARRIVALS_FILE)


def members_of(store: Store, batch: str | PlannedBatch) -> Iterator[pa.Table]:
    """Tables of document_id, path and shard."""
    if isinstance(batch, str):
        yield from iterate(store.open(STAGE, batch, files=[MEMBERS_FILE]).file(MEMBERS_FILE))
        return
    for index, shard in enumerate(batch.shards):
        if shard is not None:
            ledger = _table(store, shard, LEDGER_FILE)
            indexes = pa.array([index] * ledger.num_rows, pa.int32())
            yield pa.table([ledger["document_id"], ledger["file"], indexes], schema=MEMBERS_SCHEMA)


def _table(store: Store, name: str, file_name: str) -> pa.Table:
    return read_table(store.open(STAGE, name, files=[file_name]).file(file_name))
