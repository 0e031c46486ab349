"""Records of PubMed (NLM's PubmedArticleSet): title and abstract of each article, named by its PMID."""

from collections.abc import Iterator

from pipeline_lib.ingest.dates import date_of_parts
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, metadata_of
from pipeline_lib.ingest.streams import too_long
from pipeline_lib.ingest.xml_blocks import Blocks
from pipeline_lib.ingest.xml_events import END, START, Event
from pipeline_lib.ingest.xml_picked import REGION, TITLE, Picked

RECORDS = ("PubmedArticle", "PubmedBookArticle")
WANTED = {
    ("MedlineCitation", "PMID"): "id",
    ("BookDocument", "PMID"): "id",
    ("Article", "ArticleTitle"): TITLE,
    ("BookDocument", "ArticleTitle"): TITLE,
    ("Journal", "Title"): "journal",
    ("Article", "Language"): "language",
    ("PubDate", "Year"): "year",
    ("PubDate", "Month"): "month",
    ("PubDate", "Day"): "day",
    ("PubDate", "MedlineDate"): "medline_date",  # "1998 Dec-1999 Jan"
    ("Abstract", "AbstractText"): REGION,
    ("OtherAbstract", "AbstractText"): REGION,
}
INLINE_NAMES = """
b i sub sup u math mrow mi mn mo msub msup msubsup mfrac mtext mover mstyle mspace
"""
INLINE = frozenset(INLINE_NAMES.split())
UNLABELLED = ("", "UNLABELLED")


def read_pubmed(events: Iterator[Event], options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each article, numbered from 1."""
    number, article = 0, None
    for event in events:
        if article is None and event[0] == START and event[1] in RECORDS:
            number, article = number + 1, _Article(options.max_document_bytes)
        if article is not None and article.add(event):
            yield article.record(number, options)
            article = None


class _Article:
    """An article as far as it was read."""

    def __init__(self, max_bytes: int) -> None:
        self._blocks = Blocks(max_bytes, INLINE)
        self._told = Picked(WANTED, self._blocks)

    def add(self, event: Event) -> bool:
        """Take the next event; whether the article ends with it."""
        kind, name, marks = event
        self._told.add(event)
        if marks and name == "AbstractText" and marks.get("Label", "") not in UNLABELLED:
            self._blocks.add_text(f"{marks['Label']}: ")
        return kind == END and len(self._told.path) == 1

    def record(self, number: int, options: ReadOptions) -> Record | Bad:
        """What the article became."""
        if self._blocks.is_too_long:
            return Bad(number, too_long(options.max_document_bytes))
        text = self._blocks.text()
        first = self._told.first
        loose = [*(first("medline_date") or "").partition("-")[0].split(), None, None]
        date = date_of_parts(first("year"), first("month"), first("day")) or date_of_parts(loose[0], loose[1], None)
        metadata = metadata_of(date=date, journal=first("journal"), language=first("language"))
        return Record(part_of(first("id"), text), number, "text", text, title=first(TITLE), metadata=metadata)
