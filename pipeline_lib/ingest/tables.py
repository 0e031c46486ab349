"""The tables of ingest: what it adds to the shapes that all stages share."""

import pyarrow as pa

from pipeline_lib.store.schemas import LEDGER_SCHEMA

INGEST_LEDGER_SCHEMA = pa.schema(
    [
        *LEDGER_SCHEMA,
        pa.field("url", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),  # relative to the source
        pa.field("place", pa.string(), nullable=False),  # "file" or "file:line"
    ]
)
FILES_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("digest", pa.string()),  # null in an inventory: the file is gone
        pa.field("num_documents", pa.int64(), nullable=False),  # that came out of it now
        pa.field("num_unchanged", pa.int64(), nullable=False),  # that an earlier batch holds
        pa.field("num_bad", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),  # as stored
        pa.field("num_lost", pa.int64(), nullable=False),  # records that broken input took along, where it is known
        pa.field("is_cut", pa.bool_(), nullable=False),  # and where nobody can tell how many
    ]
)
COUNTED = ("num_documents", "num_unchanged", "num_bad", "bytes", "num_lost")
NO_RECORDS = {"num_documents": 0, "num_unchanged": 0, "num_bad": 0, "bytes": 0, "num_lost": 0, "is_cut": False}
INVENTORY_SCHEMA = pa.schema(  # null in both: the file is gone
    [*FILES_SCHEMA, pa.field("shard", pa.int32()), pa.field("heldout_share", pa.float64())]
)
KNOWN_SCHEMA = pa.schema(  # what earlier batches say of a file
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("digest", pa.string()),  # null: it is gone
        pa.field("reading", pa.string(), nullable=False),
        pa.field("heldout_share", pa.float64()),  # in force when it first arrived; null: it did before these batches
    ]
)
MEMBERS_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
    ]
)
TOMBSTONES_SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("batch", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
    ]
)
PLANNED_FILES_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("taken", pa.list_(pa.string())),  # document ids; null: all of the file
        pa.field("heldout_share", pa.float64(), nullable=False),
        pa.field(
            "is_return", pa.bool_(), nullable=False
        ),  # brings back documents whose share is not that of their file
        pa.field("lines", pa.list_(pa.int64())),  # where to look for what is taken, and for what is bad; null: all over
        pa.field("num_passed_over", pa.int64(), nullable=False),  # documents on other lines
    ]
)
ARRIVALS_SCHEMA = pa.schema(  # a row a document that has a url of its own
    [
        pa.field("side", pa.uint64(), nullable=False),  # the number of its place (store/sides.py)
        pa.field("heldout_share", pa.float64(), nullable=False),  # in force when it first arrived
    ]
)


def summed(files: pa.Table, by: list[str]) -> pa.Table:
    """Rows of FILES_SCHEMA or INVENTORY_SCHEMA, one for all that agree in these columns, in the order of the first."""
    grouped = files.group_by(by, use_threads=False)
    sums = grouped.aggregate([*((name, "sum") for name in COUNTED), ("is_cut", "any")])
    names = [*by, *(f"{name}_sum" for name in COUNTED), "is_cut_any"]
    return sums.select(names).rename_columns([*by, *COUNTED, "is_cut"])
