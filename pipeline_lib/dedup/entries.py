"""The documents a decision looks at, as columns of fixed width: about 160 bytes each, with 20 keys.

Keys, not signatures, and no texts: of those only the few that are compared are read (compared.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.dedup.candidates import Keys, keys_of, num_keys, to_lists, to_matrix
from pipeline_lib.dedup.schemas import CONTENT_BYTES, INDEX_SCHEMA, SKETCH_SCHEMA
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.store.tables import iterate, read_table


@dataclass(frozen=True)
class Entries:
    """D documents, oldest first. The text of document d is row rows[d] of the clean.text shard numbers[d]."""

    document_ids: pa.StringArray
    contents: NDArray[np.uint64]  # [D, 2], the content_id
    has_tokens: NDArray[np.bool_]
    keys: Keys  # [D, K]
    simhashes: NDArray[np.uint64]  # all 0 unless the method is "simhash"
    rows: NDArray[np.int32]
    numbers: NDArray[np.int32]  # into `shards`
    shards: tuple[str, ...]  # fingerprints

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Shard:
    """What is read of one shard of a batch: the name of its texts, its sketches, the verdicts on its quality."""

    fingerprint: str
    sketches: Path
    judged: Path


def read_batch(settings: DedupSettings, shards: Sequence[Shard]) -> Entries:
    """The documents of a batch whose quality is good enough, shard by shard, row by row."""
    pieces = [piece for number, shard in enumerate(shards) for piece in _read_shard(settings, shard, number)]
    nothing = from_index(INDEX_SCHEMA.empty_table(), num_keys(settings))
    return _concatenated([nothing, *pieces], tuple(shard.fingerprint for shard in shards))


def entries_of(settings: DedupSettings, sketches: pa.Table, shard: str) -> Entries:
    """All documents of a sketch.v1 table, as the only shard of a batch."""
    found = _from_sketches(settings, sketches, np.arange(len(sketches), dtype=np.int32), 0)
    return replace(found, shards=(shard,))


def join(first: Entries, second: Entries) -> Entries:
    """All entries of `first`, then all of `second`."""
    if not len(first):
        return second
    moved = replace(second, numbers=second.numbers + np.int32(len(first.shards)))
    return _concatenated([first, moved], (*first.shards, *second.shards))


def from_index(table: pa.Table, width: int) -> Entries:
    """The entries of an index.v1 table whose documents have `width` keys each. Raises `DataError` when they do not."""
    names = _combined(table["shard"], pa.string()).dictionary_encode()
    try:
        keys = to_matrix(table["keys"], width)
    except ValueError as exc:
        raise DataError(
            f"dedup: the index of earlier batches does not have {width} keys a document, so it was made with other "
            "[dedup] settings. Decide the earlier batches again with these."
        ) from exc
    return Entries(
        document_ids=_combined(table["document_id"], pa.string()),
        contents=_contents(table["content_id"]),
        has_tokens=table["has_tokens"].to_numpy(),
        keys=keys,
        simhashes=table["simhash"].to_numpy(),
        rows=table["row"].to_numpy(),
        numbers=names.indices.to_numpy(),
        shards=tuple(names.dictionary.to_pylist()),
    )


def to_index(entries: Entries, chosen: NDArray[np.int64]) -> pa.Table:
    """The chosen entries as an index.v1 table."""
    contents = pa.py_buffer(np.ascontiguousarray(entries.contents[chosen]))
    columns = {
        "document_id": entries.document_ids.take(pa.array(chosen)),
        "content_id": pa.FixedSizeBinaryArray.from_buffers(pa.binary(CONTENT_BYTES), len(chosen), [None, contents]),
        "has_tokens": pa.array(entries.has_tokens[chosen]),
        "shard": pa.array(entries.shards, pa.string()).take(pa.array(entries.numbers[chosen])),
        "row": pa.array(entries.rows[chosen]),
        "keys": to_lists(entries.keys[chosen]),
        "simhash": pa.array(entries.simhashes[chosen]),
    }
    return pa.table([columns[name] for name in INDEX_SCHEMA.names], schema=INDEX_SCHEMA)


def _read_shard(settings: DedupSettings, shard: Shard, number: int) -> Iterator[Entries]:
    """Its documents that were judged good enough, piece by piece. Raises `DataError` when the files do not match."""
    judged = read_table(shard.judged, ["document_id", "is_kept"])
    start = 0
    for sketches in iterate(shard.sketches):
        if not sketches.schema.equals(SKETCH_SCHEMA):
            raise DataError(f"{shard.sketches}: its columns are not those of this version. Delete its folder.")
        verdicts = judged.slice(start, len(sketches))
        if not verdicts["document_id"].equals(sketches["document_id"]):
            raise _not_of(shard)
        chosen = np.flatnonzero(verdicts["is_kept"].to_numpy())
        yield _from_sketches(settings, sketches.take(chosen), (chosen + start).astype(np.int32), number)
        start += len(sketches)
    if start != len(judged):
        raise _not_of(shard)


def _not_of(shard: Shard) -> DataError:
    return DataError(f"{shard.sketches}: is not of the documents of {shard.judged}. Delete both folders and run again.")


def _from_sketches(settings: DedupSettings, sketches: pa.Table, rows: NDArray[np.int32], number: int) -> Entries:
    return Entries(
        document_ids=_combined(sketches["document_id"], pa.string()),
        contents=_contents(sketches["content_id"]),
        has_tokens=sketches["has_tokens"].to_numpy(),
        keys=keys_of(settings, sketches),
        simhashes=sketches["simhash"].fill_null(0).to_numpy(),
        rows=rows,
        numbers=np.full(len(rows), number, np.int32),
        shards=(),
    )


def _concatenated(pieces: Sequence[Entries], shards: tuple[str, ...]) -> Entries:
    """All entries in order; their numbers are those of `shards` already."""
    return Entries(
        document_ids=pa.concat_arrays([piece.document_ids for piece in pieces]),
        contents=np.concatenate([piece.contents for piece in pieces]),
        has_tokens=np.concatenate([piece.has_tokens for piece in pieces]),
        keys=np.concatenate([piece.keys for piece in pieces]),
        simhashes=np.concatenate([piece.simhashes for piece in pieces]),
        rows=np.concatenate([piece.rows for piece in pieces]),
        numbers=np.concatenate([piece.numbers for piece in pieces]),
        shards=shards,
    )


def _combined(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    return pa.concat_arrays([pa.array([], kind), *column.chunks])


def _contents(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """A content_id column of D rows as uint64[D, 2]."""
    chunks = [
        np.frombuffer(chunk.buffers()[1], np.uint64)[2 * chunk.offset :][: 2 * len(chunk)] for chunk in column.chunks
    ]
    return np.concatenate([np.empty(0, np.uint64), *chunks]).reshape(len(column), 2)
