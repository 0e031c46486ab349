"""The files of a shard and of a batch, and the guard against broken input."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.documents import Document, place_of, read_file
from pipeline_lib.ingest.plan import (
    FILES_FILE,
    INVENTORY_FILE,
    MEMBERS_FILE,
    PLAN_FILE,
    TOMBSTONES_FILE,
    BatchPlan,
    ShardPlan,
    plan_to_json,
)
from pipeline_lib.ingest.records import Bad, read_options
from pipeline_lib.ingest.settings import FilesSource, IngestSettings, InstalledDocsSource
from pipeline_lib.ingest.tables import (
    FILES_SCHEMA,
    INGEST_LEDGER_SCHEMA,
    INVENTORY_SCHEMA,
    MEMBERS_SCHEMA,
    TOMBSTONES_SCHEMA,
)
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import write_json
from pipeline_lib.store.schemas import (
    DOCUMENTS_FILE,
    DOCUMENTS_SCHEMA,
    LEDGER_FILE,
    QUARANTINE_FILE,
    QUARANTINE_SCHEMA,
)
from pipeline_lib.store.tables import read_table, write_parquet

NUM_PLACES_SHOWN = 5


def write_shard(
    settings: IngestSettings, source: FilesSource | InstalledDocsSource, shard: ShardPlan, folder: Path
) -> Outcome:
    """Read the files of the plan and write documents, ledger, quarantine and counts by file."""
    options = read_options(settings, source)
    found: list[tuple[str, Document]] = []  # path of the file, document
    quarantine: list[dict[str, str]] = []
    files: list[dict[str, str | int]] = []
    for file in shard.files:
        items = list(read_file(file, source, options))
        bad = [item for item in items if isinstance(item, Bad)]
        documents = [item for item in items if isinstance(item, Document)]
        new = [document for document in documents if document.document_id not in shard.skip]
        found += [(file.path, document) for document in new]
        quarantine += [{"place": place_of(file.path, item.line), "reason": item.reason} for item in bad]
        files.append(
            {
                "path": file.path,
                "digest": file.digest,
                "num_documents": len(new),
                "num_unchanged": len(documents) - len(new),
                "num_bad": len(bad),
            }
        )

    write_parquet(_documents(source.name, found), folder / DOCUMENTS_FILE)
    write_parquet(_ledger(found), folder / LEDGER_FILE)
    write_parquet(pa.Table.from_pylist(quarantine, QUARANTINE_SCHEMA), folder / QUARANTINE_FILE)
    write_parquet(pa.Table.from_pylist(files, FILES_SCHEMA), folder / FILES_FILE)
    return Outcome(
        rows_in=len(found) + len(quarantine),
        rows_out=len(found),
        dropped=Counter(reason_code(row["reason"]) for row in quarantine),
        file_rows={DOCUMENTS_FILE: len(found), LEDGER_FILE: len(found), QUARANTINE_FILE: len(quarantine)},
        facts={"source": source.name, "text_bytes": sum(len(document.text.encode()) for _, document in found)},
    )


def write_batch(settings: IngestSettings, plan: BatchPlan, shards: Sequence[Path], folder: Path) -> Outcome:
    """Write inventory, members, tombstones and the plan. Raises `GuardStop` before that if too much is bad."""
    quarantine = [row for shard in shards for row in read_quarantine(shard / QUARANTINE_FILE)]
    inventory = pa.concat_tables([_inventory(plan, shards), _gone(plan)])
    num_documents = int(sum(inventory["num_documents"].to_pylist()))
    num_unchanged = int(sum(inventory["num_unchanged"].to_pylist()))
    _guard_bad(settings, plan.source, quarantine, num_documents + num_unchanged + len(quarantine))

    members = _members(plan, shards)
    tombstones = pa.Table.from_pylist([asdict(stone) for stone in plan.tombstones], TOMBSTONES_SCHEMA)
    write_parquet(inventory, folder / INVENTORY_FILE)
    write_parquet(members, folder / MEMBERS_FILE)
    write_parquet(tombstones, folder / TOMBSTONES_FILE)
    write_json(folder / PLAN_FILE, plan_to_json(plan))
    return Outcome(
        rows_in=num_documents + len(quarantine),
        rows_out=num_documents,
        dropped=Counter(reason_code(reason) for _, reason in quarantine),
        file_rows={
            INVENTORY_FILE: inventory.num_rows,
            MEMBERS_FILE: members.num_rows,
            TOMBSTONES_FILE: tombstones.num_rows,
        },
        facts={
            "source": plan.source,
            "reading": plan.reading,
            "num_new_files": plan.num_new_files,
            "num_changed_files": plan.num_changed_files,
            "num_gone_files": plan.num_gone_files,
            "num_unchanged": num_unchanged,
            "num_tombstones": tombstones.num_rows,
        },
    )


def read_quarantine(path: Path) -> list[tuple[str, str]]:
    """Place and reason of each row of a quarantine.parquet."""
    table = read_table(path)
    return list(zip(table["place"].to_pylist(), table["reason"].to_pylist(), strict=True))


def reason_code(reason: str) -> str:
    """A quarantine reason as the manifest counts it: "not UTF-8" -> "not_utf_8"."""
    return re.sub(r"\W+", "_", reason.lower()).strip("_")


def _documents(source_name: str, found: Sequence[tuple[str, Document]]) -> pa.Table:
    columns = {
        "document_id": [document.document_id for _, document in found],
        "source": [source_name] * len(found),
        "url": [document.url for _, document in found],
        "format": [document.format for _, document in found],
        "language": [None] * len(found),
        "text": [document.text for _, document in found],
    }
    return pa.table(columns, DOCUMENTS_SCHEMA)


def _ledger(found: Sequence[tuple[str, Document]]) -> pa.Table:
    columns = {
        "document_id": [document.document_id for _, document in found],
        "is_kept": [True] * len(found),
        "reason": [None] * len(found),
        "failed": [[]] * len(found),
        "url": [document.url for _, document in found],
        "file": [path for path, _ in found],
        "place": [document.place for _, document in found],
    }
    return pa.table(columns, INGEST_LEDGER_SCHEMA)


def _inventory(plan: BatchPlan, shards: Sequence[Path]) -> pa.Table:
    """The files of all shards, with the index of theirs."""
    tables = [INVENTORY_SCHEMA.empty_table()]
    for shard, folder in zip(plan.shards, shards, strict=True):
        files = read_table(folder / FILES_FILE)
        index = pa.array([shard.index] * files.num_rows, pa.int32())
        tables.append(files.append_column(INVENTORY_SCHEMA.field("shard"), index))
    return pa.concat_tables(tables)


def _gone(plan: BatchPlan) -> pa.Table:
    rows = [{"path": path, "num_documents": 0, "num_unchanged": 0, "num_bad": 0} for path in plan.gone]
    return pa.Table.from_pylist(rows, INVENTORY_SCHEMA)


def _members(plan: BatchPlan, shards: Sequence[Path]) -> pa.Table:
    """Each document of the batch, the file it came from and the index of its shard."""
    tables = [MEMBERS_SCHEMA.empty_table()]
    for shard, folder in zip(plan.shards, shards, strict=True):
        ledger = read_table(folder / LEDGER_FILE, columns=["document_id", "file"])
        index = pa.array([shard.index] * ledger.num_rows, pa.int32())
        tables.append(pa.table([ledger["document_id"], ledger["file"], index], schema=MEMBERS_SCHEMA))
    return pa.concat_tables(tables)


def _guard_bad(settings: IngestSettings, source: str, quarantine: Sequence[tuple[str, str]], num_records: int) -> None:
    num_bad = len(quarantine)
    if num_bad <= max(1, settings.max_bad_share * num_records):
        return
    places = "; ".join(f"{place}: {reason}" for place, reason in quarantine[:NUM_PLACES_SHOWN])
    raise GuardStop(
        f"ingest: {num_bad} of {num_records} records of source {source!r} ({num_bad / num_records:.1%}) cannot become "
        f"documents, more than ingest.max_bad_share = {settings.max_bad_share:g}. The first are {places}. "
        "Repair them, or raise ingest.max_bad_share."
    )
