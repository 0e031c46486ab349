"""One large file as several shards: read once, in cells of bounded size; then each part is written of some of them.

    ingest.split   the file -> cell-00000/{documents,ledger,quarantine,files}.parquet, cell-00001/...
    ingest.read    cells [part * C // num_parts, (part + 1) * C // num_parts) of C -> that shard

A file is read by one process, from its start: only so are lines numbered, names given and what is compressed unpacked
once. What takes longer is spread: a part opens its own cells and no others, so that all that follows, and the shards
themselves, are made side by side. How many parts there are a plan says before anything is read (extent.py); what is in
them only the documents, so that the parts together are the file, in its order, whatever was expected of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline_lib.ingest.documents import Document, Reading, read_pieces
from pipeline_lib.ingest.plan import FILES_FILE, LEDGER_FILE, QUARANTINE_FILE, FilePlan, ShardPlan
from pipeline_lib.ingest.records import Bad
from pipeline_lib.ingest.tables import FILES_SCHEMA, INGEST_LEDGER_SCHEMA, NO_RECORDS, summed
from pipeline_lib.ingest.writing import ShardWriter, Tally, check_lines, dropped_of, looked_up, rows_told
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA, QUARANTINE_SCHEMA
from pipeline_lib.store.tables import PASSING_OPTIONS, PIECE_ROWS, TableWriter, iterate, read_table, write_parquet

# Of a cell: half of the smallest part (extent.py), so that parts differ by one of a few; a piece of all later stages.
CELL_BYTES = 4 << 20  # of text
CELL_ROWS = PIECE_ROWS  # documents, and what is bad

Items = Iterator[tuple[Document | Bad, Any]]  # what is in a file, and of each document whether it is taken


def write_split(reading: Reading, shard: ShardPlan, places: Mapping[str, Path], folder: Path) -> Outcome:
    """Read the one file of the plan into cells."""
    (file,) = shard.files
    items = looked_up(file, read_pieces(reading, file, places.get(file.path)))
    num_cells, is_over = 0, False
    num_documents, dropped = 0, Counter[str]()
    while not is_over:
        cell = folder / _name(num_cells)
        cell.mkdir()
        with ShardWriter(reading.source, cell, PASSING_OPTIONS) as writer:
            row, is_over = _fill(writer, file, items, is_first=num_cells == 0)
        write_parquet(pa.Table.from_pylist([row], FILES_SCHEMA), cell / FILES_FILE)
        num_cells += 1
        num_documents += writer.num_documents
        dropped += writer.dropped
    check_lines(file, num_documents)
    facts = {"source": reading.source, "num_cells": num_cells}
    return Outcome(num_documents + dropped.total(), num_documents, dropped, facts=facts)


def _fill(writer: ShardWriter, file: FilePlan, items: Items, *, is_first: bool) -> tuple[dict[str, str | int], bool]:
    """Give a cell what it can hold; the counts of that (of the file as such, in its first cell), and whether all is."""
    tally = Tally(file, writer)
    is_over = True
    for item, is_taken in items:
        tally.put(item, is_taken)
        if writer.num_bytes >= CELL_BYTES or writer.num_documents + writer.num_bad >= CELL_ROWS:
            is_over = False  # or that was the last one: then a cell with nothing follows
            break
    of_file = (file.num_passed_over, file.bytes) if is_first else (0, 0)
    return tally.row(num_passed_over=of_file[0], num_bytes=of_file[1]), is_over


def write_part(inputs: Inputs, folder: Path) -> Outcome:
    """Write the shard that is the part params["part"] of params["num_parts"] of a `split`."""
    facts, part, num_parts = inputs.manifest("split").facts, inputs.params["part"], inputs.params["num_parts"]
    first, end = (at * int(facts["num_cells"]) // num_parts for at in (part, part + 1))
    cells = [_name(at) for at in range(first, end)]

    def parts_of(name: str) -> Iterator[pa.Table]:
        return (table for cell in cells for table in iterate(inputs.file("split", f"{cell}/{name}")))

    num_documents = _join(parts_of(DOCUMENTS_FILE), DOCUMENTS_SCHEMA, folder / DOCUMENTS_FILE)
    _join(parts_of(LEDGER_FILE), INGEST_LEDGER_SCHEMA, folder / LEDGER_FILE)
    num_bad = _join(parts_of(QUARANTINE_FILE), QUARANTINE_SCHEMA, folder / QUARANTINE_FILE)
    files = summed(pa.concat_tables([_nothing_of(inputs), *parts_of(FILES_FILE)]), ["path", "digest"])
    write_parquet(files.select(FILES_SCHEMA.names).cast(FILES_SCHEMA), folder / FILES_FILE)
    return Outcome(
        num_documents + num_bad,
        num_documents,
        dropped_of(folder / QUARANTINE_FILE),
        file_rows=rows_told(num_documents, num_bad, files.num_rows),
        facts={"source": facts["source"]},
    )


def _nothing_of(inputs: Inputs) -> pa.Table:
    """The file with nothing counted: a part without cells is a shard of it, too. (The first cell is always there.)"""
    (file,) = read_table(inputs.file("split", f"{_name(0)}/{FILES_FILE}"), ["path", "digest"]).to_pylist()
    return pa.Table.from_pylist([file | NO_RECORDS], FILES_SCHEMA)


def _name(cell: int) -> str:
    return f"cell-{cell:05d}"


def _join(tables: Iterable[pa.Table], schema: pa.Schema, path: Path) -> int:
    """Write these one after the other, a row group each; their rows."""
    with TableWriter(path, schema) as writer:
        for table in tables:
            writer.write(table)
    return writer.num_rows
