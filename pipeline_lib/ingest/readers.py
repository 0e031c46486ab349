"""The readers of whole files, and the list of all readers of files by suffix.

To read another format: write a generator with the signature of `Reader` and put it into `READERS`.
"""

from collections.abc import Iterator, Mapping

from pipeline_lib.ingest.archives import archives_of
from pipeline_lib.ingest.arrow import read_arrow
from pipeline_lib.ingest.charset import Decoded, decode, decode_html
from pipeline_lib.ingest.delimited import read_csv, read_tsv
from pipeline_lib.ingest.docx import read_docx
from pipeline_lib.ingest.epub import read_epub
from pipeline_lib.ingest.jsonl import read_json, read_jsonl
from pipeline_lib.ingest.kinds import Reader, kind_of
from pipeline_lib.ingest.parquet import read_parquet
from pipeline_lib.ingest.pdf import read_pdf
from pipeline_lib.ingest.records import Bad, Format, ReadOptions, Record, SourceFile
from pipeline_lib.ingest.streams import NOT_LIKE_ASCII, Stream, to_utf8, whole
from pipeline_lib.ingest.webarchive import read_captures
from pipeline_lib.ingest.xml_files import read_xml


def read_text(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one plain text."""
    yield _record("text", _text_of(stream, options))


def read_markdown(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one Markdown text."""
    yield _record("markdown", _text_of(stream, options))


def read_html(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one page, tags and all: clean takes the text out."""
    yield _record("html", decode_html(whole(_chunks(stream, options), options.max_document_bytes), options.encoding))


def _text_of(stream: Stream, options: ReadOptions) -> Decoded:
    return decode(whole(_chunks(stream, options), options.max_document_bytes), options.label_of)


def _chunks(stream: Stream, options: ReadOptions) -> Iterator[bytes]:
    """The bytes of a text, in UTF-8 if its label says that they are not read byte by byte."""
    is_other = options.encoding.lower() in NOT_LIKE_ASCII
    return to_utf8(stream.chunks(), options.encoding) if is_other else stream.chunks()


def _record(form: Format, decoded: Decoded) -> Record:
    return Record(None, None, form, decoded.text, metadata=decoded.metadata)


READERS: dict[str, Reader] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".rst": read_text,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
    ".warc": read_captures,
    ".wet": read_captures,
    ".arc": read_captures,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".epub": read_epub,
    ".xml": read_xml,
    ".nxml": read_xml,
}
READERS |= archives_of(READERS)  # of their members by the readers above: none descends into another


def read_with(readers: Mapping[str, Reader], file: SourceFile, options: ReadOptions) -> Iterator[Record | Bad]:
    """The records of a file that `readers` have one for."""
    name, compression = kind_of(file.path)
    return readers[name](Stream(file.raw, compression, file.num_bytes, options.max_expansion, file.lines), options)
