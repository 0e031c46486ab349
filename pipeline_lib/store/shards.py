"""Tables of token shards: what the snapshot lists, what a benchmark draws from, what a training reads.

shards.parquet   a row a token shard, in the order of arrival
gone.parquet     the documents of earlier batches that left, each with the batch and shard that holds it, and its tokens
counts.parquet   how often each token comes, row i for token i
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.tables import read_table, write_parquet

SHARDS_FILE = "shards.parquet"
GONE_FILE = "gone.parquet"
COUNTS_FILE = "counts.parquet"
EXCLUDED_FILE = "excluded.parquet"

SHARDS_SCHEMA = pa.schema(
    [
        pa.field("batch", pa.string(), nullable=False),  # fingerprint of the ingest batch
        pa.field("label", pa.string(), nullable=False),  # "0003-docs"
        pa.field("source", pa.string(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),  # its number in the batch
        pa.field("shard", pa.string(), nullable=False),  # fingerprint of the token shard
        pa.field("documents", pa.string(), nullable=False),  # of the scrubbed shard behind it
        pa.field("digest", pa.string(), nullable=False),  # of the token shard's content
        pa.field("heldout_share", pa.float64(), nullable=False),  # in force when its files first arrived
        pa.field("num_documents", pa.int64(), nullable=False),  # that are trained on: not held out, not left out
        pa.field("num_tokens", pa.int64(), nullable=False),  # of those
        pa.field("num_held_out", pa.int64(), nullable=False),  # documents
    ]
)
COUNTS_SCHEMA = pa.schema([pa.field("count", pa.int64(), nullable=False)])
GONE_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("batch", pa.string(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("num_tokens", pa.int64()),  # that its shard's row counts of it; null: none, it was not trained on
    ]
)
EXCLUDED_SCHEMA = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),  # the token shard that holds it
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("num_tokens", pa.int64()),  # as in GONE_SCHEMA
    ]
)


def read_shards(store: Store, tables: Iterable[Ref]) -> tuple[pa.Table, pa.Table]:
    """Several tables as one, and what left with their batches, in their order."""
    refs = list(tables)
    return read_rows(store, refs), _joined(store, refs, GONE_FILE, GONE_SCHEMA)


def read_rows(store: Store, tables: Iterable[Ref]) -> pa.Table:
    """Several tables as one, without what left."""
    return _joined(store, tables, SHARDS_FILE, SHARDS_SCHEMA)


def _joined(store: Store, tables: Iterable[Ref], file: str, schema: pa.Schema) -> pa.Table:
    paths = (store.open(ref.stage, ref.fingerprint, files=[file]).file(file) for ref in tables)
    return pa.concat_tables([schema.empty_table(), *map(read_table, paths)]).combine_chunks()


def read_counts(paths: Iterable[Path]) -> NDArray[np.int64]:
    """How often each token comes in all of these, int64[V]; of no file, int64[0]. `DataError` where V differs."""
    total = np.zeros(0, np.int64)
    for path in paths:
        counts = read_table(path)["count"].to_numpy()
        if len(total) and len(counts) not in (0, len(total)):
            raise DataError(f"{path}: counts {len(counts)} tokens, others {len(total)}. Tokenize them again.")
        total = total + counts if len(total) and len(counts) else total if len(total) else counts
    return np.asarray(total, np.int64)


def write_counts(counts: NDArray[np.int64], path: Path) -> None:
    """Write how often each token comes."""
    write_parquet(pa.table({"count": counts}, COUNTS_SCHEMA), path)


def excluded_of(shards: pa.Table, gone: pa.Table) -> pa.Table:
    """The documents of these shards that left, as EXCLUDED_SCHEMA."""
    places = shards.select(["batch", "part", "shard"])
    left = gone.join(places, ["batch", "part"], join_type="inner") if gone.num_rows and places.num_rows else None
    if left is None:
        return EXCLUDED_SCHEMA.empty_table()
    return left.select(EXCLUDED_SCHEMA.names).sort_by("document_id").cast(EXCLUDED_SCHEMA)


def without(shards: pa.Table, excluded: pa.Table) -> pa.Table:
    """The table with counts that leave these documents out."""
    counted = excluded.filter(pc.is_valid(excluded["num_tokens"]))
    if not counted.num_rows:
        return shards
    lost = counted.group_by("shard").aggregate([("num_tokens", "count"), ("num_tokens", "sum")])
    places = pc.index_in(shards["shard"], lost["shard"])
    for column, what in (("num_documents", "num_tokens_count"), ("num_tokens", "num_tokens_sum")):
        place = shards.schema.get_field_index(column)
        less = pc.fill_null(pc.take(lost[what], places), 0)
        shards = shards.set_column(place, shards.field(place), pc.subtract(shards[column], less))
    return shards


def totals_of(shards: pa.Table) -> dict[str, int]:
    """Documents and tokens that are trained on, and documents that are held out, of all shards."""
    names = ("num_documents", "num_tokens", "num_held_out")
    return {name: int(pc.sum(shards[name]).as_py() or 0) for name in names}
