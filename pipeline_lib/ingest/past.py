"""The past of a source in few artifacts: what its earlier batches read, which documents are live, which left.

    ingest.past   batches or such pasts in a row (members, oldest first)
                  -> files.parquet, members.parquet, gone.parquet, arrivals.parquet

A scan asks for the files that are known and, of those that changed, for the documents that are live. Merged, a file has
the line of the batch that read it last, with the share under which it first arrived, and a document that a later batch
of the same past withdrew has none. What is gone keeps its share for good: a document that comes back is on its side.

Documents are columns throughout, in pieces: a merge of a million costs 1.1 s of CPU and adds 84 MB (as tuples: 3.4 s
and 524 MB; `python -m tests.bench.past`).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.ingest.arrivals import Arrivals
from pipeline_lib.ingest.history import (
    KnownFile,
    PlannedBatch,
    arrivals_of,
    inventory_of,
    members_of,
    tombstones_of,
)
from pipeline_lib.ingest.packed import ID, PLACE, Live, Placed, as_bytes, find, firsts, rows_of
from pipeline_lib.ingest.plan import ARRIVALS_FILE, FILES_FILE, MEMBERS_FILE, STAGE
from pipeline_lib.ingest.tables import KNOWN_SCHEMA, TOMBSTONES_SCHEMA
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.tables import TableWriter, iterate, iterate_evenly, read_table, write_parquet
from pipeline_lib.store.tokens import numbers

PAST = "past.v2"  # the schema of a merged past
GONE_FILE = "gone.parquet"  # as TOMBSTONES_SCHEMA
MERGED_ROWS = 1 << 16  # documents in a piece

LIVE_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("batch", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
    ]
)

# A live document; big-endian, so that its bytes have the order of its values. `seen`: how many were found before it.
LIVE = np.dtype([("file", ">i4"), ("id", ID), ("seen", ">u4"), ("batch", np.int32), ("shard", np.int32)])

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
        files = _by_path(_folded(self.store, self.parts))
        for path, known in _by_path(_folded(self.store, self.given_up)).items():
            files.setdefault(path, KnownFile(None, "", known.heldout_share))
        return files

    def arrivals(self) -> Arrivals:
        """The shares of documents that have urls of their own, also of those that left."""
        return _arrivals(self.store, (*self.parts, *self.given_up))

    def live_documents(self, paths: Collection[str]) -> Live:
        """The live documents of these files, and where they lie."""
        wanted = sorted(paths)
        names: dict[str, int] = {}
        rows = np.frombuffer(self._live_rows(wanted, names), LIVE)
        as_bytes(rows).sort()
        rows = firsts(rows, "file", "id")
        ends = np.searchsorted(rows["file"], np.arange(len(wanted) + 1)).tolist()
        parts = {path: slice(*ends[number : number + 2]) for number, path in enumerate(wanted)}
        return Live(Placed.of(rows, tuple(names)), parts)

    def _live_rows(self, wanted: Sequence[str], names: dict[str, int]) -> bytearray:
        """Rows of LIVE, of the newest batches first."""
        import pyarrow.compute as pc  # here, since a night with nothing changed has no need of it

        asked = pa.array(wanted, pa.string())
        found, num_found = bytearray(), 0
        gone = as_bytes(np.empty(0, PLACE))
        for part in reversed(self.parts) if wanted else ():  # so that a tombstone is known before what it names
            for table in _live(self.store, part):
                files = pc.index_in(table["path"], asked)
                placed = rows_of(table.filter(pc.is_valid(files)), names)
                rows = np.empty(len(placed), LIVE)
                rows["file"] = numbers(files.drop_null().combine_chunks(), np.int32)
                rows["seen"] = np.arange(num_found, num_found + len(rows))
                rows[["id", "batch", "shard"]] = placed
                num_found += len(rows)
                found += rows[~find(gone, as_bytes(placed))[1]].tobytes()
            gone = np.concatenate([gone, *(as_bytes(rows_of(stones, names)) for stones in _gone(self.store, part))])
            gone.sort()
        return found


class Withdrawn:
    """Tombstones, asked for many documents at a time; those that met what they name are known."""

    def __init__(self, stones: pa.Table) -> None:
        self._stones = stones
        self._is_met: NDArray[np.bool_] = np.zeros(stones.num_rows, np.bool_)
        self._names: dict[str, int] = {}
        self._rows = self._rows_of(stones)

    def without(self, live: pa.Table) -> pa.Table:
        """The documents (LIVE_SCHEMA) that no tombstone names, in their order."""
        import pyarrow.compute as pc

        if not (live.num_rows and self._stones.num_rows):
            return live
        at = pc.index_in(self._rows_of(live), value_set=self._rows)
        self._is_met[at.drop_null().to_numpy()] = True
        return live.filter(pc.is_null(at))

    def _rows_of(self, table: pa.Table) -> pa.FixedSizeBinaryArray:
        """What names a document in a batch, a PLACE a row."""
        rows = pa.py_buffer(rows_of(table, self._names).tobytes())
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(PLACE.itemsize), table.num_rows, [None, rows])

    @property
    def unmet(self) -> pa.Table:
        """The tombstones that met nothing so far."""
        return self._stones.filter(pa.array(~self._is_met))


def merge(store: Store, parts: Sequence[Ref], folder: Path) -> Outcome:
    """Write the past that stands for all of these, oldest first."""
    withdrawn = Withdrawn(_distinct(stones for part in parts for stones in _gone(store, part)))
    num_live = 0
    with TableWriter(folder / MEMBERS_FILE, LIVE_SCHEMA) as writer:
        for piece in _in_pieces(table for part in parts for table in _live(store, part)):
            num_live += piece.num_rows
            writer.write(withdrawn.without(piece))
    write_parquet(_folded(store, parts), folder / FILES_FILE)
    write_parquet(_arrivals(store, parts).table, folder / ARRIVALS_FILE)
    write_parquet(withdrawn.unmet, folder / GONE_FILE)
    num_left = num_live - writer.num_rows
    return Outcome(num_live, writer.num_rows, {"withdrawn": num_left} if num_left else {})


def _in_pieces(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, MERGED_ROWS of them at a time or a little more: small row groups would stay small for good."""
    held, num_rows = list[pa.Table](), 0
    for table in tables:
        held.append(table)
        num_rows += table.num_rows
        if num_rows >= MERGED_ROWS:
            yield pa.concat_tables(held).combine_chunks()
            held, num_rows = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _distinct(tables: Iterable[pa.Table]) -> pa.Table:
    """Tombstones, each once, in their order."""
    names = TOMBSTONES_SCHEMA.names
    every = pa.concat_tables([TOMBSTONES_SCHEMA.empty_table(), *tables])
    grouped = every.group_by(names, use_threads=False).aggregate([])
    return grouped.select(names).sort_by([(name, "ascending") for name in names]).cast(TOMBSTONES_SCHEMA)


def _folded(store: Store, parts: Sequence[Part]) -> pa.Table:
    """The files of all parts by path: as they were read last, under the share of their first arrival."""
    import pyarrow.compute as pc

    every = pa.concat_tables([KNOWN_SCHEMA.empty_table(), *(_files(store, part) for part in parts)])
    as_read = pc.ScalarAggregateOptions(skip_nulls=False)  # a null is a file that is gone by then
    asked = [("digest", "last", as_read), ("reading", "last", as_read), ("heldout_share", "first")]
    found = every.group_by("path", use_threads=False).aggregate(asked).sort_by("path")
    columns = [found[name] for name in ("path", "digest_last", "reading_last", "heldout_share_first")]
    return pa.table(columns, KNOWN_SCHEMA)


def _by_path(files: pa.Table) -> dict[str, KnownFile]:
    paths, *known = (files[name].to_pylist() for name in KNOWN_SCHEMA.names)
    return dict(zip(paths, map(KnownFile, *known), strict=True))


def _arrivals(store: Store, parts: Sequence[Part]) -> Arrivals:
    return Arrivals.of(table for part in parts for table in _arrival_tables(store, part))


def _arrival_tables(store: Store, part: Part) -> Iterator[pa.Table]:
    if _is_past(store, part):
        yield _table(store, part, ARRIVALS_FILE)
    else:
        yield from arrivals_of(store, _batch(part))


def _files(store: Store, part: Part) -> pa.Table:
    return _table(store, part, FILES_FILE) if _is_past(store, part) else inventory_of(store, _batch(part))


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


def _gone(store: Store, part: Part) -> Iterator[pa.Table]:
    """Tables of TOMBSTONES_SCHEMA."""
    if _is_past(store, part):
        assert isinstance(part, Ref)
        return iterate_evenly(store.open(STAGE, part.fingerprint, files=[GONE_FILE]).file(GONE_FILE))
    return tombstones_of(store, _batch(part))


def _is_past(store: Store, part: Part) -> bool:
    return isinstance(part, Ref) and store.read(STAGE, part.fingerprint).schema == PAST


def _batch(part: Part) -> str | PlannedBatch:
    return part.fingerprint if isinstance(part, Ref) else part


def _table(store: Store, part: Part, file: str) -> pa.Table:
    assert isinstance(part, Ref)
    return read_table(store.open(STAGE, part.fingerprint, files=[file]).file(file))
