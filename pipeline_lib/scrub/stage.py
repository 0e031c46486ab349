"""Replace personal data by keyed pseudonyms, placeholders, or drop the document.

    documents.parquet -> documents.parquet, ledger.parquet (+ num_email, num_ip, num_cn_id, num_card, num_phone)

What is found: e-mail addresses, public IP addresses, Chinese identity numbers, bank cards, phone numbers (detect.py,
and the notes there on what makes each of them one). Names and street addresses are not: no rule finds them all, and
none is promised. Scrubbing twice changes nothing: tokens are not looked into (pseudonym.py).
The tokenizer is trained after this stage, never before: a frequent phone number would become a token.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.store.artifact import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

STAGE = "scrub"
VERSION = 1

WITHDRAWN = "withdrawn"


def run(settings: ScrubSettings, key: ScrubKey, documents: Path, withdrawn: frozenset[str], folder: Path) -> Outcome:
    """Scrub the documents of one shard; those whose id is in `withdrawn` leave with that reason."""
    from pipeline_lib.store import schemas, tables

    table = schemas.read_documents(documents)
    rows = [_scrubbed(settings, key, *row, withdrawn) for row in _ids_and_texts(table)]
    kept = _with_texts(table, rows)
    tables.write_parquet(kept, folder / schemas.DOCUMENTS_FILE)
    tables.write_parquet(_ledger(table, rows), folder / schemas.LEDGER_FILE)
    return Outcome(
        rows_in=table.num_rows,
        rows_out=kept.num_rows,
        dropped=dict(sorted(Counter(row.reason for row in rows if row.reason is not None).items())),
        file_rows={schemas.DOCUMENTS_FILE: kept.num_rows, schemas.LEDGER_FILE: table.num_rows},
        facts={"key_id": key.key_id, **_totals(rows)},
    )


@dataclass(frozen=True)
class _Scrubbed:
    """What became of one document. `counts` is None where it was not looked at."""

    reasons: tuple[str, ...]
    text: bytes
    counts: Counter[str] | None

    @property
    def reason(self) -> str | None:
        return self.reasons[0] if self.reasons else None


def _scrubbed(
    settings: ScrubSettings, key: ScrubKey, document_id: str, text: bytes, withdrawn: frozenset[str]
) -> _Scrubbed:
    from pipeline_lib.scrub.detect import KINDS, find
    from pipeline_lib.scrub.pseudonym import replacement

    if document_id in withdrawn:
        return _Scrubbed((WITHDRAWN,), b"", None)
    hits = find(text, settings.phone_regions)
    counts = Counter(hit.kind for hit in hits)
    reasons = tuple(f"has_{kind}" for kind in KINDS if counts[kind] and settings.action(kind) == "drop")
    pieces, done = [], 0
    for hit in hits:
        token = replacement(key, hit.kind, hit.value, settings.action(hit.kind))
        pieces += [text[done : hit.start], token.encode()]
        done = hit.end
    return _Scrubbed(reasons, b"".join([*pieces, text[done:]]) if hits else text, counts)


def _ids_and_texts(table: "pa.Table") -> list[tuple[str, bytes]]:
    import pyarrow as pa

    texts = table.column("text").cast(pa.large_binary()).to_pylist()
    return list(zip(table.column("document_id").to_pylist(), texts, strict=True))


def _with_texts(table: "pa.Table", rows: Sequence[_Scrubbed]) -> "pa.Table":
    """The documents that stay, with their new texts."""
    import pyarrow as pa

    texts = pa.array([row.text for row in rows if not row.reasons], pa.large_binary()).cast(pa.large_string())
    kept = table.filter(pa.array([not row.reasons for row in rows], pa.bool_()))
    return kept.set_column(kept.schema.get_field_index("text"), kept.schema.field("text"), texts)


def _ledger(table: "pa.Table", rows: Sequence[_Scrubbed]) -> "pa.Table":
    import pyarrow as pa

    from pipeline_lib.scrub.detect import KINDS
    from pipeline_lib.store.schemas import LEDGER_SCHEMA

    columns: dict[str, Any] = {
        "document_id": table.column("document_id").to_pylist(),
        "is_kept": [not row.reasons for row in rows],
        "reason": [row.reason for row in rows],
        "failed": [[_failed(row, reason) for reason in row.reasons] for row in rows],
    }
    fields = list(LEDGER_SCHEMA)
    for kind in KINDS:
        columns[f"num_{kind}"] = [None if row.counts is None else row.counts[kind] for row in rows]
        fields.append(pa.field(f"num_{kind}", pa.int32()))
    return pa.table(columns, schema=pa.schema(fields))


def _failed(row: _Scrubbed, reason: str) -> dict[str, Any]:
    """The rule behind a reason: more than 0 values of the kind, or a name on the list of withdrawn documents."""
    value = 1 if row.counts is None else row.counts[reason.removeprefix("has_")]
    return {"rule": f"{reason}.v1", "value": float(value), "limit": 0.0}


def _totals(rows: Sequence[_Scrubbed]) -> dict[str, int]:
    """Values found in all documents that were looked at, by kind."""
    from pipeline_lib.scrub.detect import KINDS

    return {f"num_{kind}": sum(row.counts[kind] for row in rows if row.counts is not None) for kind in KINDS}
