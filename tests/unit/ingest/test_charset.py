"""Pages in the encodings that they declare, and refusal where bytes and declaration disagree."""

import pytest

from pipeline_lib.ingest.charset import decode, decode_html
from pipeline_lib.ingest.records import Unreadable

BODY = "<p>夜间构建 㐀</p>"  # the last character is in gb18030 but not in gb2312


@pytest.mark.parametrize("declared", ["gb2312", "GBK", "gb18030"])
def test_chinese_labels_are_read_as_gb18030(declared: str) -> None:
    page = f'<html><head><meta charset="{declared}"></head>{BODY}'
    assert decode_html(page.encode("gb18030")) == page


def test_the_older_way_to_declare_counts_too() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=big5"><p>繁體</p>'
    assert decode_html(page.encode("big5")) == page


def test_latin1_means_windows_1252_as_in_browsers() -> None:
    page = "<meta charset=iso-8859-1>“café”"
    assert decode_html(page.encode("cp1252")) == page


def test_an_xml_declaration_counts() -> None:
    page = f'<?xml version="1.0" encoding="gbk"?>{BODY}'
    assert decode_html(page.encode("gb18030")) == page


def test_a_byte_order_mark_wins_over_the_declaration() -> None:
    page = f"<meta charset=gbk>{BODY}"
    assert decode_html(page.encode("utf-8-sig")) == page
    assert decode_html(page.encode("utf-16")) == page


@pytest.mark.parametrize("charset", ["no-such-charset", "zlib", "utf-16le"])
def test_a_charset_that_cannot_be_is_read_as_utf8(charset: str) -> None:
    page = f"<meta charset={charset}>{BODY}"
    assert decode_html(page.encode()) == page


@pytest.mark.parametrize(
    ("page", "encoding", "reason"),
    [
        (BODY, "gbk", "not UTF-8"),
        ("<meta charset=utf-8>夜间构建", "gbk", "not UTF-8"),
        ("<meta charset=gbk>naïve café é", "cp1252", "not GB18030"),
        ("<meta charset=no-such-charset>夜间", "gbk", "not UTF-8"),
    ],
)
def test_bytes_that_disagree_are_refused(page: str, encoding: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode_html(page.encode(encoding, "replace"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_mark_is_decoded_without_it(encoding: str) -> None:
    assert decode("夜 night".encode(encoding)) == "夜 night"


def test_text_cut_within_a_character_is_refused() -> None:
    with pytest.raises(Unreadable, match="not UTF-16"):
        decode("夜".encode("utf-16")[:-1])
