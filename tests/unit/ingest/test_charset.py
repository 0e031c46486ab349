"""Bytes to text: marks, valid UTF-8, labels of pages, what reads like a language, bad bytes; and what is refused."""

import json
import random
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.charset import decode, decode_html
from pipeline_lib.ingest.labels import CODECS, codec_of, declared_in
from pipeline_lib.ingest.records import Unreadable

BODY = "<p>夜间构建 㐀</p>"  # the last character is in gb18030 but not in gb2312
# Sixty Han characters and a few more, in each way to write them, and texts of the neighbours.
SIMPLIFIED = (
    "港口的管理员每天记录进港的船只，书记员在中午之前把名单抄写一遍。"
    "晚上没有人的时候，他们会说起这个地方过去的样子，也说到自己的孩子。"
)
TRADITIONAL = (
    "港口的管理員每天記錄進港的船隻，書記員在中午之前把名單抄寫一遍。"
    "晚上沒有人的時候，他們會說起這個地方過去的樣子，也說到自己的孩子。"
)
JAPANESE = (
    "毎朝、船長は港の帳面に船の名を書きます。昼になると書記が一覧を写し、夕方には誰もいない部屋で昔の話をします。"
)
KOREAN = (
    "항구의 관리자는 매일 들어오는 배의 이름을 적고, 서기는 정오가 되기 전에 그 목록을 옮겨 쓴다. "
    "저녁에는 아이들의 이야기를 한다."
)
ENGLISH = "The café “by the harbour” isn’t open – not before ten, at least; so said the naïve clerk’s note… "
LEGACY = {
    "gbk": SIMPLIFIED,
    "gb18030": SIMPLIFIED + "㐀",
    "big5": TRADITIONAL,
    "cp932": JAPANESE,
    "euc_jp": JAPANESE,
    "cp949": KOREAN,
    "cp1252": ENGLISH,
}


@pytest.mark.parametrize("declared", ["gb2312", "GBK", "gb18030", "x-gbk", " GB_2312-80 ", "chinese"])
def test_chinese_labels_are_read_as_gb18030(declared: str) -> None:
    page = f'<html><head><meta charset="{declared}"></head>{BODY}'
    assert decode_html(page.encode("gb18030")).text == page


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("x-sjis", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("x-x-big5", "big5"),
        ("x-euc-jp", "euc_jp"),
        ("iso-2022-jp", "iso2022_jp"),
        ("windows-1251", "cp1251"),
        ("koi8-ru", "koi8_u"),
        ("dos-874", "cp874"),
        ("x-mac-ukrainian", "mac_cyrillic"),
        ("ISO_8859-15", "iso8859_15"),
        ("unicode-1-1-utf-8", "utf-8"),
    ],
)
def test_labels_that_browsers_know_mean_what_they_mean_there(label: str, encoding: str) -> None:
    text = {
        "cp1251": "Порт закрыт",
        "koi8_u": "Порт",
        "mac_cyrillic": "Порт",
        "cp874": "ท่าเรือ",
        "iso8859_15": "prix: 5 €",
    }
    page = f"<meta charset={label}>" + text.get(
        encoding, "港の帳面" if "jp" in encoding or encoding == "cp932" else "港"
    )
    page = page.replace("港", "항") if encoding == "cp949" else page
    assert decode_html(page.encode(encoding)) == (page, "", 0)


def test_every_label_has_a_codec_of_text() -> None:
    assert len(CODECS) > 200
    for codec in set(CODECS.values()):
        assert "night".encode(codec).decode(codec) == "night"
    assert codec_of("hz-gb-2312") == codec_of("base64") == codec_of("no such charset") == ""


def test_the_older_way_to_declare_counts_too() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=big5"><p>繁體</p>'
    assert decode_html(page.encode("big5")).text == page


def test_latin1_means_windows_1252_as_in_browsers() -> None:
    page = "<meta charset=iso-8859-1>“café”"
    assert decode_html(page.encode("cp1252")).text == page


def test_an_xml_declaration_counts() -> None:
    page = f'<?xml version="1.0" encoding="gbk"?>{BODY}'
    assert decode_html(page.encode("gb18030")).text == page


def test_a_byte_order_mark_wins_over_the_declaration() -> None:
    page = f"<meta charset=gbk>{BODY}"
    assert decode_html(page.encode("utf-8-sig")).text == page
    assert decode_html(page.encode("utf-16")).text == page


@pytest.mark.parametrize(
    "charset", ["no-such-charset", "zlib", "utf-16le", "gb2312", "big5", "iso-8859-1", "shift_jis"]
)
@pytest.mark.parametrize("body", [BODY, SIMPLIFIED, "港口港口", "é"])
def test_valid_utf8_is_utf8_whatever_the_label_says(charset: str, body: str) -> None:
    page = f"<meta charset={charset}>{body}"
    assert decode_html(page.encode()) == (page, "", 0)


@pytest.mark.parametrize("text", ["夜", "夜间", "港口"])
def test_a_few_characters_that_are_letters_in_utf8_are_what_the_label_says(text: str) -> None:
    page = f"<meta charset=gbk><p>{text}</p>"
    assert decode_html(page.encode("gbk")) == (page, "", 0)


NO_DECLARATION = {
    "comment": "<!-- <meta charset=big5> -->",
    "comment that nobody closes": "<p>夜</p><!-- <meta charset=big5>",
    "script": "<script>document.write('<meta charset=big5>')</script>",
    "style": "<style>/* <meta charset=big5> */</style>",
    "title": "<title><meta charset=big5></title>",
    "description": '<meta name="description" content="text with charset=big5 in it">',
    "other attribute": '<meta name=x data-charset="big5">',
    "another tag": '<link charset="big5">',
}


@pytest.mark.parametrize("begin", NO_DECLARATION.values(), ids=NO_DECLARATION)
def test_what_only_looks_like_a_declaration_is_none(begin: str) -> None:
    assert declared_in(begin.encode()) == ""
    if not begin.endswith("<meta charset=big5>"):
        page = f"{begin}<meta charset=gbk>{SIMPLIFIED}"
        assert decode_html(page.encode("gbk")) == (page, "", 0)


@pytest.mark.parametrize("padding", [5_500, 300_000])
def test_a_declaration_counts_however_late_it_comes(padding: int) -> None:
    page = f"<style>{'x' * padding}</style><meta charset=gbk>{BODY[:7]}"
    assert decode_html(page.encode("gbk")) == (page, "", 0)


@pytest.mark.parametrize("encoding", LEGACY)
@pytest.mark.parametrize("page", [False, True])
def test_a_legacy_charset_that_nobody_declares_is_found_by_reading(encoding: str, page: bool) -> None:
    text = LEGACY[encoding]
    found = (decode_html if page else decode)(text.encode(encoding))
    assert (found.text, found.num_replaced) == (text, 0)
    assert found.found == {"gbk": "gb18030", "big5": "big5hkscs"}.get(encoding, encoding)
    assert found.metadata == {"charset": found.found}


@pytest.mark.parametrize("encoding", ["gbk", "big5", "cp932", "euc_jp", "cp949"])
@pytest.mark.parametrize("label", ["utf-8", "iso-8859-1", "windows-1251", "koi8-r", "no-such-charset"])
def test_a_wrong_label_of_another_kind_is_found_out(encoding: str, label: str) -> None:
    """Also one of a byte a character, by which everything is text."""
    page = f"<meta charset={label}>{LEGACY[encoding]}"
    assert decode_html(page.encode(encoding)).text == page


ALPHABETS = {
    "windows-1251": "Порт закрыт до утра, и никто не знает, когда придут корабли.",
    "koi8-r": "Порт закрыт до утра, и никто не знает, когда придут корабли.",
    "iso-8859-7": "Το λιμάνι είναι κλειστό μέχρι το πρωί και κανείς δεν ξέρει πότε θα έρθουν τα πλοία.",
    "windows-1255": "הנמל סגור עד הבוקר ואיש אינו יודע מתי יבואו האוניות.",
    "windows-1256": "الميناء مغلق حتى الصباح ولا أحد يعرف متى ستأتي السفن.",
    "windows-874": "ท่าเรือปิดจนถึงเช้าและไม่มีใครรู้ว่าเรือจะมาเมื่อไร",
    "windows-1250": "Přístav je až do rána zavřený a nikdo neví, kdy připlují lodě. Žluťoučký kůň úpěl ďábelské ódy.",
    "windows-1252": "Le café près du port est fermé à midi ; l’hôtel, déjà complet, n’ouvre qu’après le dîner.",
    "windows-1254": "Liman sabaha kadar kapalı ve gemilerin ne zaman geleceğini kimse bilmiyor. Şu köşe yaz köşesi.",
}


@pytest.mark.parametrize("label", ALPHABETS)
def test_a_right_label_of_another_alphabet_is_believed(label: str) -> None:
    page = f"<meta charset={label}>{ALPHABETS[label] * 3}"
    assert decode_html(page.encode(codec_of(label))) == (page, "", 0)


def test_a_wrong_label_that_fits_by_chance_is_found_out() -> None:
    for text, encoding, label in ((SIMPLIFIED, "gbk", "big5"), (TRADITIONAL, "big5", "gbk"), (KOREAN, "cp949", "big5")):
        page = f"<meta charset={label}>{text}"
        assert decode_html(page.encode(encoding)).text == page


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "big5"])
@pytest.mark.parametrize("seed", range(20))
def test_bad_bytes_cost_characters_and_no_text(encoding: str, seed: int) -> None:
    """One in a hundred is another one; a lost byte shifts all that follows in charsets of two."""
    dice = random.Random(seed)
    text = (TRADITIONAL if encoding == "big5" else SIMPLIFIED) * 5
    data = bytearray(text.encode(encoding))
    bad = dice.sample(range(len(data)), len(data) // 100)
    for place in bad:
        data[place] = dice.choice((0x80, 0xFF, 0xE9, 0x3F))
    found = decode(bytes(data))
    same = sum((Counter(found.text) & Counter(text)).values())
    assert same >= len(text) - 4 * len(bad)
    assert found.num_replaced == found.text.count("\ufffd") <= 3 * len(bad)


def test_one_bad_byte_in_a_page_is_told() -> None:
    data = f"<meta charset=utf-8>{SIMPLIFIED}".encode().replace("晚".encode(), b"\xe9")
    found = decode_html(data)
    assert found.num_replaced == 1 and found.metadata == {"replaced_characters": "1"}
    assert found.text.endswith(SIMPLIFIED.partition("晚")[2])


def test_characters_of_four_bytes_stay_beside_a_bad_byte() -> None:
    text = SIMPLIFIED + "㐀" + SIMPLIFIED + "ᠠᠡ"
    data = text.encode("gb18030").replace("晚".encode("gbk"), b"\xff", 1)
    found = decode(data)
    assert (found.text, found.num_replaced) == (text.replace("晚", "\ufffd", 1), 1)


def test_a_long_text_with_a_bad_byte_takes_no_more_memory_than_a_few_of_it() -> None:
    data = (SIMPLIFIED.encode("gbk") * 8_000)[:-1] + b"\xff"
    tracemalloc.start()
    decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * len(data)


# Without a label these are letters of another charset as well: č is è, ł is ³.
NEIGHBOURS = {
    "iso8859_2": "Luka je zatvorena do jutra i nitko ne zna kada će brodovi doći. Čekaju već tjednima, još i ovaj put.",
    "cp1250": "Port jest zamknięty do rana i nikt nie wie, kiedy przypłyną statki. Żółta łódź czeka już od tygodnia.",
    "cp1254": "Liman sabaha kadar kapalı ve gemilerin ne zaman geleceğini kimse bilmiyor. Şu köşe yaz köşesi.",
    "cp1257": "Uosts līdz rītam ir slēgts, un neviens nezina, kad ieradīsies kuģi. Šeit visi gaida jau nedēļu.",
}


@pytest.mark.parametrize("encoding", NEIGHBOURS)
def test_what_could_be_two_charsets_is_no_nonsense_of_one(encoding: str) -> None:
    with pytest.raises(Unreadable, match="not UTF-8"):
        decode(NEIGHBOURS[encoding].encode(encoding))


REFUSED = {
    "UTF-8 that was cut": b'{"text": "caf\xc3"}',
    "a capital that UTF-8 begins with": "A plain text of this and that, and \u00c3 in it, twice: \u00c2.".encode(
        "cp1252"
    ),
    "noise": bytes(range(128, 256)) * 4,
    "another alphabet": "Порт закрыт до утра, и никто не знает, когда придут корабли. ".encode("koi8-r"),
    "two characters": "夜间".encode("gbk"),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_reads_like_nothing_is_refused(data: bytes) -> None:
    for way in (decode, decode_html):
        with pytest.raises(Unreadable, match="not UTF-8"):
            way(data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_mark_is_decoded_without_it(encoding: str) -> None:
    assert decode("夜 night".encode(encoding)).text == "夜 night"


def test_text_cut_within_a_character_is_refused() -> None:
    with pytest.raises(Unreadable, match="not UTF-16"):
        decode("夜".encode("utf-16")[:-1])


@pytest.mark.parametrize(
    "page", [b"<!--" * 100_000, b'<meta "' * 100_000, b"<script>" * 100_000, b"<meta a='" * 100_000]
)
def test_a_page_made_to_be_slow_is_not(page: bytes) -> None:
    assert declared_in(page) == ""


@pytest.mark.parametrize("encoding", ["gbk", "big5", "cp932"])
def test_lines_and_rows_are_read_as_files_are(house: Any, encoding: str) -> None:
    text = LEGACY[encoding]
    line = json.dumps({"id": "1", "text": text}, ensure_ascii=False)
    house.write("a.jsonl", line.encode(encoding) + b"\n" + json.dumps({"id": "2", "text": "plain"}).encode())
    house.write("b.csv", f'id,text\n1,"{text}"\n2,plain\n'.encode(encoding))
    plan = house.night()
    assert house.quarantine(plan) == []
    assert sorted(house.texts(plan).values()) == sorted([text, "plain"] * 2)


def test_names_of_columns_are_in_it_too(house: Any) -> None:
    house.reading = {"text_field": "正文的内容", "id_field": "编号"}
    house.write("a.csv", f"编号,正文的内容\n7,{SIMPLIFIED}\n8,\x1f{SIMPLIFIED}\n".encode("gbk"))
    plan = house.night()
    assert list(house.texts(plan)) == ["a.csv#7"] and house.quarantine(plan) == ["a.csv:3: not UTF-8"]


def test_a_header_that_nobody_reads_costs_the_whole_table(house: Any) -> None:
    house.settings = {"max_bad_share": 0.01}
    house.write("a.csv", b"\x81\xff\xfd,text\n" + b"1,one row of the table\n" * 500)
    with pytest.raises(GuardStop, match=r"a\.csv: not UTF-8"):
        house.night()


def test_a_line_in_another_charset_costs_no_other(house: Any) -> None:
    """A file of lines may have been put together of several."""
    lines = [
        json.dumps({"text": SIMPLIFIED}, ensure_ascii=False).encode(way) for way in ("utf-8", "gbk", "gb18030", "utf-8")
    ]
    house.write("a.jsonl", b"\n".join(lines))
    assert set(house.texts(house.night()).values()) == {SIMPLIFIED}
