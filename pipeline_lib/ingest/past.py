"""The past of a source in few artifacts: what its earlier batches read, which documents are live, which left.

    ingest.past   batches or such pasts in a row (members, oldest first)
                  -> files.parquet, members.parquet, gone.parquet, arrivals.parquet

A scan asks for the files that are known and, of those that changed, for the documents that are live. Merged, a file has
the line of the batch that read it last, with the share under which it first arrived, and a document that a later batch
of the same past withdrew has none. What is gone keeps its share for good: a document that comes back is on its side.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from pipeline_lib.ingest.arrivals import Arrivals
from pipeline_lib.ingest.history import (
    KnownFile,
    Place,
    PlannedBatch,
    arrivals_of,
    inventory_of,
    members_of,
    tombstones_of,
)
from pipeline_lib.ingest.plan import ARRIVALS_FILE, FILES_FILE, MEMBERS_FILE, STAGE
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.tables import iterate, read_table, write_parquet

PAST = "past.v2"  # the schema of a merged past
GONE_FILE = "gone.parquet"

FILES_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("digest", pa.string()),  # null: it is gone
        pa.field("reading", pa.string(), nullable=False),
        pa.field("heldout_share", pa.float64()),  # in force when it first arrived; null: it did before this past
    ]
)
LIVE_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("batch", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
    ]
)
GONE_SCHEMA = pa.schema([LIVE_SCHEMA.field(name) for name in ("document_id", "batch", "shard")])

Stone = tuple[str, str, int]  # document, batch, shard
Part = Ref | PlannedBatch


@dataclass(frozen=True)
class SourcePast:
    """What earlier batches of one source say; `parts`: batches, pasts and batches that are rebuilt, oldest first.

    Of those `given_up` nothing is there any more, but the shares under which their documents arrived still hold.
    """

    store: Store
    parts: Sequence[Part]
    given_up: Sequence[Part] = ()

    def files(self) -> dict[str, KnownFile]:
        """Each file that ever was there, as it was read last."""
        files = _folded(self.store, self.parts)
        for path, known in _folded(self.store, self.given_up).items():
            files.setdefault(path, KnownFile(None, "", known.heldout_share))
        return files

    def arrivals(self) -> Arrivals:
        """The shares of documents that have urls of their own, also of those that left."""
        return _arrivals(self.store, (*self.parts, *self.given_up))

    def live_documents(self, paths: Collection[str]) -> dict[str, dict[str, Place]]:
        """For each of these files its live documents by id, and where they lie."""
        live: dict[str, dict[str, Place]] = {path: {} for path in paths}
        gone: set[Stone] = set()
        for part in reversed(self.parts):  # so that a tombstone is known before what it names
            for table in _live(self.store, part):
                for path, document, batch, shard in _rows(table, paths):
                    if (document, batch, shard) not in gone:
                        live[path].setdefault(document, (batch, shard))
            gone |= set(_gone(self.store, part))
        return live


def merge(store: Store, parts: Sequence[Ref], folder: Path) -> Outcome:
    """Write the past that stands for all of these, oldest first."""
    stones = {stone for part in parts for stone in _gone(store, part)}
    live = pa.concat_tables([LIVE_SCHEMA.empty_table(), *(t for part in parts for t in _live(store, part))])
    keys: list[Stone] = list(zip(*(live[name].to_pylist() for name in GONE_SCHEMA.names), strict=True))
    left = live.filter(pa.array([key not in stones for key in keys], pa.bool_()))
    write_parquet(_files_table(_folded(store, parts)), folder / FILES_FILE)
    write_parquet(_arrivals(store, parts).table, folder / ARRIVALS_FILE)
    write_parquet(left, folder / MEMBERS_FILE)
    write_parquet(_gone_table(stones.difference(keys)), folder / GONE_FILE)
    num_left = len(live) - len(left)
    return Outcome(len(live), len(left), {"withdrawn": num_left} if num_left else {})


def _folded(store: Store, parts: Sequence[Part]) -> dict[str, KnownFile]:
    """The files of all parts: as they were read last, under the share of their first arrival."""
    files: dict[str, KnownFile] = {}
    for path, found in (item for part in parts for item in _files(store, part)):
        before = files.get(path)
        is_known = before is not None and before.heldout_share is not None
        files[path] = replace(found, heldout_share=before.heldout_share) if before and is_known else found
    return files


def _arrivals(store: Store, parts: Sequence[Part]) -> Arrivals:
    return Arrivals.of(table for part in parts for table in _arrival_tables(store, part))


def _arrival_tables(store: Store, part: Part) -> Iterator[pa.Table]:
    if _is_past(store, part):
        yield _table(store, part, ARRIVALS_FILE)
    else:
        yield from arrivals_of(store, _batch(part))


def _files(store: Store, part: Part) -> Iterator[tuple[str, KnownFile]]:
    if _is_past(store, part):
        for row in _table(store, part, FILES_FILE).to_pylist():
            yield row.pop("path"), KnownFile(**row)
    else:
        yield from inventory_of(store, _batch(part))


def _live(store: Store, part: Part) -> Iterator[pa.Table]:
    """Tables of LIVE_SCHEMA."""
    if _is_past(store, part):
        assert isinstance(part, Ref)
        yield from iterate(store.open(STAGE, part.fingerprint, files=[MEMBERS_FILE]).file(MEMBERS_FILE))
        return
    name = part.fingerprint if isinstance(part, Ref) else part.name
    for table in members_of(store, _batch(part)):
        batch = pa.repeat(pa.scalar(name, pa.string()), table.num_rows)
        yield pa.table([table["document_id"], table["path"], batch, table["shard"]], schema=LIVE_SCHEMA)


def _gone(store: Store, part: Part) -> list[Stone]:
    if _is_past(store, part):
        columns = _table(store, part, GONE_FILE)
        return list(zip(*(columns[name].to_pylist() for name in GONE_SCHEMA.names), strict=True))
    return [(stone.document_id, stone.batch, stone.shard) for stone in tombstones_of(store, _batch(part))]


def _is_past(store: Store, part: Part) -> bool:
    return isinstance(part, Ref) and store.read(STAGE, part.fingerprint).schema == PAST


def _batch(part: Part) -> str | PlannedBatch:
    return part.fingerprint if isinstance(part, Ref) else part


def _table(store: Store, part: Part, file: str) -> pa.Table:
    assert isinstance(part, Ref)
    return read_table(store.open(STAGE, part.fingerprint, files=[file]).file(file))


def _rows(table: pa.Table, paths: Collection[str]) -> Iterator[tuple[str, str, str, int]]:
    """(path, document, batch, shard) of the documents of these files."""
    import pyarrow.compute as pc  # here, since a night with nothing changed has no need of it

    wanted = table.filter(pc.is_in(table["path"], pa.array(sorted(paths), pa.string())))
    return zip(*(wanted[name].to_pylist() for name in ("path", "document_id", "batch", "shard")), strict=True)


def _files_table(files: dict[str, KnownFile]) -> pa.Table:
    rows = [{"path": path, **vars(known)} for path, known in sorted(files.items())]
    return pa.Table.from_pylist(rows, FILES_SCHEMA)


def _gone_table(stones: Collection[Stone]) -> pa.Table:
    rows = [dict(zip(GONE_SCHEMA.names, stone, strict=True)) for stone in sorted(stones)]
    return pa.Table.from_pylist(rows, GONE_SCHEMA)
