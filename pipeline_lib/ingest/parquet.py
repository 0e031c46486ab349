"""The reader of Parquet files: one record a row, read in small batches so that a large file is never held whole."""

from collections.abc import Iterator
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
        num_rows, names = file.metadata.num_rows, file.schema_arrow.names
        column_of(names, options.text_field, num_rows)
        id_field = options.id_field if options.id_field in names else None
        if id_field:
            column_of(names, id_field, num_rows)
        columns = [options.text_field, *([id_field] if id_field else [])]
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
            for values in zip(*(batch.column(name) for name in columns), strict=True):
                row += 1
                yield _record(row, values, options)
    except (pa.ArrowException, OSError) as exc:
        raise Unreadable("damaged Parquet", None if num_rows is None else num_rows - row) from exc


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
