"""The files of a decided batch: the decisions of each shard, and what later batches are decided against."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.dedup.decide import STAYS, Decision
from pipeline_lib.dedup.entries import to_index
from pipeline_lib.dedup.index import write_ids
from pipeline_lib.dedup.schemas import DECISIONS_SCHEMA, INDEX_FILE, INDEX_SCHEMA, WITHDRAWN_FILE
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import FAILED_TYPE, LEDGER_FILE, part_name
from pipeline_lib.store.tables import PIECE_ROWS, TableWriter

I64 = NDArray[np.int64]

EXACT, NEAR = "exact_duplicate", "near_duplicate"


def write_parts(settings: DedupSettings, decision: Decision, withdrawn: Collection[str], folder: Path) -> Outcome:
    """Write `part-*/ledger.parquet`, `index.parquet` and `withdrawn.parquet` into `folder`."""
    file_rows: dict[str, int] = {}
    for number, part in enumerate(decision.parts):
        (folder / part_name(number)).mkdir()
        file_rows[f"{part_name(number)}/{LEDGER_FILE}"] = len(part)
        with TableWriter(folder / part_name(number) / LEDGER_FILE, DECISIONS_SCHEMA) as writer:
            for chosen in _in_pieces(part):
                writer.write(_ledger(settings, decision, chosen))
    num_kept = _write_index(decision, folder / INDEX_FILE)
    write_ids(withdrawn, folder / WITHDRAWN_FILE)
    num_near = int(decision.is_near.sum())
    num_in = sum(map(len, decision.parts))
    dropped = {EXACT: num_in - num_kept - num_near, NEAR: num_near}
    return Outcome(
        rows_in=num_in,
        rows_out=num_kept,
        dropped={reason: count for reason, count in dropped.items() if count},
        file_rows={**file_rows, INDEX_FILE: num_kept, WITHDRAWN_FILE: len(withdrawn)},
        facts=_facts(decision),
    )


def _in_pieces(part: I64) -> Iterator[I64]:
    return (part[start : start + PIECE_ROWS] for start in range(0, len(part), PIECE_ROWS))


def _write_index(decision: Decision, path: Path) -> int:
    """Write what the batch kept; how many documents that is."""
    kept = decision.num_earlier + np.flatnonzero(decision.partners[decision.num_earlier :] == STAYS)
    with TableWriter(path, INDEX_SCHEMA) as writer:
        for chosen in _in_pieces(kept):
            writer.write(to_index(decision.entries, chosen))
    return writer.num_rows


def _ledger(settings: DedupSettings, decision: Decision, chosen: I64) -> pa.Table:
    """The decisions.v1 rows of the chosen entries."""
    ids = decision.entries.document_ids
    partners, is_near = decision.partners[chosen], decision.is_near[chosen]
    stays = partners == STAYS
    reasons = pa.array(np.where(is_near, NEAR, EXACT), pa.string(), mask=stays)
    columns = {
        "document_id": ids.take(pa.array(chosen)),
        "is_kept": pa.array(stays),
        "reason": reasons,
        "failed": _failed(settings, decision, chosen[~stays], stays),
        "duplicate_of": ids.take(pa.array(partners, mask=stays)),
        "method": pa.array(np.where(is_near, str(settings.method), "exact"), pa.string(), mask=stays),
        "jaccard": pa.array(decision.jaccards[chosen], mask=stays),
    }
    return pa.table([columns[name] for name in DECISIONS_SCHEMA.names], schema=DECISIONS_SCHEMA)


def _failed(settings: DedupSettings, decision: Decision, leaving: I64, stays: NDArray[np.bool_]) -> pa.Array:
    """One failed rule for each document that leaves, none for those that stay."""
    is_near = decision.is_near[leaving]
    rules = pa.StructArray.from_arrays(
        [
            pa.array(np.where(is_near, f"{NEAR}.v1", f"{EXACT}.v1"), pa.string()),
            pa.array(decision.jaccards[leaving]),
            pa.array(np.where(is_near, settings.jaccard_at_least, 1.0)),
        ],
        fields=list(FAILED_TYPE.value_type),
    )
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(~stays, dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), rules, type=FAILED_TYPE)


def _facts(decision: Decision) -> dict[str, int]:
    partners = decision.partners[decision.num_earlier :]
    return {
        "num_candidates": decision.num_candidates,
        "num_verified": decision.num_verified,
        "num_against_earlier": int(((partners != STAYS) & (partners < decision.num_earlier)).sum()),
        "num_unverifiable": decision.num_gone,
    }
