"""Unicode repair."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.repair import repair


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


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.text(max_size=20).map(lambda text: text.encode().decode("cp1252", "replace")),
        st.text(max_size=20).map(lambda text: text.encode().decode("latin-1").encode().decode("latin-1")),
    )
)
def test_repairing_twice_is_repairing_once(text: str) -> None:
    assert repair(repair(text)) == repair(text)
