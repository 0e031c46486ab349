"""The files of a landing: rows in Parquet pieces, how they are written and how they are read as documents."""

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pipeline_lib.ingest.plan import LANDING_FILE
from pipeline_lib.ingest.records import Bad, Format, Limits, Listing, Record, SourceFile
from pipeline_lib.store.files import read_json
from pipeline_lib.store.tables import PIECE_BYTES, PIECE_ROWS, write_parquet

READ_ROWS = 256

LANDED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),  # of all that follows
        pa.field("url", pa.string(), nullable=False),
        pa.field("text", pa.large_string()),
        pa.field("fault", pa.string()),  # why there is no text
        pa.field("title", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("metadata", pa.map_(pa.string(), pa.string())),
    ]
)


class Row(NamedTuple):
    """One row as it lands: a text, or the fault for which it has none."""

    id: str | None
    url: str
    text: str | None
    fault: str | None = None
    title: str | None = None
    licence: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()


class LandedRows:
    """The rows of a landing as documents, each under the address of its row."""

    def __init__(self, landing: Path, record_format: Format) -> None:
        self._landing = landing
        self._format: Format = record_format

    def files(self) -> Listing:
        """The pieces, with the digests that the landing itself gives."""
        digests = read_json(self._landing / LANDING_FILE).get("pieces", {})
        return Listing({place.name: place for place in sorted(self._landing.glob("*.parquet"))}, digests=digests)

    def locate(self, paths: Collection[str]) -> dict[str, Path]:
        """The places of those that are still there."""
        return {path: self._landing / path for path in paths if (self._landing / path).is_file()}

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """A record for each row with text."""
        for number, row in enumerate(landed_rows(file.raw), start=1):
            if row.fault is not None:
                yield Bad(number, row.fault)
            else:
                yield Record(
                    row.url,
                    number,
                    self._format,
                    row.text or "",
                    url=row.url,
                    title=row.title,
                    licence=row.licence,
                    metadata=dict(row.metadata) or None,
                )


def landed_rows(raw: BinaryIO) -> Iterator[Row]:
    """The rows of a piece, in its order."""
    with pq.ParquetFile(raw) as file:
        for batch in file.iter_batches(batch_size=READ_ROWS):
            for row in batch.to_pylist():
                del row["digest"]
                row["metadata"] = tuple(row["metadata"] or ())
                yield Row(**row)


def filled(held: Iterable[Row], new: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows that a piece holds and new ones until it is full, then further pieces of new ones."""
    rows = list(held)
    num_bytes = sum(_bytes(row) for row in rows)
    for row in new:
        if rows and (len(rows) >= PIECE_ROWS or num_bytes + _bytes(row) > PIECE_BYTES):
            yield rows
            rows, num_bytes = [], 0
        rows.append(row)
        num_bytes += _bytes(row)
    if rows:
        yield rows


def _bytes(row: Row) -> int:
    return len((row.text or "").encode())


def write_piece(rows: list[Row], path: Path) -> None:
    """Write rows, which there must be some of, as one piece."""
    columns = {name: [getattr(row, name) for row in rows] for name in LANDED_SCHEMA.names if name != "digest"}
    write_parquet(pa.table({**columns, "digest": [digest_of_row(row) for row in rows]}, LANDED_SCHEMA), path)


def digest_of_row(row: Row) -> str:
    """What tells whether a row is as it was."""
    return xxhash.xxh3_128_hexdigest(json.dumps(row, ensure_ascii=False).encode())


def name_of_piece(number: int) -> str:
    """The file name of a piece; they sort by number."""
    return f"{number:08d}.parquet"


def link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the disk has no links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
