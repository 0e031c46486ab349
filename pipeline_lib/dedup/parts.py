"""The files of a decided batch: a part for each shard, and the index for later batches."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline_lib.base.errors import DataError
from pipeline_lib.dedup.decide import Decision, Verdict
from pipeline_lib.dedup.entries import index_of
from pipeline_lib.dedup.schemas import DEDUP_LEDGER_SCHEMA, part_name
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import INDEX_FILE
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE, read_documents
from pipeline_lib.store.tables import write_parquet

EXACT, NEAR = "exact_duplicate", "near_duplicate"


def write_parts(
    settings: DedupSettings, shards: Sequence[tuple[Path, Path]], decision: Decision, folder: Path
) -> Outcome:
    """Write `part-*/documents.parquet`, `part-*/ledger.parquet` and `index.parquet` into `folder`."""
    ids = decision.batch.document_ids
    file_rows: dict[str, int] = {}
    start = 0
    for number, (documents_path, sketch_path) in enumerate(shards):
        documents = read_documents(documents_path)
        stop = start + len(documents)
        if documents["document_id"].to_pylist() != ids[start:stop]:
            raise DataError(f"{sketch_path}: is not the sketch of {documents_path}. Delete its folder and run again.")
        verdicts = [decision.verdicts.get(position) for position in range(start, stop)]
        file_rows |= _write_part(settings, documents, verdicts, folder, part_name(number))
        start = stop
    is_kept = np.array([position not in decision.verdicts for position in range(start)], np.bool_)
    write_parquet(index_of(decision.batch.take(np.flatnonzero(is_kept))), folder / INDEX_FILE)
    num_kept = int(is_kept.sum())
    return Outcome(
        rows_in=start,
        rows_out=num_kept,
        dropped=Counter(_reason(verdict) for verdict in decision.verdicts.values()),
        file_rows={**file_rows, INDEX_FILE: num_kept},
        facts={
            "num_candidates": decision.num_candidates,
            "num_verified": decision.num_verified,
            "num_against_earlier": sum(verdict.is_against_earlier for verdict in decision.verdicts.values()),
        },
    )


def _write_part(
    settings: DedupSettings, documents: pa.Table, verdicts: Sequence[Verdict | None], folder: Path, name: str
) -> dict[str, int]:
    kept = documents.filter(pa.array([verdict is None for verdict in verdicts], pa.bool_())).combine_chunks()
    ids = documents["document_id"].to_pylist()
    rows = [_ledger_row(settings, *decided) for decided in zip(ids, verdicts, strict=True)]
    (folder / name).mkdir()
    write_parquet(kept, folder / name / DOCUMENTS_FILE)
    write_parquet(pa.Table.from_pylist(rows, schema=DEDUP_LEDGER_SCHEMA), folder / name / LEDGER_FILE)
    return {f"{name}/{DOCUMENTS_FILE}": len(kept), f"{name}/{LEDGER_FILE}": len(rows)}


def _ledger_row(settings: DedupSettings, document_id: str, verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"document_id": document_id, "is_kept": True, "failed": []}
    limit = 1.0 if verdict.method == "exact" else settings.jaccard_at_least
    return {
        "document_id": document_id,
        "is_kept": False,
        "reason": _reason(verdict),
        "failed": [{"rule": f"{_reason(verdict)}.v1", "value": verdict.jaccard, "limit": limit}],
        "duplicate_of": verdict.duplicate_of,
        "method": verdict.method,
        "jaccard": verdict.jaccard,
    }


def _reason(verdict: Verdict) -> str:
    return EXACT if verdict.method == "exact" else NEAR
