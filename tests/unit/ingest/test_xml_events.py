"""XML as events: charsets, entities, cuts, and what is made to grow."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest

from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.xml_events import END, START, TEXT, events

HAN = "夜里的文字，和白天的文字。"


def pieces(data: bytes, size: int = 1 << 16) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def text_of(data: bytes, size: int = 1 << 16) -> str:
    return "".join(name for kind, name, _ in events(pieces(data, size)) if kind == TEXT)


def reason_of(data: bytes) -> str:
    with pytest.raises(Unreadable) as told:
        list(events(pieces(data)))
    return str(told.value)


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_events_are_those_of_the_file_however_its_bytes_arrive(size: int) -> None:
    data = '<?xml version="1.0"?><x:a xmlns:x="u" b="1">夜<c/><![CDATA[<&]]>&amp;&#22812;</x:a>\n'.encode()
    found: list[tuple[str, str]] = []
    for kind, name, _ in events(pieces(data, size)):
        if kind == TEXT and found[-1][0] == TEXT:
            found[-1] = (TEXT, found[-1][1] + name)
        else:
            found.append((kind, name))
    assert found == [(START, "a"), (TEXT, "夜"), (START, "c"), (END, "c"), (TEXT, "<&&夜"), (END, "a")]


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("utf-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("UTF-16", "utf-16-be"),
        ("utf-16", "utf-8"),  # what .NET writes into a string, and somebody saves
        ("GBK", "gbk"),
        ("gb2312", "gb18030"),
        ("gb18030", "gb18030"),
        ("Big5", "big5"),
        ("Shift_JIS", "cp932"),
        ("euc-kr", "cp949"),
        ("gbk", "utf-8"),  # a label that lies
        ("iso-8859-1", "utf-8"),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_declared_charset_is_read_and_utf8_under_an_older_label_too(label: str, codec: str, quote: str) -> None:
    text = {"big5": "夜裡的文字", "cp932": "夜の文字", "cp949": "밤의 글자"}.get(codec, HAN)
    data = f"<?xml version={quote}1.0{quote} encoding={quote}{label}{quote}?><a>{text}</a>".encode(codec)
    assert text_of(data) == text


def test_latin_1_is_read_as_declared() -> None:
    assert text_of('<?xml version="1.0" encoding="ISO-8859-1"?><a>café</a>'.encode("latin-1")) == "café"


XML = "<?xml version='1.0' encoding='{}'?><a>{}</a>"
WRONG = {
    "no declaration": (f"<a>{HAN}</a>".encode("gbk"), "not UTF-8"),
    "another charset": (XML.format("utf-8", HAN).encode("gbk"), "not UTF-8"),
    "bytes of no character": (XML.format("gbk", "ab").encode().replace(b"ab", b"\xff\xff"), "not GB18030"),
    "a letter of Latin-1": ("<a>café</a>".encode("latin-1"), "not UTF-8"),
    "half a unit": (XML.format("utf-16", "a").encode("utf-16")[:-1], "truncated XML"),
    "a name of nothing": (XML.format("klingon", "a").encode(), "XML in unknown charset"),
}


@pytest.mark.parametrize(("data", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_charset_is_said(data: bytes, reason: str) -> None:
    assert reason_of(data) == reason


@pytest.mark.parametrize("bad", [b"\xff", b"\xe5\xa4", b"\0", b"\x0b", b"\x1f", "\uffff".encode()])
def test_a_bad_byte_or_sign_costs_its_character(bad: bytes) -> None:
    data = f"<a>{HAN}XX{HAN}</a>".encode().replace(b"XX", bad)
    assert text_of(data) == f"{HAN}\ufffd{HAN}"


def test_a_file_that_is_cut_within_a_character_is_cut() -> None:
    assert reason_of(f"<a>{HAN}".encode()[:-1]) == "truncated XML"


FAULTS = {
    "nothing": ("", "empty file"),
    "blanks": (" \n\t" * 50_000, "empty text"),
    "plain text": ("text under a wrong name", "invalid XML"),
    "a declaration alone": ("<?xml version='1.0'?>", "truncated XML"),
    "a cut tag": ("<a><b", "truncated XML"),
    "an open element": ("<a><b>text</b>", "truncated XML"),
    "an open comment": ("<a><!-- text", "truncated XML"),
    "an open CDATA": ("<a><![CDATA[text", "truncated XML"),
    "tags that cross": ("<a><b></a></b>", "invalid XML"),
    "two roots": ("<a/><a/>", "invalid XML"),
    "NUL within a tag": ("<a\0>text</a>", "invalid XML"),
    "a doubled attribute": ("<a b='1' b='2'/>", "invalid XML"),
}


@pytest.mark.parametrize(("text", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_said(text: str, reason: str) -> None:
    assert reason_of(text.encode()) == reason


def test_what_lies_before_a_fault_is_given() -> None:
    found = []
    with pytest.raises(Unreadable, match="invalid XML"):
        for event in events(iter([b"<a><b>text</b><c></a>"])):
            found.append(event[:2])
    assert found == [(START, "a"), (START, "b"), (TEXT, "text"), (END, "b"), (START, "c")]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))
BOMBS = {
    "billion laughs": (f"<!DOCTYPE a [{LAUGHS}]><a>&l9;</a>", "XML entity that expands"),
    "laughs in an attribute": (f"<!DOCTYPE a [{LAUGHS}]><a b='&l9;'/>", "XML entity that expands"),
    "quadratic blow-up": (
        f"<!DOCTYPE a [<!ENTITY x '{'x' * 50_000}'>]><a>{'&x;' * 50_000}</a>",
        "XML entity that expands",
    ),
    "markup in an entity": ("<!DOCTYPE a [<!ENTITY x '<b/>'>]><a>&x;</a>", "XML entity that expands"),
    "parameter entities": (
        '<!DOCTYPE a [<!ENTITY % x "&#37;y;&#37;y;"><!ENTITY % y "z"> %x;]><a/>',
        "XML entity that expands",
    ),
    "a file": ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "XML with external entity"),
    "an address": ("<!DOCTYPE a [<!ENTITY x PUBLIC 'p' 'http://h/x'>]><a>&x;</a>", "XML with external entity"),
    "nesting": ("<a>" * 100_000 + "</a>" * 100_000, "XML nested deeper than 500 tags"),
    "nesting that is never closed": ("<a>" * 1_000_000, "XML nested deeper than 500 tags"),
    "a comment without an end": (f"<a><!--{'x' * (20 << 20)}", "XML tag longer than 2 MiB"),
    "a long attribute": (f"<a b='{'x' * (20 << 20)}'/>", "XML tag longer than 2 MiB"),
    "names without an end": ("<a>" + "".join(f"<a{n}/>" for n in range(70_000)), "XML with more than 65536 names"),
}


@pytest.mark.parametrize(("text", "reason"), BOMBS.values(), ids=BOMBS)
def test_what_is_made_to_grow_is_refused(text: str, reason: str) -> None:
    data = text.encode()
    tracemalloc.start()
    try:
        assert reason_of(data) == reason
        assert tracemalloc.get_traced_memory()[1] < 80 << 20
    finally:
        tracemalloc.stop()


def test_defaults_of_attributes_are_not_given() -> None:
    data = f"<!DOCTYPE a [<!ATTLIST b c CDATA '{'x' * 100_000}'>]><a>{'<b/>' * 5_000}</a>".encode()
    assert all(not marks for _, _, marks in events(iter([data])))


def test_a_dtd_is_not_read_and_its_named_signs_are_those_of_html() -> None:
    head = '<!DOCTYPE a PUBLIC "-//NLM//DTD" "http://host.invalid/JATS.dtd">'
    assert text_of(f"{head}<a>caf&eacute;&mdash;&ldquo;x&rdquo; &unheard;</a>".encode()) == "café—“x” &unheard;"


def test_a_short_entity_of_the_file_is_its_text() -> None:
    assert text_of(b"<!DOCTYPE a [<!ENTITY w 'World Wide Web'>]><a>&w;!</a>") == "World Wide Web!"


def test_an_external_entity_that_nobody_uses_does_no_harm() -> None:
    assert text_of(b"<!DOCTYPE a [<!ENTITY x SYSTEM 'x.ent'><!ENTITY % y SYSTEM 'y.ent'> %y;]><a>b</a>") == "b"


def test_many_comments_are_passed_over() -> None:
    assert text_of(b"<a>" + b"<!-- one of many -->" * 500_000 + b"text</a>") == "text"


def test_a_long_tag_in_small_pieces_takes_no_longer_than_in_one() -> None:
    data = b"<a b='" + b"x" * (3 << 19) + b"'>text</a>"
    start = time.process_time()
    assert text_of(data, 1 << 8) == "text"
    assert time.process_time() - start < 3


def test_a_text_of_any_length_is_held_in_pieces() -> None:
    data = b"<a>" + b"0123456789" * (3 << 20) + b"</a>"
    assert max(len(name) for kind, name, _ in events(pieces(data)) if kind == TEXT) <= 1 << 16
