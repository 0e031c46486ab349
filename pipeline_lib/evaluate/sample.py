"""The texts of a benchmark, as they are scored: in the order of their ids, each cut at its length."""

from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.model.paired import block_of
from pipeline_lib.store.tables import iterate

COLUMNS = ("document_id", "source", "language", "url", "text")


@dataclass(frozen=True)
class Sample:
    """The documents to score."""

    document_ids: tuple[str, ...]
    sources: tuple[str, ...]
    languages: tuple[str | None, ...]
    blocks: tuple[int, ...]  # equal where documents belong together
    texts: tuple[str, ...]


def read_sample(documents: Path, *, max_document_characters: int) -> Sample:
    """The documents of a benchmark; there may be none."""
    rows: list[tuple[str, str, str | None, int, str]] = []
    for table in iterate(documents, COLUMNS):
        columns = [table[name].to_pylist() for name in COLUMNS]
        rows += [
            (name, source, language, block_of(source, url), text[:max_document_characters])
            for name, source, language, url, text in zip(*columns, strict=True)
        ]
    rows.sort(key=lambda row: row[0])
    names, sources, languages, blocks, texts = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Sample(names, sources, languages, blocks, texts)
