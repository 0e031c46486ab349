"""Which held-out documents are scored: those with the smallest ids.

Ids are hashes, so the choice is as good as random, the same on every machine, and stays nearly the same when documents
are added: what two models are compared on does not jump from night to night.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.base.errors import DataError
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.store.schemas import read_documents


@dataclass(frozen=True)
class Sample:
    """The documents to score, in the order of their ids."""

    document_ids: tuple[str, ...]
    texts: tuple[str, ...]
    rows_in: int
    dropped: dict[str, int]  # documents not scored, by reason


def take_sample(heldout: Sequence[Path], settings: EvaluateSettings) -> Sample:
    """The documents that are scored. Raises `DataError` when there are none."""
    found: list[tuple[str, str]] = []
    for path in heldout:
        table = read_documents(path).select(["document_id", "text"])
        found += zip(table["document_id"].to_pylist(), table["text"].to_pylist(), strict=True)
    with_text = sorted((document_id, text) for document_id, text in found if text)
    taken = with_text[: settings.max_documents]
    if not taken:
        raise DataError(
            f"No held-out text in {len(heldout)} files: no score can be given. "
            "Add documents or raise tokenize.heldout_share."
        )
    dropped = {"empty_text": len(found) - len(with_text), "over_max_documents": len(with_text) - len(taken)}
    return Sample(
        document_ids=tuple(document_id for document_id, _ in taken),
        texts=tuple(text[: settings.max_document_characters] for _, text in taken),
        rows_in=len(found),
        dropped={reason: count for reason, count in dropped.items() if count},
    )
