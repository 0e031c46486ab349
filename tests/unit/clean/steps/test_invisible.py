"""Invisible characters."""

import re
import sys
import unicodedata

import pytest

from pipeline_lib.clean.steps.invisible import DIRECTION, NEVER_MEANT, NOT_JOINING, RIGHT_TO_LEFT, TAGS
from tests.unit.clean.steps.conftest import Through

STEP = "invisible.v1"
ASSIGNED = [
    chr(code)
    for code in range(sys.maxunicode + 1)
    if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) not in ("Cn", "Co")
]


def _inside(ranges: str) -> set[str]:
    pattern = re.compile(f"[{ranges}]")
    return {character for character in ASSIGNED if pattern.match(character)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("in\u200bvisible", "invisible"),
        ("Auf\u200clage", "Auflage"),
        ("so\u00adft hy\u00adphen", "soft hyphen"),
        ("中\u200d文\u2060字", "中文字"),
        ("\u200e plain \u200f", " plain "),
        ("\u202etxt.exe\u202c", "txt.exe"),
        ("\u2067שלום\u2069\n\u2067abc\u2069", "\u2067שלום\u2069\nabc"),
        ("hid\U000e0068\U000e0069den", "hidden"),
        ("кни\u200cга\u200d", "книга"),
    ],
)
def test_what_means_nothing_goes(through: Through, before: str, after: str) -> None:
    assert through(before, STEP) == after


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "ه\u200d.",
        "क्\u200dष",
        "ശ്\u200dരീ",
        "👨\u200d👩\u200d👧",
        "❤\ufe0f\u200d🔥",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "ก\u200bข",
        "កក\u200bខ ",
        "a \u200fשלום",
        "ᠠ\u180eᠡ",
        "葛\U000e0100",
    ],
)
def test_what_means_something_stays(through: Through, text: str) -> None:
    assert through(text, STEP) == text


def test_letters_that_run_to_the_left_are_those_of_unicode() -> None:
    letters = {character for character in ASSIGNED if unicodedata.bidirectional(character) in ("R", "AL")}
    assert letters - _inside(DIRECTION) <= _inside(RIGHT_TO_LEFT)
    assert not _inside(RIGHT_TO_LEFT) & _inside(DIRECTION)


def test_what_goes_is_seen_by_nobody() -> None:
    assert {unicodedata.category(character) for character in _inside(DIRECTION + NEVER_MEANT + TAGS)} == {"Cf"}


def test_no_script_that_joins_and_no_emoji_is_among_those_that_do_not_join() -> None:
    joining = ("ARABIC", "DEVANAGARI", "BENGALI", "TAMIL", "MALAYALAM", "SINHALA", "MONGOLIAN", "SYRIAC", "KHMER")
    found = {unicodedata.name(character, "") for character in _inside(NOT_JOINING)}
    assert not {name for name in found if name.startswith(tuple(f"{script} LETTER" for script in joining))}
    assert not {"WOMAN", "HEAVY BLACK HEART", "ZERO WIDTH JOINER", "VARIATION SELECTOR-16", "FEMALE SIGN"} & found
