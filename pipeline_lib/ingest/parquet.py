"""The reader of Parquet files: one record a row, read in small batches so that a large file is never held whole."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipeline_lib.ingest.fields import columns_of, record_of, value_of
from pipeline_lib.ingest.records import EMPTY_FILE, Bad, ReadOptions, Record, Unreadable
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


def records_of(batches: Iterable[Any], columns: Sequence[str], options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each row of Arrow batches."""
    row = 0
    for batch in batches:
        for values in zip(*(batch.column(name) for name in columns), strict=True):
            row += 1
            yield _record(row, columns, values, options)


def _record(row: int, columns: Sequence[str], values: tuple[Any, ...], options: ReadOptions) -> Record | Bad:
    """The record in one row of scalars."""
    try:
        fields = {name: value.as_py() for name, value in zip(columns, values, strict=True)}
        if isinstance(text := value_of(fields, options.text_field), bytes):
            fields[options.text_field] = text.decode()
    except UnicodeError:
        return Bad(row, "not UTF-8")
    return record_of(fields, row, options)
