"""What dedup writes beside documents.v1, as Arrow schemas.

sketch.v1   one row for each document of a shard, in its order.
index.v1    one row for each document a batch kept: what later batches are decided against; about 145 bytes a document.
"""

import pyarrow as pa

from pipeline_lib.store.schemas import LEDGER_SCHEMA

SKETCH_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),  # xxh3_128 of the normalized text, 32 hex
        pa.field("has_tokens", pa.bool_(), nullable=False),  # a text of signs alone has no near-duplicate
        pa.field("signature", pa.list_(pa.uint32())),  # datasketch MinHash "affine32"; null unless method is "minhash"
        pa.field("simhash", pa.uint64()),  # null unless method is "simhash"
    ]
)

INDEX_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),
        pa.field("has_tokens", pa.bool_(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),  # the text is in part-{part:05d}/documents.parquet
        pa.field("row", pa.int32(), nullable=False),
        pa.field("keys", pa.list_(pa.uint32()), nullable=False),
        pa.field("simhash", pa.uint64()),
    ]
)

DEDUP_LEDGER_SCHEMA = pa.schema(
    [
        *LEDGER_SCHEMA,
        pa.field("duplicate_of", pa.string()),  # the document that stayed; null when this one is kept
        pa.field("method", pa.string()),  # "exact", "minhash" or "simhash"
        pa.field("jaccard", pa.float64()),  # exact, with the document named in duplicate_of
    ]
)


def part_name(part: int) -> str:
    """The folder of one shard's output."""
    return f"part-{part:05d}"
