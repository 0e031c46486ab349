"""A bounded sample of documents, the same for the same documents: chosen by their ids, which are hashes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.store.tables import iterate

HEX_DIGITS = 8
NUM_PLACES = 16**HEX_DIGITS


@dataclass
class Sample:
    """What a tokenizer is learned from."""

    num_documents: int  # that there are, sampled or not
    texts: list[str] = field(default_factory=list)
    languages: list[str | None] = field(default_factory=list)  # of each text


def sample_texts(documents: Sequence[Path], max_bytes: int) -> Sample:
    """Texts of about `max_bytes` in all, in the order of the files.

    A document is taken when its id, read as a number in [0, 1), is below the share that fits; what then still goes
    over the limit is left out from the end. One piece of a shard is in memory at a time, beside the sample.
    """
    sizes = [_bytes_and_rows(path) for path in documents]
    num_bytes, num_documents = sum(size for size, _ in sizes), sum(rows for _, rows in sizes)
    share = min(1.0, max_bytes / num_bytes) if num_bytes else 1.0
    sample = Sample(num_documents)
    left = max_bytes
    for path in documents:
        for text, language in _chosen(path, share):
            left -= len(text.encode())
            if left < 0:
                return sample
            sample.texts.append(text)
            sample.languages.append(language)
    return sample


def _bytes_and_rows(path: Path) -> tuple[int, int]:
    sizes = [(pc.sum(pc.binary_length(piece["text"])).as_py(), piece.num_rows) for piece in iterate(path, ["text"])]
    return sum(size for size, _ in sizes), sum(rows for _, rows in sizes)


def _chosen(path: Path, share: float) -> Iterator[tuple[str, str | None]]:
    """Texts and their languages."""
    for piece in iterate(path, ["document_id", "text", "language"]):
        places = [int(name[:HEX_DIGITS], 16) / NUM_PLACES for name in piece["document_id"].to_pylist()]
        chosen = piece.filter(pa.array([place < share for place in places], pa.bool_()))
        yield from zip(chosen["text"].to_pylist(), chosen["language"].to_pylist(), strict=True)
