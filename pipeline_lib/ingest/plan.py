"""What scan hands to run: which files make a batch, in which shards, and which documents leave.

All of it is small, frozen and picklable. Where a file lies on this machine is carried along but is part of no identity
and of no file: equal sources in two places give equal fingerprints.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

# Files of a shard beside those that all stages have, and of a batch.
FILES_FILE = "files.parquet"
INVENTORY_FILE = "inventory.parquet"
MEMBERS_FILE = "members.parquet"
TOMBSTONES_FILE = "tombstones.parquet"
PLAN_FILE = "plan.json"

UNREADABLE = "unreadable"  # stands for the digest of a file that may not be read, until it may


@dataclass(frozen=True)
class FilePlan:
    """A source file as it was when scanned."""

    path: str  # relative to the source, with "/"
    digest: str  # xxh3_128 of its bytes as stored, or UNREADABLE
    bytes: int
    location: str = field(compare=False, repr=False)  # where it lies on this machine


@dataclass(frozen=True)
class ShardPlan:
    """Files that are read together, and the documents in them that are live already and stay where they are."""

    index: int
    files: tuple[FilePlan, ...]
    skip: frozenset[str]
    fingerprint: str


@dataclass(frozen=True)
class Tombstone:
    """A document that leaves, and the shard (by its index) of the earlier batch that holds it."""

    document_id: str
    batch: str
    shard: int


@dataclass(frozen=True)
class BatchPlan:
    """One ingest of one source."""

    source: str
    reading: str  # digest of the settings that decide how files become documents
    shards: tuple[ShardPlan, ...]
    tombstones: tuple[Tombstone, ...]
    gone: tuple[str, ...]  # paths of files that were there in an earlier batch
    num_new_files: int
    num_changed_files: int
    fingerprint: str

    @property
    def num_gone_files(self) -> int:
        """How many files of earlier batches are not there any more."""
        return len(self.gone)


def plan_to_json(plan: BatchPlan) -> dict[str, Any]:
    """The plan as a JSON value that is the same on every machine."""
    value = asdict(plan)
    for shard in value["shards"]:
        shard["skip"] = sorted(shard["skip"])
        for file in shard["files"]:
            del file["location"]
    return value


def plan_from_json(value: dict[str, Any], locations: dict[str, str]) -> BatchPlan:
    """The plan that `plan_to_json` gave, with the places of those of its files that will be read."""
    shards = tuple(
        ShardPlan(
            shard["index"],
            tuple(FilePlan(**file, location=locations.get(file["path"], "")) for file in shard["files"]),
            frozenset(shard["skip"]),
            shard["fingerprint"],
        )
        for shard in value["shards"]
    )
    tombstones = tuple(Tombstone(**tombstone) for tombstone in value["tombstones"])
    return BatchPlan(**{**value, "shards": shards, "tombstones": tombstones, "gone": tuple(value["gone"])})
