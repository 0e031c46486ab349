"""The readers of tables as text: fields between commas or tabs, a header, a row a line or more."""

import csv
from collections.abc import Iterator

from pipeline_lib.ingest.charset import decode_part, is_unicode
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable, column_of
from pipeline_lib.ingest.streams import Stream, lines, to_utf8, too_long

BETWEEN = "\x1f"  # fields that are decoded together; no charset has it within a character
TOO_LONG = "\udfff"  # stands for a line that is not held; surrogateescape gives only U+DC80 to U+DCFF


def read_csv(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each row below the header. Quoted fields may hold line ends (RFC 4180)."""
    return _read(stream, options, ",")


def read_tsv(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The same with tabs between the fields, which are quoted as spreadsheets and data frames do it."""
    return _read(stream, options, "\t")


def _read(stream: Stream, options: ReadOptions, delimiter: str) -> Iterator[Record | Bad]:
    csv.field_size_limit(options.max_document_bytes)  # bounds what an unclosed quote can swallow
    taken = _Lines(stream, options)
    rows = csv.reader(taken.as_text(), strict=True, delimiter=delimiter)
    header: list[str] = []
    text, own = 0, None
    while True:
        line = rows.line_num + 1
        taken.num_rows = 0
        try:
            row = next(rows, None)
        except csv.Error as exc:
            is_long = "field limit" in str(exc)
            yield Bad(line, too_long(options.max_document_bytes) if is_long else "invalid CSV", taken.num_rows)
            continue
        if row is None:
            return
        if not header:
            header = _header(row)
            text = column_of(header, options.text_field)
            own = column_of(header, options.id_field) if options.id_field in header else None
        elif row:
            yield _record(line, row, len(header), text, own, options)


class _Lines:
    """The lines of a file as text, and how many rows they would be by themselves: those that a faulty one takes along.

    Wrong bytes stay in the text as surrogates: they cost their row, not the rows around it.
    """

    def __init__(self, stream: Stream, options: ReadOptions) -> None:
        self._stream, self._max_bytes = stream, options.max_document_bytes
        self.num_rows = 0  # since it was set

    def as_text(self) -> Iterator[str]:
        """Each with its end."""
        for _, line in lines(to_utf8(self._stream.chunks()), self._max_bytes):
            self.num_rows += 1 if line is None else 1 + line.rstrip(b"\r").count(b"\r")
            yield (TOO_LONG if line is None else line.decode("utf-8", "surrogateescape")) + "\n"


def _record(
    line: int, row: list[str], num_columns: int, text: int, own: int | None, options: ReadOptions
) -> Record | Bad:
    content = BETWEEN.join(row)
    if TOO_LONG in content:
        return Bad(line, too_long(options.max_document_bytes))
    if len(row) != num_columns:
        return Bad(line, "wrong number of columns")
    metadata = None
    if not is_unicode(content):
        try:
            row, metadata = _decoded(content, num_columns)
        except Unreadable as exc:
            return Bad(line, str(exc))
    part = part_of(None if own is None else row[own], row[text])
    return Record(part, line, options.record_format, row[text], metadata=metadata)


def _header(row: list[str]) -> list[str]:
    """The names of the columns. Raises `Unreadable`, of the whole file, where no charset fits."""
    content = BETWEEN.join(row)
    try:
        return row if is_unicode(content) else _decoded(content, len(row))[0]
    except Unreadable as exc:
        raise Unreadable(str(exc)) from exc


def _decoded(content: str, num_columns: int) -> tuple[list[str], dict[str, str] | None]:
    """Fields that are no UTF-8, as text, and what a record tells of that. Raises `Unreadable` where no charset fits."""
    decoded = decode_part(content.encode("utf-8", "surrogateescape"))
    fields = decoded.text.split(BETWEEN)
    if len(fields) != num_columns:  # one of them holds the sign itself
        raise Unreadable("not UTF-8")
    return fields, decoded.metadata
