"""What is told of tokens without spaCy is what its English tokenizer does."""

import re
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.attrs import ORTH
from spacy.language import Language

from pipeline_lib.clean.blank_pipeline import blank_pipeline
from pipeline_lib.clean.word_edges import (
    BESIDE_SIGNS,
    CLOSING,
    JOINING,
    MOST_CLOSING,
    MOST_OPENING,
    NO_WORD,
    OPENING,
    PARTED,
    UNKNOWN,
    WORD,
    told,
)

WORDS = ("learning", "LEARNING", "Learning", "网络")


def _told(text: str, word: str, at: int = 0) -> int:
    """Of the occurrence of a word that begins at a character."""
    begin = len(text[:at].encode())
    data = np.frombuffer(text.encode(), np.uint8)
    return int(told(data, 0, len(data), begin, begin + len(word.encode())))


@cache
def _english() -> Language:
    return blank_pipeline("en")


@pytest.mark.parametrize("word", ["learning", "网络"])
def test_all_signs_that_may_stand_around_a_word_leave_it_a_token(word: str) -> None:
    around = ["".join(signs) for n in range(1, MOST_OPENING + 1) for signs in product(OPENING, repeat=n)]
    texts = [signs + word for signs in around]
    around = ["".join(signs) for n in range(1, MOST_CLOSING + 1) for signs in product(CLOSING, repeat=n)]
    texts += [word + signs for signs in around]
    with _english().memory_zone():
        wrong = [text for text in texts if word not in [token.text for token in _english().make_doc(text)]]
    assert wrong == []
    assert {_told(text, word, text.index(word)) for text in texts} == {WORD}


def test_exceptions_are_those_that_the_tokenizer_has() -> None:
    rules = _english().tokenizer.rules
    assert {text.lower() for text, parts in rules.items() if text.isalpha() and len(parts) > 1} == PARTED
    with_signs = [re.findall(r"[^\W\d_]+", text.lower()) for text in rules if not text.isalpha()]
    assert {run for runs in with_signs for run in runs if len(run) > 1} == BESIDE_SIGNS
    for text, parts in rules.items():
        assert "".join(part[ORTH] for part in parts) == text


def test_letters_of_all_scripts_are_one_token() -> None:
    letters = [chr(code) for code in range(0x20000) if chr(code).isalpha()]
    chunks = ["".join(letters[first : first + 40]) for first in range(0, len(letters), 40)]
    assert [chunk for chunk in chunks if [token.text for token in _english().make_doc(chunk)] != [chunk]] == []


PIECES = (
    *WORDS, "learninG", "x", "cannot", "Inc", "ill", "and", "café", "пример", "人工", "ひらがな", "7", "10am",
    " ", " ", "\n", "\t", "  ", "-", "/", "'s", "’s", ".", "..", ",", "(", ")", "[", '"', "“", "”", "'", "—", "_", "*",
    "#", "&", ":", ":)", "=", "@", "http://", ".com", "$", "。", "，", "（", "）", "…", "!", "?",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=4), st.sampled_from(WORDS), st.lists(st.sampled_from(PIECES), max_size=4)
)
def test_what_is_told_is_what_the_tokenizer_does(before: list[str], word: str, behind: list[str]) -> None:
    text = "".join([*before, word, *behind])
    verdict = _told(text, word, len("".join(before)))
    if verdict != UNKNOWN:
        place = len("".join(before))
        is_token = any(token.idx == place and token.text == word for token in _english().make_doc(text))
        assert (verdict == WORD) == is_token


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("learning", WORD),
        ("(learning),", WORD),
        ("learning-based", WORD),
        ("deep-learning/teaching.", WORD),
        ("learnings", NO_WORD),
        ("unlearning", NO_WORD),
        ("learning2", UNKNOWN),
        ("learning.com", UNKNOWN),
        ("learning's", UNKNOWN),
        ("learningx.", NO_WORD),
        ("cannot-learning", UNKNOWN),
        ("(learning-and-so)", UNKNOWN),
        ("learning" + "x" * 200, UNKNOWN),
        ("x" * 200 + "learning", UNKNOWN),
        ("(((learning", UNKNOWN),
        ("learning))))", UNKNOWN),
    ],
)
def test_words_and_what_is_left_to_spacy(text: str, verdict: int) -> None:
    assert _told(text, "learning", text.index("learning")) == verdict
    assert set(JOINING) == {"-", "/"}


def test_a_full_stop_behind_a_capital_that_stands_alone_is_left_to_spacy() -> None:
    assert _told("learninG.", "learninG") == UNKNOWN
    assert _told("LEARNING.", "LEARNING") == WORD
