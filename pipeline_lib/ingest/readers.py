"""The readers of whole files, and the list of all readers of files by suffix.

To read another format: write a generator with the signature of `Reader` and put it into `READERS`.
"""

from collections.abc import Callable, Iterator, Mapping
from posixpath import splitext

from pipeline_lib.ingest.charset import Decoded, decode, decode_html
from pipeline_lib.ingest.delimited import read_csv, read_tsv
from pipeline_lib.ingest.docx import read_docx
from pipeline_lib.ingest.epub import read_epub
from pipeline_lib.ingest.jsonl import read_json, read_jsonl
from pipeline_lib.ingest.parquet import read_parquet
from pipeline_lib.ingest.pdf import read_pdf
from pipeline_lib.ingest.records import Bad, Format, ReadOptions, Record, SourceFile
from pipeline_lib.ingest.streams import DECOMPRESSORS, Stream, whole
from pipeline_lib.ingest.xml_files import read_xml

Reader = Callable[[Stream, ReadOptions], Iterator[Record | Bad]]


def read_text(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one plain text."""
    yield _record("text", decode(whole(stream.chunks(), options.max_document_bytes)))


def read_markdown(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one Markdown text."""
    yield _record("markdown", decode(whole(stream.chunks(), options.max_document_bytes)))


def read_html(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The file as one page, tags and all: clean takes the text out."""
    yield _record("html", decode_html(whole(stream.chunks(), options.max_document_bytes)))


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
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".epub": read_epub,
    ".xml": read_xml,
    ".nxml": read_xml,
}


def read_with(readers: Mapping[str, Reader], file: SourceFile, options: ReadOptions) -> Iterator[Record | Bad]:
    """The records of a file that `readers` have one for."""
    name, compression = kind_of(file.path)
    return readers[name](Stream(file.raw, compression, file.num_bytes, options.max_expansion, file.lines), options)


def kind_of(path: str) -> tuple[str, str]:
    """What readers are listed by (the suffix, or the whole name where there is none), and the way it is compressed."""
    name, suffix = splitext(path.lower().rpartition("/")[2])  # pathlib would take a second for a large package
    compression = suffix if suffix in DECOMPRESSORS else ""
    if compression:
        name, suffix = splitext(name)
    return suffix or name, compression


def untaken(path: str) -> str:
    """What a file that no reader takes is counted under: ".pdf", ".tar.gz", "no suffix"."""
    name, compression = kind_of(path)
    return f"{name if name.startswith('.') else ''}{compression}" or "no suffix"
