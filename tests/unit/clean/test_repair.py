"""Unicode repair."""

import sys
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.repair import may_need_repair, repair


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("donâ€™t panic", "don’t panic"),
        ("schÃ¶n", "schön"),
        ("ä½\xa0å¥½ï¼Œä¸–ç•Œ", "你好，世界"),
        ("cafe\u0301", "café"),
        ("one\r\ntwo\rthree\u2028four\x0cfive", "one\ntwo\nthree\nfour\nfive"),
        ("\ufeffNUL\x00 and bell\x07", "NUL and bell"),
        ("\x1b[31mred\x1b[0m", "red"),
    ],
    ids=["quote", "umlaut", "Chinese", "NFC", "line ends", "control", "terminal"],
)
def test_broken_text_is_repaired(broken: str, whole: str) -> None:
    assert repair(broken) == whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tab\tand\nnewline",
        "“curly” quotes… and ﬁ",
        "全角，标点！ＡＢＣ　１２３",
        "naïve Ångström",
        "👨\u200d👩\u200d👧",
        "&lt;p&gt;",
    ],
    ids=["empty", "blanks", "typography", "full width", "accents", "joined emoji", "entities"],
)
def test_good_text_is_left_alone(text: str) -> None:
    assert repair(text) == text


def test_a_control_character_between_letter_and_accent_does_not_hide_the_pair() -> None:
    assert repair("e\x00\u0301") == "é"


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode().decode("cp1252", "replace")),
    st.text(max_size=20).map(lambda text: text.encode().decode("latin-1").encode().decode("latin-1")),
    st.lists(
        st.sampled_from("aeé\u0301\u0323가ᄀ\u1161\u11a8\u09c7\u09beÂ\xa0â€™\r\n\x1b[m\x85\u2028"), max_size=9
    ).map("".join),
)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_repairing_twice_is_repairing_once(text: str) -> None:
    assert repair(repair(text)) == repair(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_what_is_not_looked_at_needs_no_repair(texts: list[str]) -> None:
    asked = may_need_repair(pa.array(texts, pa.large_string())).to_pylist()
    assert all(is_asked or repair(text) == text for text, is_asked in zip(texts, asked, strict=True))


def test_each_character_that_nfc_changes_or_composes_is_looked_at() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    asked = may_need_repair(pa.array(characters, pa.large_string())).to_pylist()
    passed = {character for character, is_asked in zip(characters, asked, strict=True) if not is_asked}
    assert not any(unicodedata.combining(character) for character in passed)
    assert all(unicodedata.is_normalized("NFC", character) for character in passed)
    assert not passed & {part for character in characters for part in unicodedata.normalize("NFD", character)[1:]}


def test_each_sign_of_damage_is_looked_at_wherever_it_stands() -> None:
    signs = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFD)]
    expected = [sign not in "\t\n" for sign in signs]
    for text in ("{}", "{} plain", "plain {}", "全角 {}", "plain " * 10_000 + "{}" + " plain" * 10_000):
        asked = may_need_repair(pa.array([text.format(sign) for sign in signs], pa.large_string()))
        assert asked.to_pylist() == expected


def test_two_signs_are_one_of_damage_in_their_order_and_side_by_side() -> None:
    texts = ["Ã¶", "Ã ¶", "¶Ã", "aÃ¶a", "ÃÃ¶", "Ã", "¶", "Ãa¶"]
    asked = may_need_repair(pa.array(texts, pa.large_string())).to_pylist()
    assert asked == [True, False, False, True, True, False, False, False]


def test_texts_of_a_slice_are_looked_at_one_by_one() -> None:
    column = pa.array(["\x00", "plain Ã", "¶ plain", "", "\x07", "\x00"], pa.large_string())
    assert may_need_repair(column.slice(1, 4)).to_pylist() == [False, False, False, True]
    assert may_need_repair(pa.array([], pa.large_string())).to_pylist() == []


@pytest.mark.parametrize("text", ["plain\n\ttext", "“curly” quotes…", "全角，标点！", "naïve Ångström", "가나다"])
def test_good_text_is_not_looked_at(text: str) -> None:
    assert may_need_repair(pa.array([text], pa.large_string())).to_pylist() == [False]
