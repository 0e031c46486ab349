"""Artifacts that a test puts on the shelf by hand, sealed as all are, under names that one can read.

scrubbed = put(store, Ref("scrub", "s1"), {"documents.parquet": documents("s1", ["a", "b"])})
table = put_shards(store, "t1", [shard_row("k1", documents="s1", share=0.2)], gone=[("a", "batch 0", 1)])
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.shards import (
    COUNTS_FILE,
    COUNTS_SCHEMA,
    GONE_FILE,
    GONE_SCHEMA,
    SHARDS_FILE,
    SHARDS_SCHEMA,
    totals_of,
)
from pipeline_lib.store.tables import write_parquet

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


def put_shards(
    store: Store, name: str, rows: Sequence[Mapping[str, Any]], gone: Gone = (), counts: Sequence[int] = ()
) -> Ref:
    """The table of some token shards."""
    shards = pa.Table.from_pylist([dict(row) for row in rows], SHARDS_SCHEMA)
    left = [dict(zip(GONE_SCHEMA.names, stone, strict=True)) for stone in gone]
    files = {
        SHARDS_FILE: shards,
        GONE_FILE: pa.Table.from_pylist(left, GONE_SCHEMA),
        COUNTS_FILE: pa.table({"count": np.array(counts, np.int64)}, COUNTS_SCHEMA),
    }
    outcome = Outcome(len(shards), len(shards), facts=totals_of(shards))
    return put(store, Ref("tokenize", name), files, outcome=outcome, schema="shards.v1")
