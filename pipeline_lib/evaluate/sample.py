"""The texts of a benchmark, as they are scored: in the order of their ids, each cut at its length."""

from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.store.tables import iterate


@dataclass(frozen=True)
class Sample:
    """The documents to score."""

    document_ids: tuple[str, ...]
    sources: tuple[str, ...]
    languages: tuple[str | None, ...]
    texts: tuple[str, ...]


def read_sample(documents: Path, *, max_document_characters: int) -> Sample:
    """The documents of a benchmark; there may be none."""
    rows: list[tuple[str, str, str | None, str]] = []
    for table in iterate(documents, ["document_id", "source", "language", "text"]):
        texts = [text[:max_document_characters] for text in table["text"].to_pylist()]
        columns = (table[name].to_pylist() for name in ("document_id", "source", "language"))
        rows += zip(*columns, texts, strict=True)
    rows.sort(key=lambda row: row[0])
    document_ids, sources, languages, texts_in_order = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Sample(document_ids, sources, languages, texts_in_order)
