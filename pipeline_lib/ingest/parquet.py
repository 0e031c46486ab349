"""The reader of Parquet files: one record a row, read in small batches so that a large file is never held whole."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import EMPTY_FILE, EMPTY_TEXT, Bad, ReadOptions, Record, Unreadable, column_of
from pipeline_lib.ingest.streams import Stream

BATCH_ROWS = 256
BUFFER_BYTES = 1 << 20  # of a column at a time; without this and pre_buffer=False its row group is held whole


def read_parquet(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each row whose text column holds text; rows are numbered from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if stream.num_bytes == 0:
        raise Unreadable(EMPTY_FILE)
    row, num_rows = 0, None
    try:
        file = pq.ParquetFile(stream.seekable(), buffer_size=BUFFER_BYTES, pre_buffer=False)
        num_rows = file.metadata.num_rows
        columns = columns_of(file.schema_arrow.names, options, num_rows)
        for record in records_of(file.iter_batches(batch_size=BATCH_ROWS, columns=columns), columns, options):
            row += 1
            yield record
    except (pa.ArrowException, OSError) as exc:
        raise Unreadable("damaged Parquet", None if num_rows is None else num_rows - row) from exc


def columns_of(names: Sequence[str], options: ReadOptions, num_rows: int | None = None) -> list[str]:
    """The columns to read: the text and, if there is one, the id. Raises `Unreadable` where it is not told which."""
    column_of(names, options.text_field, num_rows)
    if options.id_field not in names:
        return [options.text_field]
    column_of(names, str(options.id_field), num_rows)
    return [options.text_field, str(options.id_field)]


def records_of(batches: Iterable[Any], columns: Sequence[str], options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each row of Arrow batches."""
    row = 0
    for batch in batches:
        for values in zip(*(batch.column(name) for name in columns), strict=True):
            row += 1
            yield _record(row, values, options)


def _record(row: int, values: tuple[Any, ...], options: ReadOptions) -> Record | Bad:
    """The record in one row of scalars: the text and, if there is a column for it, the id."""
    try:
        text, *ids = (value.as_py() for value in values)
        text = text.decode() if isinstance(text, bytes) else text
    except UnicodeError:
        return Bad(row, "not UTF-8")
    if text is None:
        return Bad(row, EMPTY_TEXT)
    if not isinstance(text, str):
        return Bad(row, f"no text in field {options.text_field!r}")
    return Record(part_of(ids[0] if ids else None, text), row, options.record_format, text)
