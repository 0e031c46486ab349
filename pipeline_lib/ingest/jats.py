"""Articles in JATS (ANSI/NISO Z39.96): title, abstracts and body, without lists of references and mark-up for TeX."""

from collections.abc import Iterator

from pipeline_lib.ingest.dates import date_of_parts
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, metadata_of
from pipeline_lib.ingest.streams import too_long
from pipeline_lib.ingest.xml_blocks import Blocks
from pipeline_lib.ingest.xml_events import END, START, Event
from pipeline_lib.ingest.xml_picked import REGION, TITLE, Picked

WANTED = {
    ("title-group", "article-title"): TITLE,
    ("journal-title-group", "journal-title"): "journal",
    ("journal-meta", "journal-title"): "journal",
    ("article-meta", "article-id"): "id",
    ("pub-date", "year"): "year",
    ("pub-date", "month"): "month",
    ("pub-date", "day"): "day",
    ("license", "license_ref"): "licence",
    ("license", "license-p"): "licence",
    ("license", "p"): "licence",
    ("article-meta", "abstract"): REGION,
    ("article-meta", "trans-abstract"): REGION,
    ("front-stub", "abstract"): REGION,
    ("article", "body"): REGION,
    ("sub-article", "body"): REGION,
    ("response", "body"): REGION,
}
LEFT_OUT_NAMES = """
tex-math ref-list object-id permissions processing-meta annotation annotation-xml
"""
LEFT_OUT = frozenset(LEFT_OUT_NAMES.split())
INLINE_NAMES = """
italic bold sup sub sc underline overline strike monospace roman sans-serif xref ext-link uri email
named-content styled-content abbrev inline-formula inline-graphic math mrow mi mn mo ms msub msup msubsup mfrac
mtext mover munder munderover mstyle msqrt mroot mspace mfenced mtable mtr mtd semantics mpadded mmultiscripts
"""
INLINE = frozenset(INLINE_NAMES.split())


def read_article(events: Iterator[Event], options: ReadOptions) -> Iterator[Record | Bad]:
    """The one article that the file is."""
    for found in articles(events, options):
        yield found._replace(part=None, line=None) if isinstance(found, Record) else Bad(None, found.reason)


def articles(events: Iterator[Event], options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each article of a set, numbered from 1 and named by its first id."""
    number, article = 0, None
    for event in events:
        if article is None and event[:2] == (START, "article"):
            number, article = number + 1, _Article(options.max_document_bytes)
        if article is not None and article.add(event):
            yield article.record(number, options)
            article = None


class _Article:
    """An article as far as it was read."""

    def __init__(self, max_bytes: int) -> None:
        self._blocks = Blocks(max_bytes, INLINE)
        self._told = Picked(WANTED, self._blocks, LEFT_OUT)
        self._language: str | None = None
        self._licence: str | None = None
        self._date: str | None = None

    def add(self, event: Event) -> bool:
        """Take the next event; whether the article ends with it."""
        kind, name, marks = event
        if marks and name == "article":
            self._language = self._language or marks.get("xml:lang")
        elif marks and name == "license":
            self._licence = self._licence or marks.get("xlink:href")
        self._told.add(event)
        if kind != END:
            return False
        if name == "pub-date":
            date = date_of_parts(*(self._told.take(part) for part in ("year", "month", "day")))
            self._date = max(self._date or "", date or "", key=len) or None  # a day says more than a year
        return len(self._told.path) == 1

    def record(self, number: int, options: ReadOptions) -> Record | Bad:
        """What the article became."""
        if self._blocks.is_too_long:
            return Bad(number, too_long(options.max_document_bytes))
        text = self._blocks.text()
        return Record(
            part_of(self._told.first("id"), text),
            number,
            "text",
            text,
            title=self._told.first(TITLE),
            licence=self._licence or self._told.first("licence"),
            metadata=metadata_of(date=self._date, journal=self._told.first("journal"), language=self._language),
        )
