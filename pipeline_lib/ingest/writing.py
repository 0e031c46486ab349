"""The files of a shard, written piece by piece: what is held is one piece of text, whatever the size of a file.

JSONL of 440 bytes a document: 10 MB and 200 MB of it both peak at 178 MB (lists of everything: 189 and 955).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from pipeline_lib.base.errors import DataError
from pipeline_lib.ingest.documents import Document, Reading, place_of, read_pieces
from pipeline_lib.ingest.packed import pack
from pipeline_lib.ingest.plan import FILES_FILE, LEDGER_FILE, QUARANTINE_FILE, FilePlan, ShardPlan
from pipeline_lib.ingest.records import EMPTY_FILE, EMPTY_TEXT, PASSED_OVER, Bad
from pipeline_lib.ingest.tables import FILES_SCHEMA, INGEST_LEDGER_SCHEMA
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.forgotten import FORGOTTEN
from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA, QUARANTINE_SCHEMA
from pipeline_lib.store.tables import OPTIONS, PIECE_BYTES, PIECE_ROWS, TableWriter, iterate, write_parquet

# Reasons that are counted, and are no fault of the input.
NO_DAMAGE = (EMPTY_FILE, EMPTY_TEXT, FORGOTTEN)


def write_shard(reading: Reading, shard: ShardPlan, places: Mapping[str, Path], folder: Path) -> Outcome:
    """Read the files of the plan and write documents, ledger, quarantine and counts by file."""
    with ShardWriter(reading.source, folder) as writer:
        files = [_read(reading, file, places.get(file.path), writer) for file in shard.files]
    write_parquet(pa.Table.from_pylist(files, FILES_SCHEMA), folder / FILES_FILE)
    return Outcome(
        rows_in=writer.num_documents + writer.num_bad,
        rows_out=writer.num_documents,
        dropped=writer.dropped,
        file_rows=rows_told(writer.num_documents, writer.num_bad, len(files)),
        facts={"source": reading.source},
    )


def rows_told(num_documents: int, num_bad: int, num_files: int) -> dict[str, int]:
    """The rows of the files of a shard, by name."""
    return {
        DOCUMENTS_FILE: num_documents,
        LEDGER_FILE: num_documents,
        QUARANTINE_FILE: num_bad,
        FILES_FILE: num_files,
    }


def is_damage(reason: str) -> bool:
    """Whether the input has a fault; else it is counted only."""
    return reason not in NO_DAMAGE and not reason.startswith(PASSED_OVER)


def reason_code(reason: str) -> str:
    """A quarantine reason as the manifest counts it: "not UTF-8" -> "not_utf_8"."""
    return re.sub(r"\W+", "_", reason.lower()).strip("_")


def dropped_of(quarantine: Path) -> Counter[str]:
    """The rows of a quarantine by reason, as a manifest counts them."""
    counts: Counter[str] = Counter()
    for part in iterate(quarantine, ["reason"]):
        for row in part["reason"].value_counts().to_pylist():
            counts[reason_code(row["values"])] += row["counts"]
    return counts


class ShardWriter:
    """Documents, ledger and quarantine of one shard, each held up to a piece."""

    def __init__(self, source: str, folder: Path, options: Mapping[str, Any] = OPTIONS) -> None:
        self.num_documents = self.num_bad = 0
        self.num_bytes = 0  # of text
        self.dropped: Counter[str] = Counter()
        self._source = source
        self._found: list[tuple[str, Document]] = []  # path of the file, document
        self._held_bytes = 0
        self._bad: list[dict[str, str]] = []
        with ExitStack() as stack:
            self._documents = stack.enter_context(TableWriter(folder / DOCUMENTS_FILE, DOCUMENTS_SCHEMA, options))
            self._ledger = stack.enter_context(TableWriter(folder / LEDGER_FILE, INGEST_LEDGER_SCHEMA, options))
            self._quarantine = stack.enter_context(TableWriter(folder / QUARANTINE_FILE, QUARANTINE_SCHEMA, options))
            self._stack = stack.pop_all()

    def add(self, path: str, document: Document) -> None:
        """Add a document of this file."""
        if self._held_bytes + document.num_bytes > PIECE_BYTES or len(self._found) == PIECE_ROWS:
            self._write_documents()
        self._found.append((path, document))
        self._held_bytes += document.num_bytes
        self.num_documents += 1
        self.num_bytes += document.num_bytes

    def put_aside(self, path: str, bad: Bad) -> None:
        """Add a row to the quarantine."""
        self.dropped[reason_code(bad.reason)] += 1
        self.num_bad += 1
        self._bad.append({"place": place_of(path, bad.line, bad.within), "reason": bad.reason})
        if len(self._bad) == PIECE_ROWS:
            self._write_bad()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        with self._stack:
            if kind is None:
                self._write_documents()
                self._write_bad()

    def _write_documents(self) -> None:
        self._documents.write(documents_of(self._source, [document for _, document in self._found]))
        self._ledger.write(_ledger(self._found))
        self._found, self._held_bytes = [], 0

    def _write_bad(self) -> None:
        self._quarantine.write(pa.Table.from_pylist(self._bad, QUARANTINE_SCHEMA))
        self._bad = []


def _read(reading: Reading, file: FilePlan, place: Path | None, writer: ShardWriter) -> dict[str, str | int]:
    """Give the documents of a file that the plan takes to the writer; the counts of the file."""
    tally = Tally(file, writer)
    for item, is_taken in looked_up(file, read_pieces(reading, file, place)):
        tally.put(item, is_taken)
    check_lines(file, tally.counts["num_documents"])
    return tally.row(num_passed_over=file.num_passed_over, num_bytes=file.bytes)


class Tally:
    """Gives a writer what the plan takes of a file, and counts what it was given."""

    def __init__(self, file: FilePlan, writer: ShardWriter) -> None:
        self.counts = {"num_documents": 0, "num_unchanged": 0, "num_bad": 0, "num_lost": 0}
        self._is_cut = False
        self._file, self._writer = file, writer

    def put(self, item: Document | Bad, is_taken: bool | np.bool_) -> None:
        """Take the next of the file."""
        counts = self.counts
        if isinstance(item, Document) and is_taken:
            self._writer.add(self._file.path, item)
            counts["num_documents"] += 1
        elif self._file.is_return:  # the rest of the file is told of in another shard
            return
        elif isinstance(item, Bad):
            self._writer.put_aside(self._file.path, item)
            counts["num_bad"] += 1
            if is_damage(item.reason):
                counts["num_lost"] += item.num_rows or 0
                self._is_cut = self._is_cut or item.num_rows is None
        else:
            counts["num_unchanged"] += 1

    def row(self, *, num_passed_over: int, num_bytes: int) -> dict[str, str | int]:
        """A row of FILES_SCHEMA."""
        counts = {**self.counts, "num_unchanged": self.counts["num_unchanged"] + num_passed_over}
        told = {"path": self._file.path, "digest": self._file.digest}
        return {**told, **counts, "bytes": num_bytes, "is_cut": self._is_cut}


def check_lines(file: FilePlan, num_documents: int) -> None:
    """Raises `DataError` where other documents than those planned were on the lines that a plan names."""
    if file.lines is not None and file.taken is not None and num_documents != len(file.taken):
        raise DataError(f"{file.path}: what was planned is not on the lines that the plan names. Please report it.")


def looked_up(
    file: FilePlan, pieces: Iterable[Sequence[Document | Bad]]
) -> Iterator[tuple[Document | Bad, bool | np.bool_]]:
    """What is in the file, and of each document whether the plan takes it."""
    for piece in pieces:
        if file.taken is None:
            yield from zip(piece, repeat(True))
            continue
        is_taken = iter(file.taken.has(pack(item.document_id for item in piece if isinstance(item, Document))))
        yield from ((item, isinstance(item, Document) and next(is_taken)) for item in piece)


def documents_of(source: str, found: Sequence[Document]) -> pa.Table:
    """Rows of DOCUMENTS_SCHEMA, as a shard has them."""
    records = [document.record for document in found]
    columns = {
        "document_id": [document.document_id for document in found],
        "source": [source] * len(found),
        "url": [document.url for document in found],
        "format": [record.format for record in records],
        "language": [None] * len(found),
        "fetched": [record.fetched for record in records],
        "title": [record.title for record in records],
        "licence": [record.licence for record in records],
        "metadata": [None if record.metadata is None else list(record.metadata.items()) for record in records],
        "messages": [None if record.messages is None else [*record.messages] for record in records],
        "text": [record.text for record in records],
    }
    return pa.table(columns, DOCUMENTS_SCHEMA)


def _ledger(found: Sequence[tuple[str, Document]]) -> pa.Table:
    columns = {
        "document_id": [document.document_id for _, document in found],
        "is_kept": [True] * len(found),
        "reason": [None] * len(found),
        "failed": [[]] * len(found),
        "url": [document.url for _, document in found],
        "file": [path for path, _ in found],
        "place": [document.place for _, document in found],
    }
    return pa.table(columns, INGEST_LEDGER_SCHEMA)
