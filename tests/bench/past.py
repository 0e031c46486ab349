"""What it costs to merge the past of a source of a million documents: CPU seconds and memory of the merge alone.

python -m tests.bench.past [DOCUMENTS]     eight batches, one document in a hundred withdrawn by the next batch
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import xxhash

from pipeline_lib.ingest.past import merge
from pipeline_lib.ingest.tables import INVENTORY_SCHEMA, MEMBERS_SCHEMA, NO_RECORDS, TOMBSTONES_SCHEMA
from pipeline_lib.run.carry import MERGED
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from tests.shelf import put

DOCUMENTS = 1_000_000
DOCUMENTS_PER_FILE = 10
WITHDRAWN = 100  # one in so many


def named(text: str) -> str:
    """32 hexadecimal characters."""
    return xxhash.xxh3_128_hexdigest(text.encode())


def ids(batch: int, number: int) -> list[str]:
    """The documents of a batch."""
    return [named(f"{batch} {index}") for index in range(number)]


def put_batch(store: Store, number: int, documents: int) -> Ref:
    """A batch of one shard; the first of its documents replace as many of the batch before it."""
    name = named(f"batch {number}")
    paths = [f"folder/{number}/file {index // DOCUMENTS_PER_FILE}.jsonl" for index in range(documents)]
    members = {"document_id": ids(number, documents), "path": paths, "shard": [0] * documents}
    gone = ids(number - 1, documents)[::WITHDRAWN] if number else []
    before = named(f"batch {number - 1}")
    stones = {"document_id": gone, "batch": [before] * len(gone), "shard": [0] * len(gone)}
    files = sorted(set(paths))
    inventory = {"path": files, "digest": [named(path) for path in files], "shard": [0] * len(files)}
    inventory |= {name: [nothing] * len(files) for name, nothing in NO_RECORDS.items()}
    tables = {
        "inventory.parquet": pa.table({**inventory, "heldout_share": [0.05] * len(files)}, INVENTORY_SCHEMA),
        "members.parquet": pa.table(members, MEMBERS_SCHEMA),
        "tombstones.parquet": pa.table(stones, TOMBSTONES_SCHEMA),
    }
    return put(store, Ref("ingest", name), tables, schema="batch.v1", outcome=Outcome(0, 0, facts={"reading": "r"}))


def measure(root: Path, names: list[str]) -> None:
    """In a process of its own: what the merge adds to CPU and peak memory."""
    store, folder = Store(root), root / "merged"
    folder.mkdir()
    merge(store, [], folder)  # loads what it needs
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    outcome = merge(store, [Ref("ingest", name) for name in names], folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    figures = {"cpu_seconds": round(time.process_time() - began, 2), "added_mb": peak // 1024, "left": outcome.rows_out}
    print(json.dumps(figures))


def main(documents: int) -> None:
    """Build the batches, then merge them."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        refs = [put_batch(store, number, documents // MERGED) for number in range(MERGED)]
        command = [sys.executable, "-m", "tests.bench.past", "--merge", folder, *(ref.fingerprint for ref in refs)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--merge"]:
        measure(Path(sys.argv[2]), sys.argv[3:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS)
