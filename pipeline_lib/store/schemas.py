"""The shapes that travel between stages, as versioned Arrow schemas.

documents.v2   one row a document; Parquet (zstd). What ingest, clean and scrub put out. Readers ask for the columns
               they need, so that more columns break nobody.
ledger.v1      one row for every document that came IN, in its order, whether it was kept or not; Parquet. Each stage
               adds columns of its own behind these (dedup: duplicate_of, jaccard; scrub: counts by kind; ...).
signals.v1     one row a document of clean's text: language (ISO 639-1, null where nothing tells), and a float64 column
               for each quality signal; Parquet. Readers ask for the columns they need.
tokens.v2      one row a document (store/tokens.py).
"""

import pyarrow as pa

from pipeline_lib.store.parts import TOKENS_FILE as TOKENS_FILE

TOKENS = "tokens.v2"

DOCUMENTS_FILE = "documents.parquet"
LEDGER_FILE = "ledger.parquet"
SIGNALS_FILE = "signals.parquet"
QUARANTINE_FILE = "quarantine.parquet"

MESSAGE_TYPE = pa.struct([pa.field("role", pa.string(), nullable=False), pa.field("content", pa.large_string())])

DOCUMENTS_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),  # xxh3_128 of source, url and raw content, 32 hex
        pa.field("source", pa.string(), nullable=False),  # name of the source in the settings
        pa.field("url", pa.string(), nullable=False),  # stable place: path, path#part or http address
        pa.field("format", pa.string(), nullable=False),  # "text", "markdown" or "html"
        pa.field("language", pa.string()),  # ISO 639-1 from scrub on; null before, and where nothing tells
        pa.field("fetched", pa.timestamp("ms", tz="UTC")),  # by the source's own word; null where it has none
        pa.field("title", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("metadata", pa.map_(pa.string(), pa.string())),  # "date": when it was written (ISO 8601), if known
        pa.field("messages", pa.list_(MESSAGE_TYPE)),  # null: it is no conversation
        pa.field("text", pa.large_string(), nullable=False),
    ]
)

# One failing rule of a document: its versioned name, the value it was judged on, the limit it missed.
FAILED_TYPE = pa.list_(
    pa.struct([pa.field("rule", pa.string()), pa.field("value", pa.float64()), pa.field("limit", pa.float64())])
)

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("is_kept", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),  # the first failing rule without its version; null when kept
        pa.field("failed", FAILED_TYPE),  # all failing rules; empty when kept
    ]
)

# A record that could not become a document. `place` is "file", "file:line" or "file:row"; never its text.
QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("place", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # "invalid JSON", "not UTF-8", "longer than 4 MiB", ...
    ]
)


def part_name(part: int) -> str:
    """The folder of what a batch says of one of its shards."""
    return f"part-{part:05d}"
