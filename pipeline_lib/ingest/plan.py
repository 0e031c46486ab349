"""What scan hands to the makers: which files make a batch, in which shards, and which documents leave.

All of it is small and frozen. Where a file lies on this machine is in none of it: equal sources in two places give
equal plans. A plan is known by the digest of its content, a shard by that of what is read into it; works carry these
digests, and the lists are looked up in the plan's artifact (plan_files.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import TYPE_CHECKING

from pipeline_lib.ingest.records import Lines, PassedOver
from pipeline_lib.store.artifact import canonical, canonical_list, digest_of, digest_of_parts

if TYPE_CHECKING:
    from pipeline_lib.ingest.packed import Ids, Placed

STAGE = "ingest"
READ_VERSION = 2  # of the maker that reads; a raised one reads all files again

# Files of a shard, of a batch, of a plan and of a landing. (The first are in store/schemas.py, too; it needs pyarrow.)
LEDGER_FILE = "ledger.parquet"
QUARANTINE_FILE = "quarantine.parquet"
FILES_FILE = "files.parquet"
INVENTORY_FILE = "inventory.parquet"
MEMBERS_FILE = "members.parquet"
TOMBSTONES_FILE = "tombstones.parquet"
ARRIVALS_FILE = "arrivals.parquet"
PLAN_FILE = "plan.json"
LANDING_FILE = "landing.json"
PROGRESS_FILE = "progress.json"  # beside a landing that takes long: how much is done of how much, and of what

UNREADABLE = "unreadable"  # stands for the digest of a file that may not be read, until it may


@dataclass(frozen=True)
class FilePlan:
    """A source file as it was when scanned, and which of its documents are taken.

    Of a file that an earlier batch read these are the new ones, and the others stay where they are. (Not those to
    leave out: a file of a million records to which one was added would list a million.)
    """

    path: str  # relative to the source, with "/"
    digest: str  # xxh3_128 of its bytes as stored, or UNREADABLE
    bytes: int
    taken: "Ids | None" = None  # None: all of them
    heldout_share: float = 0.0  # of what is taken, in force when it first arrived: it never changes sides
    # What is taken was here before, under another share than that of the file, whose other documents are in another
    # shard. What is bad in the file is told there.
    is_return: bool = False
    # The lines of what is taken and of what is bad; None: the whole file has to be read. Both ways find the same, and
    # no name depends on it.
    lines: Lines | None = None
    num_passed_over: int = 0  # documents on other lines


@dataclass(frozen=True)
class ShardPlan:
    """Files that are read together."""

    index: int
    files: tuple[FilePlan, ...]
    content: str  # digest of all that decides what is in it
    num_parts: int = 1  # of one large file: as many shards are made of it (split.py)

    @property
    def heldout_share(self) -> float:
        """Of its documents; the same for all of its files."""
        return self.files[0].heldout_share


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
    before: str  # the batch that it follows, "" for the first: it is named by its place in the order too
    shards: tuple[ShardPlan, ...]
    tombstones: "Placed"
    gone: tuple[str, ...]  # paths of files that were there in an earlier batch
    passed_over: Mapping[str, PassedOver]
    num_new_files: int
    num_changed_files: int

    @property
    def num_gone_files(self) -> int:
        """How many files of earlier batches are not there any more."""
        return len(self.gone)

    @property
    def of_shards(self) -> Iterator[ShardPlan]:
        """For each shard of the batch, in its order, what it is read from: a large file comes once for each part."""
        return chain.from_iterable(repeat(shard, shard.num_parts) for shard in self.shards)

    @cached_property
    def content(self) -> str:
        """The digest that names it, of all that it says."""
        said = {
            "source": self.source,
            "reading": self.reading,
            "before": self.before,
            "shards": [shard.content for shard in self.shards],
            "gone": list(self.gone),
            "passed_over": {kind: asdict(passed) for kind, passed in self.passed_over.items()},
            "num_files": [self.num_new_files, self.num_changed_files],
            "heldout_shares": [shard.heldout_share for shard in self.shards],
            **parts_told(self.shards),
        }
        stones = canonical_list(self.tombstones.pieces())  # "tombstones" comes last: a canonical form is in order
        return digest_of_parts(chain([canonical(said)[:-1], ',"tombstones":'], stones, ["}"]))


def parts_told(shards: Sequence[ShardPlan]) -> dict[str, list[int]]:
    """Into how many parts each is split, as a plan says it; nothing where none is."""
    parts = [shard.num_parts for shard in shards]
    return {"parts": parts} if any(number > 1 for number in parts) else {}


def shard_content(source: str, reading: str, files: Iterable[FilePlan]) -> str:
    """The digest that names a shard: its source, how that is read, its files and what is taken of them."""
    return digest_of({"source": source, "reading": reading, "files": [_read(file) for file in files]})


def _read(file: FilePlan) -> list[str | None]:
    taken = None if file.taken is None else digest_of_parts(canonical_list(file.taken.pieces()))
    return [file.path, file.digest, taken, *(["return"] if file.is_return else [])]
