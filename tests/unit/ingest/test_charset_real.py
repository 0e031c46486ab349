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

from pipeline_lib.ingest.charset import decode
from pipeline_lib.ingest.records import Unreadable
from tests.texts_of_others import DATA, needs_texts_of_others

ASSETS = Path(__file__).parents[2] / "assets"
LAWS = ASSETS / "laws_zh.jsonl.zst"
ENCYCLOPEDIA = DATA / "text_zh_cmrc2018" / "cmrc_dev_half.jsonl.zst"
NUM_HAN, NUM_PIECES = 60, 600
RIGHT = 0.99
HAN = re.compile(r"[\u4e00-\u9fff]")

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
