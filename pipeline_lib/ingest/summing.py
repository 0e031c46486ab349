"""The files of a batch, from those of its shards, and the guard against broken input."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.arrivals import own_arrivals
from pipeline_lib.ingest.plan import ARRIVALS_FILE, INVENTORY_FILE, MEMBERS_FILE, TOMBSTONES_FILE, BatchPlan
from pipeline_lib.ingest.plan_files import plan_facts, write_tombstones
from pipeline_lib.ingest.records import USUAL_BYTES
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.tables import INVENTORY_SCHEMA, MEMBERS_SCHEMA, NO_RECORDS, summed
from pipeline_lib.ingest.writing import dropped_of, is_damage
from pipeline_lib.store.artifact import Outcome
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
    _guard_bad(settings, plan.source, shards, lost_records(inventory), num_documents + num_unchanged)

    write_parquet(inventory, folder / INVENTORY_FILE)
    num_members = _write_members(shards, folder / MEMBERS_FILE)
    own_urls = _write_arrivals(plan, shards, folder / ARRIVALS_FILE)
    write_tombstones(plan, folder / TOMBSTONES_FILE)
    return Outcome(
        rows_in=num_documents + num_bad,
        rows_out=num_documents,
        dropped=_dropped(shards),
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


def read_quarantine(path: Path, limit: int, wanted: Callable[[str], bool] = bool) -> list[str]:
    """The first `limit` rows of a quarantine.parquet whose reason is wanted: "a.jsonl:100: invalid JSON"."""
    shown: list[str] = []
    for part in iterate(path, ["place", "reason"]):
        rows = (row for row in part.to_pylist() if wanted(row["reason"]))
        shown += [f"{row['place']}: {row['reason']}" for row in islice(rows, limit - len(shown))]
        if len(shown) == limit:
            break
    return shown


def _inventory(plan: BatchPlan, shards: Sequence[ShardFiles]) -> pa.Table:
    """The files of all shards, with the index of theirs and the share of theirs that is held out."""
    tables = [INVENTORY_SCHEMA.empty_table()]
    for index, (planned, shard) in enumerate(zip(plan.of_shards, shards, strict=True)):
        files = read_table(shard.files)
        share = pa.repeat(pa.scalar(planned.heldout_share), files.num_rows)
        columns = [*files.columns, _repeated(index, files.num_rows), share]
        tables.append(pa.table(columns, schema=INVENTORY_SCHEMA))
    return pa.concat_tables(tables)


def _num_held_out(inventory: pa.Table) -> int:
    """How many documents are likely held out, by the shares of their files: it decides the share of the next batch."""
    counts, shares = inventory["num_documents"].to_pylist(), inventory["heldout_share"].to_pylist()
    return round(sum(int(count) * float(share or 0) for count, share in zip(counts, shares, strict=True)))


def _gone(plan: BatchPlan) -> pa.Table:
    return pa.Table.from_pylist([{"path": path, **NO_RECORDS} for path in plan.gone], INVENTORY_SCHEMA)


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
        for planned, shard in zip(plan.of_shards, shards, strict=True)
        for part in iterate(shard.ledger, ["url", "file"])
    ]
    num_own_urls: int = sum(table.num_rows for table in tables)
    if num_own_urls:
        write_parquet(pa.concat_tables(tables), path)
    return num_own_urls


def _repeated(index: int, num_rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(index, pa.int32()), num_rows)


def _dropped(shards: Sequence[ShardFiles]) -> Counter[str]:
    return sum((dropped_of(shard.quarantine) for shard in shards), Counter())


def lost_records(inventory: pa.Table) -> int:
    """How many records broken input took along, in all files of INVENTORY_SCHEMA.

    Where nobody can tell how many a file held beyond the fault, it is weighed by its size, by what records have
    elsewhere; and at least as what was read of it: as much again may be behind a cut.
    """
    names = ("num_documents", "num_unchanged", "num_lost", "bytes", "is_cut")
    files = summed(inventory, ["path", "heldout_share"])  # a large one has a row for each of its parts
    documents, unchanged, lost, size, is_cut = (files[name].to_numpy() for name in names)
    read = documents + unchanged
    num_records = (read + lost)[~is_cut].sum()
    bytes_a_record = max(1.0, size[~is_cut].sum() / num_records) if num_records else USUAL_BYTES
    behind = np.maximum(read, np.maximum(1, np.round(size / bytes_a_record)))[is_cut]
    return int(lost.sum() + behind.sum())


def _guard_bad(
    settings: IngestSettings, source: str, shards: Sequence[ShardFiles], num_lost: int, num_read: int
) -> None:
    num_records = num_read + num_lost
    if num_lost <= max(1, settings.max_bad_share * num_records):
        return
    places = [place for shard in shards for place in read_quarantine(shard.quarantine, NUM_PLACES_SHOWN, is_damage)]
    raise GuardStop(
        f"ingest: {num_lost} of {num_records} records of source {source!r} ({num_lost / num_records:.1%}) cannot "
        f"become documents, more than ingest.max_bad_share = {settings.max_bad_share:g}. The first are "
        f"{'; '.join(places[:NUM_PLACES_SHOWN])}. Repair them, or raise ingest.max_bad_share."
    )
