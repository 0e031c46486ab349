"""The reader of Arrow files: the formats of its IPC, file (Feather 2) and stream (what `datasets` keeps), told by their
first bytes; one record a row, a batch at a time, of the columns that are asked for.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline_lib.ingest.fields import columns_of
from pipeline_lib.ingest.parquet import records_of
from pipeline_lib.ingest.records import EMPTY_FILE, Bad, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import Stream

FILE, FEATHER_1 = b"ARROW1", b"FEA1"


def read_arrow(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each row whose text column holds text; rows are numbered from 1."""
    import pyarrow as pa

    if stream.num_bytes == 0:
        raise Unreadable(EMPTY_FILE)
    raw = stream.seekable()
    begin = raw.read(len(FILE))
    raw.seek(0)
    if begin.startswith(FEATHER_1):
        raise Unreadable("Feather in its first version (write it again with pyarrow)")
    try:
        names = _opened(raw, begin == FILE, None).schema.names
        columns = columns_of(names, options)
        raw.seek(0)
        opened = _opened(raw, begin == FILE, sorted(names.index(column) for column in columns))
        yield from records_of(map(_checked, _batches(opened)), columns, options)
    except (pa.ArrowException, OSError, ValueError) as exc:  # names of columns are decoded outside of Arrow
        raise Unreadable("damaged Arrow") from exc


def _opened(raw: BinaryIO, is_file: bool, fields: list[int] | None) -> Any:
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    return pa.ipc.open_file(raw, options=options) if is_file else pa.ipc.open_stream(raw, options=options)


def _batches(opened: Any) -> Iterator[Any]:
    """The record batches, one at a time."""
    if hasattr(opened, "num_record_batches"):
        return (opened.get_batch(number) for number in range(opened.num_record_batches))
    return iter(opened)


def _checked(batch: Any) -> Any:
    """The same batch. Raises `ArrowInvalid` where it points out of itself: nothing is checked when it is read.

    Text is looked at as bytes: what is no UTF-8 costs its row.
    """
    import pyarrow as pa

    for column in batch.columns:
        as_bytes = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}.get(column.type)
        (column if as_bytes is None else column.view(as_bytes)).validate(full=True)
    return batch
