"""Legacy charsets of real Chinese text, sixty Han characters of it at a time, whole and with one bad byte in a hundred.

The laws lie in tests/assets. Where the texts of others lie beside the repository, also encyclopedia paragraphs.
"""

import json
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline_lib.ingest.charset import decode, decode_part
from pipeline_lib.ingest.records import Unreadable
from tests.texts_of_others import DATA, needs_texts_of_others

ASSETS = Path(__file__).parents[2] / "assets"
LAWS = ASSETS / "laws_zh.jsonl.zst"
ENCYCLOPEDIA = DATA / "text_zh_cmrc2018" / "cmrc_dev_half.jsonl.zst"
NUM_HAN, NUM_PIECES = 60, 600
RIGHT = 0.99
HAN = re.compile(r"[\u4e00-\u9fff]")

LANGUAGES = DATA / "langid_udhr" / "udhr_even.jsonl.zst"
needs_languages = needs_texts_of_others("ten alphabets and four neighbours are held in test_charset.py")
needs_them = needs_texts_of_others("the same share is held on the laws in tests/assets")


def pieces(path: Path) -> list[str]:
    """Beginnings of paragraphs, each with sixty Han characters."""
    found = [piece for text in _strings(_rows(path)) for part in text.split("\n") if (piece := _piece(part))]
    random.Random(5).shuffle(found)
    return found[:NUM_PIECES]


def _rows(path: Path) -> Iterator[Any]:
    lines = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().decode().splitlines()
    yield from map(json.loads, lines)


def _strings(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from _strings(value.values() if isinstance(value, dict) else value)


def _piece(text: str) -> str:
    places = [found.end() for found in HAN.finditer(text)]
    return text[: places[NUM_HAN - 1]] if len(places) >= NUM_HAN else ""


def with_bad_bytes(data: bytes, dice: random.Random) -> bytes:
    return bytes(dice.choice(b"\x80\xff\xe9?") if dice.random() < 0.01 else byte for byte in data)


def share_of_right(texts: list[str], charset: str, *, is_bad: bool) -> float:
    """Whole text: to the character. With bad bytes: its charset."""
    dice, num_right, num_all = random.Random(7), 0, 0
    for text in texts:
        try:
            data = text.encode(charset)
        except UnicodeError:
            continue
        num_all += 1
        try:
            found = decode(with_bad_bytes(data, dice) if is_bad else data)
        except Unreadable:
            continue
        num_right += found.found in ("gb18030", "big5hkscs") if is_bad else found.text == text
    assert num_all > 100
    return num_right / num_all


@pytest.mark.parametrize("is_bad", [False, True], ids=["whole", "bad bytes"])
@pytest.mark.parametrize("charset", ["gbk", "gb18030"])
@pytest.mark.parametrize("path", [LAWS, pytest.param(ENCYCLOPEDIA, marks=needs_them)], ids=["laws", "encyclopedia"])
def test_the_charset_of_chinese_text_is_found(path: Path, charset: str, is_bad: bool) -> None:
    assert share_of_right(pieces(path), charset, is_bad=is_bad) >= RIGHT


LABELS = {
    "cp1252": "iso-8859-1",
    "iso8859_2": "iso-8859-2",
    "cp1250": "windows-1250",
    "cp1251": "windows-1251",
    "koi8_r": "koi8-r",
    "cp1254": "iso-8859-9",
    "cp1255": "windows-1255",
    "cp1256": "windows-1256",
    "cp1257": "windows-1257",
    "cp874": "tis-620",
}
MOST_WRONG = 0.02


@needs_languages
@pytest.mark.parametrize("charset", LABELS)
def test_no_language_becomes_another_text(charset: str) -> None:
    """Under its label none does; without one few may, and all else is refused."""
    texts = [row["text"] for row in _rows(LANGUAGES)]
    encoded = [(text, _encoded(text, charset)) for text in texts]
    known = [(text, data) for text, data in encoded if data and not data.isascii()]
    assert len(known) > 50
    wrong = [text for text, data in known if decode_part(data, lambda _: LABELS[charset]).text != text]
    assert wrong == []
    assert sum(_becomes_another(text, data) for text, data in known) <= MOST_WRONG * len(known)


def _encoded(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset)
    except UnicodeError:
        return b""


def _becomes_another(text: str, data: bytes) -> bool:
    try:
        return decode(data).text != text
    except Unreadable:
        return False
