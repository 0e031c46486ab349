"""Artifacts that a test puts on the shelf by hand, sealed as all are, under names that one can read.

tokens = put_tokens(store, "k1", {"a": [5, 6, 7]}, held_out=["a"])
scrubbed = put(store, Ref("scrub", "s1"), {"documents.parquet": documents("s1", ["a", "b"])})
table = put_shards(store, "t1", [shard_row("k1", documents="s1", share=0.2)], gone=[("a", "batch 0", 1)])
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline_lib.ingest.tables import INVENTORY_SCHEMA, NO_RECORDS, TOMBSTONES_SCHEMA
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA, TOKENS_FILE
from pipeline_lib.store.shards import (
    COUNTS_FILE,
    COUNTS_SCHEMA,
    GONE_FILE,
    GONE_SCHEMA,
    SHARDS_FILE,
    SHARDS_SCHEMA,
    totals_of,
    write_counts,
)
from pipeline_lib.store.sides import NUM_SIDES
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.store.tokens import TokensWriter

Gone = Sequence[tuple[str, str, int]]  # document, batch, part of it


def put(store: Store, ref: Ref, files: Mapping[str, pa.Table], **said: Any) -> Ref:
    """An artifact of these Parquet files. `said` is what `Draft.seal` takes, and `outcome`."""
    outcome = said.pop("outcome", Outcome(0, 0))
    with store.draft(ref) as draft:
        for name, table in files.items():
            write_parquet(table, draft.path / name)
        draft.seal(outcome, **{"maker": f"{ref.stage}.test", "version": 1, "schema": "test.v1", **said})
    return ref


def documents(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """documents.v2 of rows that may say as little as an id."""
    plain = {"source": "docs", "format": "text", "text": "text"}
    full = [{**plain, "url": row["document_id"], **row} for row in rows]
    return pa.Table.from_pylist(full, schema=DOCUMENTS_SCHEMA)


def shard_row(shard: str, **said: Any) -> dict[str, Any]:
    """A row of a table of token shards; its numbers are zero unless they are given."""
    share = said.pop("share", 0.0)
    plain = {
        "batch": "batch 1",
        "label": "0001-docs",
        "source": "docs",
        "part": 0,
        "shard": shard,
        "documents": f"text of {shard}",
        "digest": f"digest of {shard}",
        "heldout_share": share,
        "num_documents": 0,
        "num_tokens": 0,
        "num_held_out": 0,
    }
    assert said.keys() <= plain.keys()
    return {**plain, **said}


def put_tokens(
    store: Store,
    name: str,
    documents: Mapping[str, Sequence[int]],
    *,
    held_out: Collection[str] = (),
    vocab_size: int = 9,
) -> Ref:
    """A token shard. `held_out` are held out at every share but 0, the others at none but 1."""
    ref = Ref("tokenize", name)
    with store.draft(ref) as draft:
        with TokensWriter(draft.path / TOKENS_FILE, vocab_size) as writer:
            for document, ids in documents.items():
                writer.write([document], [0 if document in held_out else NUM_SIDES - 1], [ids])
        every = np.array([number for ids in documents.values() for number in ids], np.int64)
        write_counts(np.bincount(every, minlength=vocab_size), draft.path / COUNTS_FILE)
        draft.seal(Outcome(len(documents), len(documents)), maker="tokenize.encode", version=1, schema="tokens.v2")
    return ref


def put_list(store: Store, name: str, members: Sequence[Ref]) -> Ref:
    """A list of artifacts."""
    return put(store, Ref("list", name), {}, schema="list.v1", members=members)


def put_batch(store: Store, name: str, *, source: str = "docs", shares: Sequence[float] = (), gone: Gone = ()) -> Ref:
    """An ingested batch, a file a shard, with the share of each that is held out."""
    files = [
        {"path": f"{part}.txt", "digest": "d", "shard": part, "heldout_share": share, **NO_RECORDS}
        for part, share in enumerate(shares)
    ]
    stones = [dict(zip(TOMBSTONES_SCHEMA.names, stone, strict=True)) for stone in gone]
    tables = {
        "inventory.parquet": pa.Table.from_pylist(files, INVENTORY_SCHEMA),
        "tombstones.parquet": pa.Table.from_pylist(stones, TOMBSTONES_SCHEMA),
    }
    return put(store, Ref("ingest", name), tables, outcome=Outcome(0, 0, facts={"source": source}))


def put_shards(
    store: Store, name: str, rows: Sequence[Mapping[str, Any]], gone: Gone = (), counts: Sequence[int] = ()
) -> Ref:
    """The table of some token shards."""
    shards = pa.Table.from_pylist([dict(row) for row in rows], SHARDS_SCHEMA)
    left = [dict(zip(GONE_SCHEMA.names, (*stone, None), strict=True)) for stone in gone]
    files = {
        SHARDS_FILE: shards,
        GONE_FILE: pa.Table.from_pylist(left, GONE_SCHEMA),
        COUNTS_FILE: pa.table({"count": np.array(counts, np.int64)}, COUNTS_SCHEMA),
    }
    outcome = Outcome(len(shards), len(shards), facts=totals_of(shards))
    return put(store, Ref("tokenize", name), files, outcome=outcome, schema="shards.v1")
