"""Files of XML by their root: articles of journals, PubMed, dumps of wikis, and whatever else."""

import bz2
import gzip
import io
import tracemalloc
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.readers import READERS
from pipeline_lib.ingest.records import Bad, ReadOptions, Record
from pipeline_lib.ingest.streams import Stream
from pipeline_lib.ingest.xml_blocks import Blocks
from pipeline_lib.ingest.xml_events import events
from pipeline_lib.ingest.xml_files import read_xml
from tests.made_files import read, reason_of, record_of


def test_xml_has_a_reader_under_both_of_its_names() -> None:
    assert READERS[".xml"] is READERS[".nxml"] is read_xml


PLAIN = {
    "elements on lines": ("<a>\n  <b>one</b>\n  <c>two</c>\n</a>", "one\ntwo"),
    "elements side by side": ("<a><b>one</b><c>two</c></a>", "one\ntwo"),
    "mixed content": ("<a><b>one <i>two</i> three</b></a>", "one two three"),
    "mixed, with a tag first": ("<a><b><i>one</i> two</b><b>x</b></a>", "one two\nx"),
    "parts of a word": ("<a>H<s>2</s>O and E=mc<s>2</s></a>", "H2O and E=mc2"),
    "two tags in a sentence": ("<p>see <i>one</i> <b>two</b> there</p>", "see one two there"),
    "blocks by name": ("<div>one<p>two</p>three<br/>four</div>", "one\ntwo\nthree\nfour"),
    "lines of a paragraph": ("<p>one\n   two\tthree</p>", "one two three"),
    "rows and cells": ("<t><row><c>1</c><c>2</c></row><row><c>3</c></row></t>", "1\n2\n3"),
    "Han": ("<文><段>夜里，</段><段>有<字>文字</字>。</段></文>", "夜里，\n有文字。"),
    "CDATA": ("<a><![CDATA[<b>]]> x</a>", "<b> x"),
    "comments and instructions": ("<a>one<!-- no --><?no no?> two</a>", "one two"),
    "prefixes": ('<x:a xmlns:x="u"><x:p>one</x:p><x:p>two</x:p></x:a>', "one\ntwo"),
    "articles of nobody's": ("<articles><article>one</article><article>two</article></articles>", "one\ntwo"),
    "DocBook": ("<article><title>T</title><para>One.</para><para>Two.</para></article>", "T\nOne.\nTwo."),
}


@pytest.mark.parametrize(("data", "text"), PLAIN.values(), ids=PLAIN)
def test_other_xml_is_its_text_with_a_line_for_each_block(data: str, text: str) -> None:
    assert record_of(read_xml, data.encode()) == Record(None, None, "text", text)


def test_all_within_an_inline_element_is_inline() -> None:
    blocks = Blocks(1 << 20, inline={"i"})
    for event in events(iter([b"<a>\n<i><u><v>one</v></u><u>two</u></i>\n<u><v>three</v></u></a>"])):
        blocks.add(event)
    assert blocks.text() == "onetwo\nthree"


def test_other_xml_is_one_document_and_loses_one() -> None:
    assert reason_of(read_xml, b"<a>" + b"<b>text</b>" * 1000 + b"</a>", max_bytes=1024) == "longer than 1 KiB"
    assert reason_of(read_xml, b"<a><b>text</b>") == "truncated XML"


JATS = """<!DOCTYPE article PUBLIC "-//NLM//DTD JATS 1.3//EN" "JATS-archivearticle1-3.dtd">
<article xmlns:xlink="l" xmlns:mml="m" article-type="research-article" xml:lang="en">
<front><journal-meta><journal-title-group><journal-title>Night Studies</journal-title></journal-title-group>
</journal-meta>
<article-meta><article-id pub-id-type="doi">10.1/night</article-id>
<title-group><article-title>On <italic>E. coli</italic> <bold>by</bold> night</article-title></title-group>
<contrib-group><contrib><name><surname>Writer</surname></name></contrib></contrib-group>
<pub-date pub-type="ppub"><year>2024</year></pub-date>
<pub-date pub-type="epub"><day>3</day><month>5</month><year>2024</year></pub-date>
<permissions><copyright-statement>(c)</copyright-statement><license xlink:href="https://l/by/4.0"><license-p>Free.</license-p></license></permissions>
<abstract><title>Abstract</title><p>Water is H<sub>2</sub>O &mdash; mostly.</p></abstract></article-meta></front>
<body><sec><title>Methods</title><p>We saw <xref rid="r1">1</xref>, <xref rid="r2">2</xref> and
<inline-formula><alternatives><mml:math><mml:mi>x</mml:mi><mml:mo>=</mml:mo><mml:mn>1</mml:mn></mml:math><tex-math>\\x</tex-math></alternatives></inline-formula>.</p>
<list><list-item><p>first</p></list-item><list-item><p>second</p></list-item></list>
<table-wrap><caption><p>A table.</p></caption><table><tr><td>a</td><td>b</td></tr></table></table-wrap></sec></body>
<back><ref-list><ref>Nobody reads this</ref></ref-list></back></article>"""


def test_an_article_in_jats_is_title_abstract_and_body() -> None:
    found = record_of(read_xml, JATS.encode())
    assert found.text.split("\n") == [
        "On E. coli by night",
        "Abstract",
        "Water is H2O — mostly.",
        "Methods",
        "We saw 1, 2 and x=1.",
        "first",
        "second",
        "A table.",
        "a",
        "b",
    ]
    assert (found.part, found.line, found.title, found.licence) == (
        None,
        None,
        "On E. coli by night",
        "https://l/by/4.0",
    )
    assert found.metadata == {"date": "2024-05-03", "journal": "Night Studies", "language": "en"}


def test_a_set_of_articles_is_a_record_for_each() -> None:
    article = JATS[JATS.index("<article ") :]
    other = article.replace("10.1/night", "10.1/day").replace("Water", "水")
    found, reason = read(read_xml, f"<pmc-articleset>{article}{other}{article}</pmc-articleset>".encode())
    assert reason is None
    assert [(record.part, record.line) for record in found if isinstance(record, Record)] == [
        ("10.1/night", 1),
        ("10.1/day", 2),
        ("10.1/night", 3),
    ]


def test_an_article_that_is_cut_or_too_long_is_one_that_is_lost() -> None:
    assert reason_of(read_xml, JATS[:-50].encode()) == "truncated XML"
    found, reason = read(read_xml, JATS.encode(), max_bytes=64)
    assert (found, reason) == ([Bad(None, "longer than 0.0625 KiB")], None)


def pubmed(pmid: int, abstract: str = "<AbstractText>Why.</AbstractText>", date: str = "<Year>1999</Year>") -> str:
    return f"""<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><Journal><JournalIssue>
<PubDate>{date}</PubDate></JournalIssue><Title>Lancet</Title></Journal><ArticleTitle>On <i>night</i>.</ArticleTitle>
<Abstract>{abstract}</Abstract><Language>eng</Language></Article><CommentsCorrectionsList><CommentsCorrections>
<PMID>77</PMID></CommentsCorrections></CommentsCorrectionsList></MedlineCitation></PubmedArticle>"""


def pubmed_set(*articles: str) -> bytes:
    return f"<PubmedArticleSet>{''.join(articles)}</PubmedArticleSet>".encode()


def test_pubmed_is_a_record_for_each_article_named_by_its_pmid() -> None:
    labelled = (
        '<AbstractText Label="AIM">Why.</AbstractText><AbstractText Label="UNLABELLED">Because 夜.</AbstractText>'
    )
    found, reason = read(read_xml, pubmed_set(pubmed(1, labelled), pubmed(2)))
    assert reason is None
    told = {"date": "1999", "journal": "Lancet", "language": "eng"}
    assert found == [
        Record("1", 1, "text", "On night.\nAIM: Why.\nBecause 夜.", title="On night.", metadata=told),
        Record("2", 2, "text", "On night.\nWhy.", title="On night.", metadata=told),
    ]


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("<Year>1999</Year><Month>Feb</Month><Day>7</Day>", "1999-02-07"),
        ("<Year>1999</Year><Month>02</Month>", "1999-02"),
        ("<Year>1999</Year><Season>Winter</Season>", "1999"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "1998-12"),
        ("<MedlineDate>Winter 1998</MedlineDate>", None),
        ("<Year>19xx</Year>", None),
    ],
)
def test_a_date_is_as_much_as_is_told(told: str, date: str | None) -> None:
    (found,), _ = read(read_xml, pubmed_set(pubmed(1, date=told)))
    assert isinstance(found, Record)
    assert (found.metadata or {}).get("date") == date


def test_articles_before_a_cut_are_kept_and_what_is_behind_is_unknown() -> None:
    found, reason = read(read_xml, pubmed_set(pubmed(1), pubmed(2), pubmed(3))[:-300])
    assert [record.part for record in found if isinstance(record, Record)] == ["1", "2"]
    assert reason == "truncated XML"


def test_a_long_article_costs_itself() -> None:
    long = pubmed(2, f"<AbstractText>{'夜' * 500}</AbstractText>")
    found, _ = read(read_xml, pubmed_set(pubmed(1), long, pubmed(3)), max_bytes=400)
    assert [record.line for record in found] == [1, 2, 3]
    assert found[1] == Bad(2, "longer than 0.390625 KiB")


def wiki_page(number: int, text: str, title: str = "夜", namespace: int = 0, more: str = "") -> str:
    return f"""<page><title>{title}</title><ns>{namespace}</ns><id>{number}</id>{more}<revision><id>9{number}</id>
<timestamp>2024-05-0{number}T00:00:00Z</timestamp><contributor><id>5</id></contributor>
<text xml:space="preserve">{text}</text></revision></page>"""


def dump(*pages: str) -> bytes:
    names = '<namespace key="6">Datoteka</namespace><namespace key="1">Razgovor</namespace>'
    head = f"<siteinfo><namespaces>{names}</namespaces></siteinfo>"
    root = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="zh">'
    return f"{root}{head}{''.join(pages)}</mediawiki>".encode()


DUMP = dump(
    wiki_page(1, "'''夜'''是[[白天]]之后。[[Datoteka:a.jpg|thumb]]"),
    wiki_page(2, "#REDIRECT [[夜]]", more='<redirect title="夜"/>'),
    wiki_page(3, "#重定向 [[夜]]"),
    wiki_page(4, "{{文}}", namespace=10),
    wiki_page(5, "{{only a template}}"),
    wiki_page(6, "[[Razgovor:夜|talk]] of it &amp;amp; more", title="Night &amp; day"),
)


def test_a_dump_is_a_record_for_each_article_and_the_other_pages_are_counted() -> None:
    found, reason = read(read_xml, DUMP)
    assert reason is None
    assert found == [
        Record(
            "1", 1, "text", "夜是白天之后。", title="夜", metadata={"date": "2024-05-01T00:00:00Z", "language": "zh"}
        ),
        Bad(2, "passed over: redirect", 0),
        Bad(3, "passed over: redirect", 0),
        Bad(4, "passed over: page of another namespace", 0),
        Record("5", 5, "text", "", title="夜", metadata={"date": "2024-05-05T00:00:00Z", "language": "zh"}),
        Record(
            "6",
            6,
            "text",
            "talk of it & more",
            title="Night & day",
            metadata={"date": "2024-05-06T00:00:00Z", "language": "zh"},
        ),
    ]


def test_of_several_revisions_the_last_is_the_article() -> None:
    old = "<revision><timestamp>2001-01-01T00:00:00Z</timestamp><text>old</text></revision>"
    found = record_of(read_xml, dump(wiki_page(1, "new", more=old)))
    assert (found.text, (found.metadata or {})["date"]) == ("new", "2024-05-01T00:00:00Z")


def test_a_long_page_costs_itself() -> None:
    found, reason = read(read_xml, dump(wiki_page(1, "x" * 5000), wiki_page(2, "short")), max_bytes=1024)
    assert reason is None
    assert found[0] == Bad(1, "longer than 1 KiB")
    assert isinstance(found[1], Record)


@pytest.mark.parametrize(("suffix", "packed"), [("", DUMP), (".gz", gzip.compress(DUMP)), (".bz2", bz2.compress(DUMP))])
def test_a_dump_in_a_night_is_accounted_for_page_by_page(house: Any, suffix: str, packed: bytes) -> None:
    house.settings = {"max_bad_share": 0}
    house.write(f"zhwiki.xml{suffix}", packed)
    plan = house.night()
    assert list(house.texts(plan)) == [f"zhwiki.xml{suffix}#1", f"zhwiki.xml{suffix}#6"]
    assert [row.partition(": ")[2] for row in house.quarantine(plan)] == [
        "passed over: redirect",
        "passed over: redirect",
        "passed over: page of another namespace",
        "empty text",
    ]


def test_pages_that_are_no_articles_are_not_among_what_is_to_be_repaired(house: Any) -> None:
    house.settings = {"max_bad_share": 0}
    pages = [wiki_page(number, "#REDIRECT [[x]]", namespace=number % 2) for number in range(10)]
    house.write("a.xml", dump(*pages, *(wiki_page(number, "text") for number in range(5)))[:-200])
    with pytest.raises(GuardStop, match=r"The first are a\.xml: truncated XML\."):
        house.night()


def test_a_bad_byte_costs_its_character_and_is_told() -> None:
    pages = [wiki_page(1, "夜里的文字"), wiki_page(2, "白天X的文字"), wiki_page(3, "夜里的文字")]
    found, reason = read(read_xml, dump(*pages).replace(b"X", b"\xff"))
    assert reason is None
    told = [
        (record.text, (record.metadata or {}).get("replaced_characters"))
        for record in found
        if isinstance(record, Record)
    ]
    assert told == [("夜里的文字", None), ("白天\ufffd的文字", "1"), ("夜里的文字", None)]


def test_a_page_that_was_edited_comes_alone_the_next_night(house: Any) -> None:
    pages = [wiki_page(number, f"page {number}") for number in range(1, 6)]
    house.write("a.xml", dump(*pages))
    house.night()
    pages[2] = wiki_page(3, "edited")
    house.write("a.xml", dump(*pages))
    assert house.texts(house.night()) == {"a.xml#3": "edited"}


def test_a_repeated_id_is_another_document(house: Any) -> None:
    house.write("a.xml", pubmed_set(pubmed(1), pubmed(1, "<AbstractText>Other.</AbstractText>")))
    assert list(house.texts(house.night())) == ["a.xml#1", "a.xml#1-2"]


@pytest.mark.parametrize("tag", ["mediawiki", "PubmedArticleSet", "pmc-articleset"])
def test_a_set_of_nothing_gives_nothing(tag: str) -> None:
    assert read(read_xml, f"<{tag}></{tag}>".encode()) == ([], None)


def test_memory_does_not_grow_with_a_dump() -> None:
    peaks = []
    for num_pages in (300, 3_000):
        data = dump(*(wiki_page(1, "[[link|text]] and more text of it. " * 20) for _ in range(num_pages)))
        stream = Stream(io.BytesIO(data), "", len(data), 200)
        tracemalloc.start()
        assert sum(1 for _ in read_xml(stream, ReadOptions(1 << 20, 200))) == num_pages
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
