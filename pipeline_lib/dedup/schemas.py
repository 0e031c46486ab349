"""What dedup writes: names of files, Arrow schemas.

sketch.v1      one row for each document of a shard, in its order, kept or not.
decisions.v1   ledger.v1 and the partner, one row for each document that came in; `part-00000/ledger.parquet`, ...
index.v1       one row for each document that stands, oldest first: what later batches are decided against; about 165
               bytes a document. Beside it `withdrawn.parquet`: ids of documents of earlier batches that left here.
"""

import pyarrow as pa

from pipeline_lib.store.schemas import LEDGER_SCHEMA

SKETCH_FILE = "sketch.parquet"
INDEX_FILE = "index.parquet"
WITHDRAWN_FILE = "withdrawn.parquet"
TOMBSTONES_FILE = "tombstones.parquet"  # of an ingested batch

CONTENT_BYTES = 16

SKETCH_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("content_id", pa.binary(CONTENT_BYTES), nullable=False),  # xxh3_128 of the normalized text
        pa.field("has_tokens", pa.bool_(), nullable=False),  # a text of signs alone has no near-duplicate
        pa.field("keys", pa.list_(pa.uint32())),  # of the bands of its MinHash; null unless method is "minhash"
        pa.field("simhash", pa.uint64()),  # null unless method is "simhash"
    ]
)

INDEX_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("content_id", pa.binary(CONTENT_BYTES), nullable=False),
        pa.field("has_tokens", pa.bool_(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),  # fingerprint of the clean.text shard that holds its text ...
        pa.field("row", pa.int32(), nullable=False),  # ... in this row of documents.parquet
        pa.field("keys", pa.list_(pa.uint32()), nullable=False),
        pa.field("simhash", pa.uint64(), nullable=False),  # 0 unless method is "simhash"
    ]
)

WITHDRAWN_SCHEMA = pa.schema([pa.field("document_id", pa.string(), nullable=False)])

DECISIONS_SCHEMA = pa.schema(
    [
        *LEDGER_SCHEMA,
        pa.field("duplicate_of", pa.string()),  # the document that stayed; null when this one is kept
        pa.field("method", pa.string()),  # "exact", "minhash" or "simhash"
        pa.field("jaccard", pa.float64()),  # exact, with the document named in duplicate_of
    ]
)
