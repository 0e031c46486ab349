"""Some rows of a shard, as far as the stages have kept them: where they are, in which language, how large.

A ledger has one row for each document that came in, in its order, so what is known of rows is cut down from stage to
stage by what that stage has kept. Numbers are held for a whole shard (24 bytes a document), names and texts never.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.clean.signals import LANGUAGE
from pipeline_lib.past.made import made_last, opened
from pipeline_lib.run.stage import Stage
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.tables import iterate, iterate_evenly, num_rows, read_table
from pipeline_lib.store.workspace import Batch, Workspace

TEXT, SIGNALS, SCRUBBED = "clean.text", "clean.signals", "scrub.text"
UNKNOWN = "unknown"  # language
BASE = ("document_id", "is_kept", "reason", "failed")
COUNTING = "num_"  # how the columns of a ledger begin that count something

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """N rows of a shard."""

    places: Numbers  # [N] in the shard
    languages: Numbers  # [N] places in `names`
    names: Sequence[str]
    sizes: Numbers  # [N] bytes of text, in UTF-8

    def where(self, is_meant: Flags) -> "Rows":
        """Those that are meant."""
        return Rows(self.places[is_meant], self.languages[is_meant], self.names, self.sizes[is_meant])

    def between(self, first: int, last: int) -> "Rows":
        """Those from the place `first` up to, and without, `last`."""
        own = slice(first, last)
        return Rows(self.places[own], self.languages[own], self.names, self.sizes[own])

    def by_language(self, weights: Numbers | None = None) -> Iterator[tuple[str, int]]:
        """The number of rows of each language, or the sum of their weights."""
        sums = np.bincount(self.languages, weights, minlength=len(self.names))
        return ((name, int(number)) for name, number in zip(self.names, sums.tolist(), strict=True) if number)

    def language(self, place: int) -> str:
        """Of one row."""
        return self.names[int(self.languages[place])]


@dataclass(frozen=True)
class Shard:
    """One shard of a batch: where the files that its stages wrote lie."""

    workspace: Workspace
    batch: Batch
    number: int

    def file(self, maker: str, name: str) -> Path | None:
        """A verified file of what a maker made of the shard, or of the batch; None where it is not there."""
        refs = made_last(self.workspace, maker.partition(".")[0], self.batch, maker)
        named = name.format(shard=self.number)
        at = self.number if named == name else 0  # one artifact a shard, or one for all of them
        return opened(self.workspace.store, refs[at], named) if at < len(refs) else None

    def ledger(self, stage: Stage, rows: Rows) -> Iterator[tuple[pa.Table, Rows]] | None:
        """What a stage decided on these rows, in pieces, each with its rows; None where it has not, or where that is
        not there any more."""
        assert stage.ledger is not None, "it is a stage of documents"
        path = self.file(stage.ledger.maker, stage.ledger.file)
        return None if path is None or num_rows(path) != len(rows.places) else _pieces(path, rows)

    def resized(self, rows: Rows) -> Rows:
        """The rows that scrub has kept with the sizes of the text that it wrote."""
        path = self.file(SCRUBBED, DOCUMENTS_FILE)
        return rows if path is None or num_rows(path) != len(rows.places) else replace(rows, sizes=sizes_of(path))


def _pieces(path: Path, rows: Rows) -> Iterator[tuple[pa.Table, Rows]]:
    counting = [name for name in columns_of(path) if name.startswith(COUNTING)]
    at = 0
    for part in iterate_evenly(path, [*BASE, *counting]):
        yield part, rows.between(at, at + part.num_rows)
        at += part.num_rows


def all_rows(text: Path, signals: Path) -> Rows:
    """The rows of a shard, as text came out of clean."""
    encoded = read_table(signals, [LANGUAGE])[LANGUAGE].combine_chunks().fill_null(UNKNOWN).dictionary_encode()
    codes = np.asarray(encoded.indices, np.int64)
    return Rows(np.arange(len(codes)), codes, encoded.dictionary.to_pylist(), sizes_of(text))


def sizes_of(path: Path) -> Numbers:
    """Bytes of each text of a file of documents, which is looked at in pieces."""
    parts = [np.asarray(pc.binary_length(part["text"]), np.int64) for part in iterate(path, ["text"])]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def flags_of(column: Any) -> Flags:
    """A column of truth values."""
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False), np.bool_)


def columns_of(path: Path) -> list[str]:
    """The names of the columns of a file."""
    import pyarrow.parquet as pq

    names: list[str] = pq.read_schema(path).names
    return names
