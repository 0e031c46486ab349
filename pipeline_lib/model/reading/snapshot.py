"""The list that a training starts from: token shards in order of arrival, and documents that are left out.

shards.parquet      shard (fingerprint), heldout_share, num_documents and num_tokens (of those that are trained on:
                    `documents.count`), batch, digest (of its content); in the order in which the shards arrived
excluded.parquet    shard, document_id

Light to import: a plan reads it too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Packing = Literal["contiguous", "best_fit"]  # how documents become samples: packing.py
SHARDS_FILE: Final = "shards.parquet"
EXCLUDED_FILE: Final = "excluded.parquet"


@dataclass(frozen=True)
class Arrived:
    """A token shard of a snapshot."""

    shard: str  # fingerprint
    heldout_share: float  # that was in force when its documents arrived
    num_documents: int  # that are trained on: neither held out nor excluded
    num_tokens: int  # of those
    batch: str  # fingerprint
    digest: str  # of its content

    @property
    def content(self) -> str:
        """What is read of it, but for what is excluded: two shards with equal content are one to a reader."""
        return f"{self.digest}/{self.heldout_share}"


def shards_schema() -> "pa.Schema":
    """The schema of shards.parquet."""
    import pyarrow as pa

    kinds = (pa.string(), pa.float64(), pa.int64(), pa.int64(), pa.string(), pa.string())
    names = ("shard", "heldout_share", "num_documents", "num_tokens", "batch", "digest")
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in zip(names, kinds, strict=True)])


def excluded_schema() -> "pa.Schema":
    """The schema of excluded.parquet."""
    import pyarrow as pa

    return pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("shard", "document_id")])


def read_shards(path: Path) -> list[Arrived]:
    """The shards of a snapshot, in order of arrival."""
    from pipeline_lib.store.tables import read_table

    return [Arrived(**row) for row in read_table(path, shards_schema().names).to_pylist()]


def read_excluded(path: Path) -> dict[str, tuple[str, ...]]:
    """Ids of excluded documents by shard."""
    from pipeline_lib.store.tables import read_table

    table = read_table(path, excluded_schema().names)
    excluded: dict[str, list[str]] = {}
    for shard, document in zip(table["shard"].to_pylist(), table["document_id"].to_pylist(), strict=True):
        excluded.setdefault(shard, []).append(document)
    return {shard: tuple(names) for shard, names in excluded.items()}
