"""The reader of .xml: what the root element says it is, else the text of all elements.

    <mediawiki>                     a record for each article of a dump
    <PubmedArticleSet>              a record for each article
    <article> with <front>          one article in JATS; <pmc-articleset>: a record for each
    anything else                   one text, a line for each element that is a block

5 to 7 MB/s a core, in a memory that does not grow with the file.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from pipeline_lib.ingest.jats import articles, read_article
from pipeline_lib.ingest.likeness import REPLACED
from pipeline_lib.ingest.mediawiki import read_mediawiki
from pipeline_lib.ingest.pubmed import read_pubmed
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import Stream, too_long
from pipeline_lib.ingest.xml_blocks import Blocks
from pipeline_lib.ingest.xml_events import START, Event, events

SETS: dict[str, Callable[[Iterator[Event], ReadOptions], Iterator[Record | Bad]]] = {
    "mediawiki": read_mediawiki,
    "PubmedArticleSet": read_pubmed,
    "pmc-articleset": articles,
}
FIRST_OF_JATS = ("front", "processing-meta")


def read_xml(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The records of the file, each with how much was replaced in it."""
    for record in _records(stream, options):
        num_replaced = record.text.count(REPLACED) if isinstance(record, Record) else 0
        if isinstance(record, Record) and num_replaced:
            record = record._replace(metadata={**(record.metadata or {}), "replaced_characters": str(num_replaced)})
        yield record


def _records(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The records of the file. One that is one document loses one, whatever is wrong with it."""
    found = events(stream.chunks())
    head = _up_to_root(found)
    root = head[-1][1]
    if root in SETS:
        yield from SETS[root](chain(head, found), options)
        return
    try:
        if root == "article":
            head += _up_to_root(found)
        is_jats = head[-1][1] in FIRST_OF_JATS
        yield from (read_article if is_jats else _read_text)(chain(head, found), options)
    except Unreadable as exc:
        raise Unreadable(str(exc), num_rows=1) from exc


def _up_to_root(found: Iterator[Event]) -> list[Event]:
    """The events up to the first tag. Raises `Unreadable` where there is none."""
    head: list[Event] = []
    for event in found:
        head.append(event)
        if event[0] == START or len(head) > 100:
            break
    return head


def _read_text(found: Iterator[Event], options: ReadOptions) -> Iterator[Record | Bad]:
    """All text of the file."""
    blocks = Blocks(options.max_document_bytes)
    for event in found:
        blocks.add(event)
        if blocks.is_too_long:
            raise Unreadable(too_long(options.max_document_bytes))
    yield Record(None, None, "text", blocks.text())
