"""Token shards joined: several of them in one place, without the tokens of the documents that have left by now.

    JOINED    token shards in order of arrival (each may lie among others already), tables of shards and of what left
              -> tokens.arrow, left.parquet, parts.json.gz, <shard>/ledger.parquet, <shard>/counts.parquet

Shards keep their names, and rows their numbers: see store/parts.py. A row whose document has left stays, empty, with
the length that it had, since a portion that is begun is laid out by that.
"""

import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.store.artifact import Outcome, Ref, digest_of
from pipeline_lib.store.local import Store
from pipeline_lib.store.parts import OF_TOKENS, write_parts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Rows = Mapping[str, Sequence[int]]  # by shard, rising
TABLE: Final = "table "  # and a number: how the tables are called beside a work
PIECE_ROWS, PIECE_BYTES = 8_192, 16 << 20  # in memory, and in a batch of what is written
LEFT: Final = "left"  # a parameter: the digest of the rows that have left; and why rows are dropped


def joined_work(shards: Sequence[str], tables: Iterable[Ref], left: Rows) -> Work:
    """The work that joins these shards, by what has left by these tables."""
    return Work(
        JOINED,
        params={LEFT: _digest(left)},
        beside={f"{TABLE}{number}": ref for number, ref in enumerate(tables)},
        members=tuple(Ref(OF_TOKENS, shard) for shard in shards),
        name=f"{len(shards)} token shards",
    )


def left_by(store: Store, tables: Iterable[Ref], shards: Collection[str]) -> dict[str, set[str]]:
    """The documents that have left these shards by these tables."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.store.shards import excluded_of, read_shards

    table, gone = read_shards(store, tables)
    own = table.filter(pc.is_in(table["shard"], pa.array(sorted(shards), pa.string())))
    left: dict[str, set[str]] = {shard: set() for shard in shards}
    excluded = excluded_of(own, gone)
    for shard, document in zip(excluded["shard"].to_pylist(), excluded["document_id"].to_pylist(), strict=True):
        left[shard].add(document)
    return left


def rows_left(store: Store, left: Mapping[str, Collection[str]]) -> dict[str, list[int]]:
    """The rows of these documents, and those that have no tokens any more where a shard lies now.

    Raises `DamagedArtifact` for a shard that is not whole.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.store.joined import left_in, opened_at, place_of

    rows = {}
    for shard, documents in left.items():
        path, span = place_of(store, shard)
        names = opened_at(path, span).document_ids
        is_theirs = np.array(pc.is_in(names, pa.array(sorted(documents), pa.string())).to_pylist(), np.bool_)
        if span is not None:
            is_theirs[left_in(span)] = True
        rows[shard] = np.flatnonzero(is_theirs).tolist()
    return rows


def make_joined(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """Join the shards that the list names. Raises `UpstreamError` where other documents have left than was planned."""
    import numpy as np

    from pipeline_lib.store.joined import batches_at, opened_at, place_of, write_left
    from pipeline_lib.store.parts import LEFT_FILE
    from pipeline_lib.store.schemas import TOKENS_FILE

    store, shards = inputs.store, [ref.fingerprint for ref in inputs.listed]
    tables = [inputs.named[f"{TABLE}{number}"] for number in range(len(inputs.named))]
    left = rows_left(store, left_by(store, tables, shards))
    if _digest(left) != inputs.params[LEFT]:
        raise UpstreamError("joined: other documents have left than when this was planned. Run the same command again.")
    parts, empty, start = {}, dict[int, int](), 0
    with _Stream(folder / TOKENS_FILE) as out:
        for shard in shards:
            path, span = place_of(store, shard)
            lengths = opened_at(path, span).lengths
            rows = np.array(left[shard], np.int64)
            empty |= dict(zip((start + rows).tolist(), lengths[rows].tolist(), strict=True))
            at = 0
            for batch in batches_at(path, span):
                first, last = np.searchsorted(rows, [at, at + len(batch)])
                out.write(_emptied(batch, rows[first:last] - at))
                at += len(batch)
            parts[shard] = (start, at, store.read(OF_TOKENS, shard))
            start += at
            _keep_small_files(store, shard, folder / shard)
    write_left(empty, folder / LEFT_FILE)
    write_parts(parts, folder)
    num_left = len(empty)
    facts = {"num_left_documents": num_left, "num_left_tokens": sum(empty.values()), "num_shards": len(shards)}
    dropped = {LEFT: num_left} if num_left else {}
    return Outcome(start, start - num_left, dropped, {TOKENS_FILE: start, LEFT_FILE: num_left}, facts)


class _Stream:
    """A file of tokens of which small batches are written as one, so that it is opened as fast as a shard."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[pa.RecordBatch] = []
        self._open: list[Any] = []  # the stream and its file

    def write(self, batch: "pa.RecordBatch") -> None:
        """Add rows behind those that are there."""
        import pyarrow as pa

        if not self._open:
            file = pa.OSFile(str(self._path), "wb")
            self._open = [pa.ipc.new_stream(file, batch.schema), file]
        self._waiting.append(batch)
        if sum(map(len, self._waiting)) >= PIECE_ROWS or sum(one.nbytes for one in self._waiting) >= PIECE_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            for batch in pa.Table.from_batches(self._waiting).combine_chunks().to_batches():
                self._open[0].write_batch(batch)
        self._waiting = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None:
            self._flush()
        for one in self._open:
            one.close()


def _emptied(batch: "pa.RecordBatch", rows: "NDArray[np.int64]") -> "pa.RecordBatch":
    """The batch with nothing in these rows but who they are of."""
    import numpy as np
    import pyarrow as pa

    is_there = np.ones(len(batch), np.bool_)
    is_there[rows] = False
    kept = pa.array(is_there)
    ids = batch.column("ids")
    offsets = np.concatenate([[0], np.cumsum(np.where(is_there, np.diff(ids.offsets.to_numpy()), 0))]).astype(np.int32)
    masks = batch.column("mask")
    columns = {
        "document_id": batch.column("document_id"),
        "side": batch.column("side"),
        "ids": pa.ListArray.from_arrays(pa.array(offsets), ids.filter(kept).flatten(), type=ids.type),
        "mask": masks if masks.null_count == len(masks) else _without_masks(masks, is_there.tolist()),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in batch.schema.names], schema=batch.schema)


def _without_masks(masks: "pa.ListArray", is_there: Sequence[bool]) -> "pa.ListArray":
    import pyarrow as pa

    values = (mask if stays else None for mask, stays in zip(masks.to_pylist(), is_there, strict=True))
    return pa.array(values, masks.type)


def _keep_small_files(store: Store, shard: str, folder: Path) -> None:
    """Link what a shard has beside its tokens; where that cannot be, copy it."""
    from pipeline_lib.store.schemas import TOKENS_FILE

    names = [entry.name for entry in store.read(OF_TOKENS, shard).files if entry.name != TOKENS_FILE]
    opened = store.open(OF_TOKENS, shard, files=names)
    folder.mkdir()
    for name in names:
        try:
            os.link(opened.file(name), folder / name)
        except OSError:  # another disk
            shutil.copyfile(opened.file(name), folder / name)


def _digest(left: Rows) -> str:
    return digest_of([[shard, list(rows)] for shard, rows in left.items()])


JOINED = Maker("joined.tokens", 1, "joined.v1", make_joined, is_light=True)
