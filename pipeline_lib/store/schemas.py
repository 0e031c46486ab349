"""The shapes that travel between stages, as versioned Arrow schemas.

documents.v1   one row a document; Parquet (zstd). What ingest, clean, dedup and scrub put out.
ledger.v1      one row for every document that came IN, in its order, whether it was kept or not; Parquet. Each stage
               adds columns of its own behind these (dedup: duplicate_of, jaccard; scrub: counts by kind; ...).
tokens.v1      fixed rows of T+1 token ids; Arrow IPC file (not a stream: a stream cut at a batch border reads back as
               a valid shorter file).
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_lib.base.errors import DataError

DOCUMENTS = "documents.v1"
LEDGER = "ledger.v1"
TOKENS = "tokens.v1"

DOCUMENTS_FILE = "documents.parquet"
LEDGER_FILE = "ledger.parquet"
TOKENS_FILE = "train.arrow"
HELDOUT_FILE = "heldout.parquet"
QUARANTINE_FILE = "quarantine.parquet"

DOCUMENTS_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),  # xxh3_128 of source, url and raw content, 32 hex
        pa.field("source", pa.string(), nullable=False),  # name of the source in the settings
        pa.field("url", pa.string(), nullable=False),  # stable place: path, path#part or http address
        pa.field("format", pa.string(), nullable=False),  # "text", "markdown" or "html"
        pa.field("language", pa.string()),  # ISO 639-1 from clean on; null before
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


def tokens_schema(row_tokens: int, vocab_size: int) -> pa.Schema:
    """tokens.v1 for rows of `row_tokens` ids (T+1): uint16 where the vocabulary fits it, else uint32."""
    ids = pa.uint16() if vocab_size <= 1 << 16 else pa.uint32()
    return pa.schema([pa.field("ids", pa.list_(ids, row_tokens), nullable=False)])


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table with the settings all stages share: zstd, page checksums, no writer's clock in the file."""
    pq.write_table(table, path, compression="zstd", compression_level=1, write_page_checksum=True)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file, or some of its columns in their order. (`pq.read_table` would load pandas: 0.2 s a process.)"""
    with pq.ParquetFile(path) as file:
        return file.read(columns=None if columns is None else list(columns))


def read_documents(path: Path) -> pa.Table:
    """A documents.v1 table. Raises `DataError` when the columns are not those of the schema."""
    table = read_table(path)
    if not table.schema.equals(DOCUMENTS_SCHEMA):
        raise DataError(f"{path}: is not {DOCUMENTS} but {table.schema.names}. Delete its folder and run again.")
    return table
