"""The files of a batch, from those of its shards, and the guard against broken input."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.arrivals import own_arrivals
from pipeline_lib.ingest.plan import ARRIVALS_FILE, INVENTORY_FILE, MEMBERS_FILE, TOMBSTONES_FILE, BatchPlan
from pipeline_lib.ingest.plan_files import plan_facts, write_tombstones
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.tables import INVENTORY_SCHEMA, MEMBERS_SCHEMA
from pipeline_lib.ingest.writing import reason_code
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.forgotten import FORGOTTEN
from pipeline_lib.store.tables import TableWriter, iterate, read_table, write_parquet

NUM_PLACES_SHOWN = 5


@dataclass(frozen=True)
class ShardFiles:
    """What a batch reads of one shard."""

    files: Path
    ledger: Path
    quarantine: Path


def write_batch(settings: IngestSettings, plan: BatchPlan, shards: Sequence[ShardFiles], folder: Path) -> Outcome:
    """Write inventory, members, tombstones and arrivals. Raises `GuardStop` before that if too much is bad."""
    inventory = pa.concat_tables([_inventory(plan, shards), _gone(plan)])
    num_documents = int(sum(inventory["num_documents"].to_pylist()))
    num_unchanged = int(sum(inventory["num_unchanged"].to_pylist()))
    num_bad = int(sum(inventory["num_bad"].to_pylist()))
    dropped = _dropped(shards)
    num_broken = num_bad - dropped[FORGOTTEN]
    _guard_bad(settings, plan.source, shards, num_broken, num_documents + num_unchanged + num_broken)

    write_parquet(inventory, folder / INVENTORY_FILE)
    num_members = _write_members(shards, folder / MEMBERS_FILE)
    own_urls = _write_arrivals(plan, shards, folder / ARRIVALS_FILE)
    write_tombstones(plan, folder / TOMBSTONES_FILE)
    return Outcome(
        rows_in=num_documents + num_bad,
        rows_out=num_documents,
        dropped=dropped,
        file_rows={
            INVENTORY_FILE: inventory.num_rows,
            MEMBERS_FILE: num_members,
            TOMBSTONES_FILE: len(plan.tombstones),
            **({ARRIVALS_FILE: own_urls} if own_urls else {}),
        },
        facts={
            "source": plan.source,
            "plan": plan.content,
            "num_unchanged": num_unchanged,
            "num_held_out": _num_held_out(inventory),
            **({"num_own_urls": own_urls} if own_urls else {}),
            **plan_facts(plan),
        },
    )


def read_quarantine(path: Path, limit: int) -> list[str]:
    """The first `limit` rows of a quarantine.parquet: "shard_05.jsonl:100: invalid JSON"."""
    shown: list[str] = []
    for part in iterate(path, ["place", "reason"]):
        shown += [f"{row['place']}: {row['reason']}" for row in part.slice(0, limit - len(shown)).to_pylist()]
        if len(shown) == limit:
            break
    return shown


def _inventory(plan: BatchPlan, shards: Sequence[ShardFiles]) -> pa.Table:
    """The files of all shards, with the index of theirs and the share of theirs that is held out."""
    tables = [INVENTORY_SCHEMA.empty_table()]
    for planned, shard in zip(plan.shards, shards, strict=True):
        files = read_table(shard.files)
        share = pa.repeat(pa.scalar(planned.heldout_share), files.num_rows)
        columns = [*files.columns, _repeated(planned.index, files.num_rows), share]
        tables.append(pa.table(columns, schema=INVENTORY_SCHEMA))
    return pa.concat_tables(tables)


def _num_held_out(inventory: pa.Table) -> int:
    """How many documents are likely held out, by the shares of their files: it decides the share of the next batch."""
    counts, shares = inventory["num_documents"].to_pylist(), inventory["heldout_share"].to_pylist()
    return round(sum(int(count) * float(share or 0) for count, share in zip(counts, shares, strict=True)))


def _gone(plan: BatchPlan) -> pa.Table:
    rows = [{"path": path, "num_documents": 0, "num_unchanged": 0, "num_bad": 0} for path in plan.gone]
    return pa.Table.from_pylist(rows, INVENTORY_SCHEMA)


def _write_members(shards: Sequence[ShardFiles], path: Path) -> int:
    """Each document of the batch, the file it came from and the index of its shard; how many there are."""
    with TableWriter(path, MEMBERS_SCHEMA) as writer:
        for index, shard in enumerate(shards):
            for part in iterate(shard.ledger, ["document_id", "file"]):
                columns = [part["document_id"], part["file"], _repeated(index, part.num_rows)]
                writer.write(pa.table(columns, schema=MEMBERS_SCHEMA))
    return writer.num_rows


def _write_arrivals(plan: BatchPlan, shards: Sequence[ShardFiles], path: Path) -> int:
    """The documents with urls of their own, each with its share; how many there are. Without any there is no file."""
    tables = [
        own_arrivals(plan.source, part, planned.heldout_share)
        for planned, shard in zip(plan.shards, shards, strict=True)
        for part in iterate(shard.ledger, ["url", "file"])
    ]
    num_own_urls: int = sum(table.num_rows for table in tables)
    if num_own_urls:
        write_parquet(pa.concat_tables(tables), path)
    return num_own_urls


def _repeated(index: int, num_rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(index, pa.int32()), num_rows)


def _dropped(shards: Sequence[ShardFiles]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for shard in shards:
        for part in iterate(shard.quarantine, ["reason"]):
            for row in part["reason"].value_counts().to_pylist():
                counts[reason_code(row["values"])] += row["counts"]
    return counts


def _guard_bad(
    settings: IngestSettings, source: str, shards: Sequence[ShardFiles], num_bad: int, num_records: int
) -> None:
    if num_bad <= max(1, settings.max_bad_share * num_records):
        return
    places = [place for shard in shards for place in read_quarantine(shard.quarantine, NUM_PLACES_SHOWN)]
    raise GuardStop(
        f"ingest: {num_bad} of {num_records} records of source {source!r} ({num_bad / num_records:.1%}) cannot become "
        f"documents, more than ingest.max_bad_share = {settings.max_bad_share:g}. The first are "
        f"{'; '.join(places[:NUM_PLACES_SHOWN])}. Repair them, or raise ingest.max_bad_share."
    )
