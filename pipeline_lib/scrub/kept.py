"""The documents that clean and dedup keep, piece by piece, with their language: what scrub reads of a shard.

Four files are read in step. Texts and signals have a row for each document of the shard, and so has the verdict on
quality; dedup decided only what was judged good enough.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import iterate


@dataclass(frozen=True)
class Shard:
    """The files of one shard."""

    text: Path
    signals: Path
    judged: Path
    decided: Path


def read_kept(shard: Shard) -> Iterator[pa.Table]:
    """The kept documents of each piece of the shard, in order; documents.v2 with `language` from the signals.

    Raises `DataError` when the files are not of the same documents.
    """
    _check(shard.text)
    signals = _InStep(shard.signals, ["language"])
    verdicts = [_InStep(path, ["document_id", "is_kept"]) for path in (shard.judged, shard.decided)]
    for documents in iterate(shard.text, DOCUMENTS_SCHEMA.names):
        piece = _with_language(documents.select(DOCUMENTS_SCHEMA.names), signals.take(len(documents)))
        for verdict in verdicts:
            piece = _those_kept(piece, verdict)
        yield piece
    for table in (signals, *verdicts):
        table.finish()


class _InStep:
    """A table that is read in step with another one, whatever the pieces in which it was written."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._pieces = iterate(path, columns)
        self._rest: pa.Table | None = None

    def take(self, num_rows: int) -> pa.Table:
        """The next `num_rows` rows, one or more. Raises `DataError` when there are fewer."""
        taken: list[pa.Table] = []
        while num_rows:
            piece = self._rest if self._rest is not None else next(self._pieces, None)
            if piece is None:
                raise _not_the_same(self.path)
            taken.append(piece.slice(0, num_rows))
            self._rest = piece.slice(num_rows) if len(piece) > num_rows else None
            num_rows -= len(taken[-1])
        return pa.concat_tables(taken)

    def finish(self) -> None:
        """Raise `DataError` when rows are left."""
        if self._rest is not None or next(self._pieces, None) is not None:
            raise _not_the_same(self.path)


def _those_kept(documents: pa.Table, verdicts: _InStep) -> pa.Table:
    if not len(documents):
        return documents
    rows = verdicts.take(len(documents))
    if not rows["document_id"].equals(documents["document_id"]):
        raise _not_the_same(verdicts.path)
    return documents.filter(rows["is_kept"])


def _with_language(documents: pa.Table, signals: pa.Table) -> pa.Table:
    place = DOCUMENTS_SCHEMA.get_field_index("language")
    return documents.set_column(place, DOCUMENTS_SCHEMA.field(place), signals["language"])


def _check(path: Path) -> None:
    missing = set(DOCUMENTS_SCHEMA.names) - set(pq.read_schema(path).names)
    if missing:
        raise DataError(
            f"{path}: is not documents.v2, it has no column {min(missing)}. Delete its folder and run again."
        )


def _not_the_same(path: Path) -> DataError:
    return DataError(f"{path}: is not of the documents of its shard. Delete its folder and run again.")
