"""clean: documents in; those of good text out, with a language, without markup, mojibake and control characters.

A document that is dropped is one row of the ledger with every rule it failed, the value and the limit; the values of
all signals stand there too, for kept and dropped alike, so that a limit can be tuned without a run.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.store.artifact import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

STAGE = "clean"
VERSION = 1


def warm_up(settings: CleanSettings) -> None:
    """Load what `run` needs: half of the time of a small shard."""
    import pyarrow as pa

    from pipeline_lib.clean import cleaning, entities, language, signals
    from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA

    cleaning.clean_table(settings, DOCUMENTS_SCHEMA.empty_table())
    signals.measure_texts(pa.array([""], pa.large_string()))
    language.load()
    entities.load(settings.entity_rules)


def run(settings: CleanSettings, documents: Path, folder: Path) -> Outcome:
    """Write `documents.parquet` and `ledger.parquet` into `folder`."""
    from pipeline_lib.clean.cleaning import clean_table
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE, read_documents
    from pipeline_lib.store.tables import write_parquet

    cleaned = clean_table(settings, read_documents(documents))
    write_parquet(cleaned.documents, folder / DOCUMENTS_FILE)
    write_parquet(cleaned.ledger, folder / LEDGER_FILE)
    reasons = [reason for reason in cleaned.ledger["reason"].to_pylist() if reason is not None]
    return Outcome(
        rows_in=cleaned.ledger.num_rows,
        rows_out=cleaned.documents.num_rows,
        dropped=Counter(reasons),
        file_rows={DOCUMENTS_FILE: cleaned.documents.num_rows, LEDGER_FILE: cleaned.ledger.num_rows},
        facts=_facts(settings, cleaned.ledger),
    )


def _facts(settings: CleanSettings, ledger: "pa.Table") -> dict[str, Any]:
    """Documents that came in by language, documents by failed rule (each counts under all it failed), matches."""
    failed = Counter(entry["rule"] for entries in ledger["failed"].to_pylist() for entry in entries)
    languages = Counter(language or "unknown" for language in ledger["language"].to_pylist())
    matches = {rule.label: sum(filter(None, ledger[_column(rule.label)].to_pylist())) for rule in settings.entity_rules}
    return {"languages": dict(languages), "failed_rules": dict(failed), "entities": matches}


def _column(label: str) -> str:
    return f"num_{label.lower()}"
