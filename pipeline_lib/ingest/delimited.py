"""The readers of tables as text: fields between commas or tabs, a header, a row a line or more."""

import csv
from collections.abc import Iterator

from pipeline_lib.ingest.charset import decode_part, is_unicode
from pipeline_lib.ingest.fields import columns_of, record_of, told_too
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import Stream, lines, to_utf8, too_long

BETWEEN = "\x1f"  # fields that are decoded together; no charset has it within a character
TOO_LONG = "\udfff"  # stands for a line that is not held; surrogateescape gives only U+DC80 to U+DCFF


def read_csv(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each row below the header. Quoted fields may hold line ends (RFC 4180)."""
    return _read(stream, options, options.delimiter or ",")


def read_tsv(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The same with tabs between the fields, which are quoted as spreadsheets and data frames do it."""
    return _read(stream, options, "\t")


def _read(stream: Stream, options: ReadOptions, delimiter: str) -> Iterator[Record | Bad]:
    csv.field_size_limit(options.max_document_bytes)  # bounds what an unclosed quote can swallow
    taken = _Lines(stream, options)
    rows = csv.reader(taken.as_text(), strict=True, delimiter=delimiter)
    header: list[str] = []
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
            header = _header(row, options)
            columns_of(header, options)
        elif row:
            yield _record(line, row, header, options)


class _Lines:
    """The lines of a file as text, and how many rows they would be by themselves: those that a faulty one takes along.

    Wrong bytes stay in the text as surrogates: they cost their row, not the rows around it.
    """

    def __init__(self, stream: Stream, options: ReadOptions) -> None:
        self._stream, self._label, self._max_bytes = stream, options.encoding, options.max_document_bytes
        self.num_rows = 0  # since it was set

    def as_text(self) -> Iterator[str]:
        """Each with its end."""
        for _, line in lines(to_utf8(self._stream.chunks(), self._label), self._max_bytes):
            self.num_rows += 1 if line is None else 1 + line.rstrip(b"\r").count(b"\r")
            yield (TOO_LONG if line is None else line.decode("utf-8", "surrogateescape")) + "\n"


def _record(line: int, row: list[str], header: list[str], options: ReadOptions) -> Record | Bad:
    content = BETWEEN.join(row)
    if TOO_LONG in content:
        return Bad(line, too_long(options.max_document_bytes))
    if len(row) != len(header):
        return Bad(line, "wrong number of columns")
    metadata = None
    if not is_unicode(content):
        try:
            row, metadata = _decoded(content, len(header), options)
        except Unreadable as exc:
            return Bad(line, str(exc))
    return told_too(record_of(dict(zip(header, row, strict=True)), line, options), metadata)


def _header(row: list[str], options: ReadOptions) -> list[str]:
    """The names of the columns. Raises `Unreadable`, of the whole file, where no charset fits."""
    content = BETWEEN.join(row)
    try:
        return row if is_unicode(content) else _decoded(content, len(row), options)[0]
    except Unreadable as exc:
        raise Unreadable(str(exc)) from exc


def _decoded(content: str, num_columns: int, options: ReadOptions) -> tuple[list[str], dict[str, str] | None]:
    """Fields that are no UTF-8, as text, and what a record tells of that. Raises `Unreadable` where no charset fits."""
    decoded = decode_part(content.encode("utf-8", "surrogateescape"), options.label_of)
    fields = decoded.text.split(BETWEEN)
    if len(fields) != num_columns:  # one of them holds the sign itself
        raise Unreadable("not UTF-8")
    return fields, decoded.metadata
