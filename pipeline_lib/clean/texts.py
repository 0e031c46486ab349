"""Text out of documents: HTML extracted, then the steps that are on; every document stays, one that gives none with "".

What a step changes is seldom anything: RE2 finds out which documents it has to look at (1 GB/s), and only they and
pages become Python strings.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.clean.extract import Extracted, count_tags, extract_page
from pipeline_lib.clean.page_metadata import PageMetadata
from pipeline_lib.clean.steps.apply import changed_texts
from pipeline_lib.clean.steps.counts import EXTRACTION, Count, Counts
from pipeline_lib.clean.text_settings import TextSettings

EXTRACTION_SCHEMA = pa.schema(
    [
        pa.field("num_tags", pa.float64()),  # null where the document is no HTML
        pa.field("has_text", pa.bool_(), nullable=False),  # false where HTML gave none, or was not read
    ]
)


@dataclass(frozen=True)
class Texts:
    """documents.v2 with the texts in their final form, and EXTRACTION_SCHEMA; the rows that came in, in their order.

    `counts` says what the steps did, and how long they and the extraction took.
    """

    documents: pa.Table
    extraction: pa.Table
    counts: Counts


@dataclass(frozen=True)
class _Page:
    num_tags: int
    extracted: Extracted


def extract_texts(documents: pa.Table, settings: TextSettings) -> Texts:
    """The texts of documents.v2; pages with more than `max_html_tags` stay unread."""
    began = time.process_time()
    raw = raw_texts(documents, settings)
    extracted = {EXTRACTION: Count(cpu_seconds=time.process_time() - began)}
    texts, counts = changed_texts(settings, raw.documents["text"].chunk(0))  # one chunk: no copy
    return Texts(with_texts(raw.documents, texts), raw.extraction, {**extracted, **counts})


def raw_texts(documents: pa.Table, settings: TextSettings) -> Texts:
    """The same before any step: pages extracted, all else as it is."""
    documents = documents.combine_chunks()
    column = documents["text"].combine_chunks()
    is_page = pc.equal(documents["format"], "html").combine_chunks()
    pages = [_read_page(html, settings) for html in column.filter(is_page).to_pylist()]
    num_tags, has_text = np.full(len(column), np.nan), np.ones(len(column), np.bool_)
    at = np.flatnonzero(is_page.to_numpy(zero_copy_only=False))
    num_tags[at] = [page.num_tags for page in pages]
    has_text[at] = [page.extracted.text is not None for page in pages]
    formats = pc.if_else(is_page, "text", documents["format"].combine_chunks())
    text = _replaced(column, is_page, pages)
    columns = {**dict(zip(documents.column_names, documents.columns, strict=True)), "format": formats, "text": text}
    if settings.page_metadata:
        columns |= _with_metadata(documents, zip(at, (page.extracted.metadata for page in pages), strict=True))
    extraction = [pa.array(num_tags, from_pandas=True), pa.array(has_text)]
    return Texts(pa.table(columns), pa.table(extraction, schema=EXTRACTION_SCHEMA), {})


def with_texts(documents: pa.Table, texts: pa.LargeStringArray) -> pa.Table:
    """The documents with other texts."""
    return documents.set_column(documents.schema.get_field_index("text"), "text", texts)


def _read_page(html: str, settings: TextSettings) -> _Page:
    num_tags = count_tags(html)
    if num_tags > settings.max_html_tags:
        return _Page(num_tags, Extracted())
    return _Page(num_tags, extract_page(html, settings.extractor, with_metadata=settings.page_metadata))


def _with_metadata(documents: pa.Table, told: Iterable[tuple[int, PageMetadata]]) -> dict[str, pa.Array]:
    """Titles and metadata, where pages say more than their source did; what that told stays."""
    titles, metadata = documents["title"].to_pylist(), documents["metadata"].to_pylist()
    for row, page in told:
        titles[row] = titles[row] or page.title
        metadata[row] = list({**page.beside, **dict(metadata[row] or ())}.items()) or metadata[row]
    return {"title": pa.array(titles, pa.string()), "metadata": pa.array(metadata, documents["metadata"].type)}


def _replaced(column: pa.LargeStringArray, is_page: pa.BooleanArray, pages: list[_Page]) -> pa.LargeStringArray:
    if not pages:
        return column
    texts = pa.array([page.extracted.text or "" for page in pages], pa.large_string())
    return pc.replace_with_mask(column, is_page, texts)
