"""Articles of a MediaWiki dump (export-0.10 and later): a record for each page of namespace 0, named by its page id.

Redirects and pages of other namespaces (talk, templates, categories) are no articles: they are counted as such. Where a
page has several revisions, the last one is the article.
"""

from collections.abc import Iterator

from pipeline_lib.ingest.dates import iso_date
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.pieces import Pieces
from pipeline_lib.ingest.records import NO_ARTICLE, REDIRECT, Bad, ReadOptions, Record, metadata_of
from pipeline_lib.ingest.streams import too_long
from pipeline_lib.ingest.wikitext import HIDDEN, is_redirect, plain_text
from pipeline_lib.ingest.xml_events import END, START, TEXT, Event
from pipeline_lib.ingest.xml_picked import Picked

WANTED = {
    ("page", "title"): "title",
    ("page", "ns"): "namespace",
    ("page", "id"): "id",
    ("revision", "timestamp"): "date",
}
HIDDEN_KEYS = ("-2", "6", "14")  # media, files, categories: links to them are no text
MOST_HIDDEN = 200  # names of them; a dump has three of its own
ARTICLES = "0"


def read_mediawiki(events: Iterator[Event], options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each article; pages are numbered from 1."""
    number, page, language = 0, None, None
    hidden = _Names()
    for event in events:
        kind, name, marks = event
        if page is None and kind == START and name == "page":
            number, page = number + 1, _Page(options.max_document_bytes)
        if page is None:
            language = marks.get("xml:lang") if name == "mediawiki" and kind == START else language
            hidden.add(event)
        elif page.add(event):
            yield page.record(number, language, hidden.names, options)
            page = None


class _Names:
    """The names that the dump's head gives to namespaces whose links are hidden, beside the usual ones."""

    def __init__(self) -> None:
        self.names = HIDDEN
        self._is_open = False

    def add(self, event: Event) -> None:
        """Take the next event of the head."""
        kind, name, marks = event
        if kind == START:
            self._is_open = name == "namespace" and marks.get("key") in HIDDEN_KEYS
        elif kind == END:
            self._is_open = False
        elif self._is_open and len(self.names) < MOST_HIDDEN:
            self.names |= {name.strip().casefold()}


class _Page:
    """A page as far as it was read."""

    def __init__(self, max_bytes: int) -> None:
        self._told = Picked(WANTED)
        self._max_bytes, self._text = max_bytes, Pieces(max_bytes)
        self._is_redirect = False

    def add(self, event: Event) -> bool:
        """Take the next event; whether the page ends with it."""
        kind, name, _ = event
        path = self._told.path
        if kind == TEXT and path[-1] == "text":
            self._text.add(name)
        elif kind == START and name == "revision":
            self._text = Pieces(self._max_bytes)
            self._told.take("date")
        elif kind == START and name == "redirect":
            self._is_redirect = True
        self._told.add(event)
        return kind == END and len(path) == 1

    def record(self, number: int, language: str | None, hidden: frozenset[str], options: ReadOptions) -> Record | Bad:
        """What the page became."""
        if (self._told.first("namespace") or ARTICLES) != ARTICLES:
            return Bad(number, NO_ARTICLE, 0)
        wikitext = self._text.text()
        if self._is_redirect or is_redirect(wikitext):
            return Bad(number, REDIRECT, 0)
        if self._text.is_too_long:
            return Bad(number, too_long(options.max_document_bytes))
        text = plain_text(wikitext, hidden)
        metadata = metadata_of(date=iso_date(self._told.first("date")), language=language)
        part = part_of(self._told.first("id"), text)
        return Record(part, number, "text", text, title=self._told.first("title"), metadata=metadata)
