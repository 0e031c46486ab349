"""HTML to text: the main content of a page, without menus, footers and comments.

trafilatura in its fast mode, on a tree that is made ready for it (page_tree.py): F1 .966 on 90 pages of
article-extraction-benchmark (.961 without), .981 on 36 Chinese news pages (.966). Where that gives too little, it
compares with its other extractors: .917 to .920 on 481 pages of its own set, for 9 % more time. (From 1,000 characters
down .922, but the English pages fall to .962; for all pages .922 and 32 % more time; its recall mode .917.)

It gets a string and never touches the network. A page has no deadline, because Python code cannot be stopped from
outside without a process of its own; its tags are counted first instead. Time grows with their square in the worst
case (60,000 spans in one paragraph: 46 s for 0.9 MB), so the bound lies on tags: 40,000 take 5 s at most, and real
pages have up to 20,000.

HTML is decoded once, by the parser: `&amp;lt;` is `&lt;`. trafilatura decodes what it puts out once more, so the
ampersands of its result are escaped before.
"""

import html
import logging
import re
from typing import TYPE_CHECKING, NamedTuple

from pipeline_lib.clean.extract_bulk import Extractor, bulk_text
from pipeline_lib.clean.page_metadata import PageMetadata, metadata_of

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_WHOLE_PAGE = re.compile("<(!doctype|html|head|body)", re.IGNORECASE)
_HEAD_CHARS = 2_000
_XHTML = re.compile(r"<\?xml|<html[^>]*\sxmlns=", re.IGNORECASE)
_TOO_LITTLE = 600  # characters: of 21 pages one has less
NOTHING_TOLD = PageMetadata()
_MOST_READ_TWICE = 10_000  # tags: the other extractors take twice as long
_VERBATIM = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


class Extracted(NamedTuple):
    """What a page gives; no text where there is none (empty, script-only, not HTML, too deeply nested)."""

    text: str | None = None
    metadata: PageMetadata = NOTHING_TOLD


def extract_text(page: str) -> str | None:
    """The main text of a page."""
    return extract_page(page).text


def extract_page(page: str, extractor: Extractor = "trafilatura", *, with_metadata: bool = False) -> Extracted:
    """The main text of a page and, where that is asked for, what it says of itself."""
    source = _as_html(_as_page(page))
    text = bulk_text(source) if extractor == "resiliparse" and _WHOLE_PAGE.search(source[:_HEAD_CHARS]) else None
    if text is not None and len(text) < _TOO_LITTLE:
        text = None
    if text is not None and not with_metadata:
        return Extracted(text)
    import trafilatura  # 0.2 s that a shard without a page does without

    # What its parser says of a broken page may quote it; that the page gave no text stands in the ledger.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    tree = trafilatura.load_html(source)
    if tree is None:
        return Extracted()
    metadata = metadata_of(tree) if with_metadata else NOTHING_TOLD
    return Extracted(text or _text_of(tree, page), metadata)


def _text_of(tree: "HtmlElement", page: str) -> str | None:
    """The main text by trafilatura; where its fast mode finds little, by all that it can ask."""
    from pipeline_lib.clean.page_tree import made_ready, without_unread

    text = _read(without_unread(made_ready(tree)), is_fast=True)
    is_little = text is None or len(text) < _TOO_LITTLE
    if is_little and page.count("<") <= _MOST_READ_TWICE:
        text = _read(tree, is_fast=False)
    return text


def _read(tree: "HtmlElement", *, is_fast: bool) -> str | None:
    """What trafilatura reads; where it is not fast it asks other extractors, too, and takes what is better."""
    import trafilatura
    from trafilatura.xml import xmltotxt

    found = trafilatura.bare_extraction(tree, fast=is_fast, include_comments=False, output_format="txt")
    if found is None:
        return None
    for element in found.body.iter():
        element.text, element.tail = _escaped(element.text), _escaped(element.tail)
    text: str = xmltotxt(found.body, include_formatting=False)
    return text


def _escaped(text: str | None) -> str | None:
    return text and text.replace("&", "&amp;")


def _as_page(page: str) -> str:
    """A fragment (`<p>...</p>`) as a page, because trafilatura takes it for something else; all else as it is."""
    is_fragment = page.lstrip().startswith("<") and not _WHOLE_PAGE.search(page[:_HEAD_CHARS])
    return f"<html><body>{page}</body></html>" if is_fragment else page


def _as_html(page: str) -> str:
    """XHTML with its verbatim sections (CDATA) as HTML writes them: HTML has none, and its parser drops them."""
    if "<![CDATA[" not in page or not _XHTML.search(page[:_HEAD_CHARS]):
        return page
    return _VERBATIM.sub(lambda section: html.escape(section[1], quote=False), page)


def count_tags(page: str) -> int:
    """How many tags a page has, or words inside one tag if that is more: attributes cost time like tags do."""
    _, *starts = page.split("<")
    long = (start for start in starts if len(start) > 2 * len(starts))  # a word and a blank are two characters
    return max(len(starts), *(len(start.partition(">")[0].split()) for start in long), 0)
