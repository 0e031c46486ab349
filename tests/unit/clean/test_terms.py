"""What spaCy counts, in English and in Chinese, and what it need not read for it."""

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.blank_pipeline import MOST_UNBROKEN, blank_pipeline
from pipeline_lib.clean.settings import CleanSettings, EntityRule
from pipeline_lib.clean.terms import Reading, count_terms, holds_a_term, read

RULES = (
    EntityRule(label="TERM", terms=("neural network", "神经网络", "well-known", "c++ (11)")),
    EntityRule(label="NOTICE", terms=("All rights reserved", "版权所有", "网络 版权")),
)


def _count(texts: list[str], languages: list[str | None], *, sentences: bool = False) -> list[dict[str, int | None]]:
    columns = pa.array(texts, pa.large_string()), pa.array(languages, pa.string())
    settings = CleanSettings(entity_rules=RULES, spacy_sentences=sentences)
    rows: list[dict[str, int | None]] = count_terms(settings, *columns).to_pylist()
    return rows


def test_terms_are_counted_by_label_in_any_case() -> None:
    text = "A Neural Network learns. The neural network is small. ALL RIGHTS RESERVED. Networks are neural."
    assert read([text], "en", RULES, sentences=True) == [Reading({"TERM": 2, "NOTICE": 1}, 4)]


def test_chinese_terms_and_sentences_are_counted() -> None:
    text = "神经网络很小。它学得快！真的吗？是；版权所有"
    assert read([text], "zh", RULES, sentences=True) == [Reading({"TERM": 1, "NOTICE": 1}, 5)]


def test_each_text_is_read_in_its_language_and_keeps_its_place() -> None:
    rows = _count(["一. 二.", "用神经网络。二。三。", "用神经网络", ""], ["en", "zh", None, None], sentences=True)
    assert [row["num_sentences"] for row in rows] == [2, 3, 1, 0]
    assert [row["num_term"] for row in rows] == [0, 1, 0, 0]  # the English pipeline cuts Chinese at blanks


def test_counts_of_all_lines_of_a_text_are_added() -> None:
    rows = _count(["neural network\nno\nNEURAL network, neural network", "neural\nnetwork"], ["en", "en"])
    assert rows == [
        {"num_sentences": None, "num_term": 3, "num_notice": 0},
        {"num_sentences": None, "num_term": 0, "num_notice": 0},
    ]


def test_a_line_that_writes_a_term_with_other_blanks_is_read_too() -> None:
    """spaCy compares tokens, whatever blank stands between them."""
    rows = _count(["网络 版权\n网络版权\n版 权 所 有\n版权所有", "well-known\nwell - known"], ["zh", "en"])
    assert [(row["num_term"], row["num_notice"]) for row in rows] == [(0, 4), (2, 0)]


PIECES = (
    "neural", "network", "neural network", "Neural  Network", "神经网络", "神经", "网络", "版权所有", "网络版权",
    "版 权", "all rights reserved", "ALL RIGHTS", "reserved", "well-known", "well - known", "c++ (11)", "C++(11)",
    "c", "+", "\n", "\n", "\n ", " ", " ", "\t", "\u3000", ".", "don't", ":-)", "o'clock", "(", ")", "\u0130", "x",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.sampled_from(["en", "zh"]))
def test_reading_lines_that_hold_a_term_counts_what_reading_the_whole_text_counts(text: str, language: str) -> None:
    [whole] = read([text], language, RULES, sentences=False)
    [row] = _count([text], [language])
    is_read = holds_a_term(pa.array([text], pa.large_string()), RULES)[0]
    expected = whole.num_by_label if is_read else {}
    assert (row["num_term"], row["num_notice"]) == (expected.get("TERM", 0), expected.get("NOTICE", 0))


def test_a_text_without_terms_need_not_be_read() -> None:
    texts = pa.array(["a NEURAL NETWORK", "神经网络", "a network", ""], pa.large_string())
    assert holds_a_term(texts, RULES).tolist() == [True, True, False, False]
    assert holds_a_term(texts, ()).tolist() == [False] * 4


def test_signs_in_terms_are_taken_literally() -> None:
    assert holds_a_term(pa.array(["C++ (11)", "ccc 11"], pa.large_string()), RULES).tolist() == [True, False]


LOADED = """
import sys
import pyarrow as pa
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.terms import count_terms
settings = CleanSettings(spacy_sentences={sentences})
count_terms(settings, pa.array(["nothing to see", {text!r}], pa.large_string()), pa.array(["en", "en"]))
print("spacy" in sys.modules)
"""


@pytest.mark.parametrize(
    ("text", "sentences", "is_loaded"),
    [
        ("still nothing", False, False),
        ("deep learning (AI)", False, False),
        ("deep learning2", False, True),
        ("still nothing", True, True),
    ],
)
def test_spacy_is_loaded_for_what_only_its_tokenizer_tells_and_for_its_sentences(
    text: str, sentences: bool, is_loaded: bool
) -> None:
    code = LOADED.format(text=text, sentences=sentences)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == f"{is_loaded}\n"


def test_a_word_that_spacy_has_a_name_for_of_its_own_breaks_no_later_reading() -> None:
    text = "token.IS_ALPHA is True, and IS_ALPHA is a flag of the language model"
    rules = (EntityRule(label="FLAG", terms=("language model",)),)
    for _ in range(2):
        assert read([text], "en", rules, sentences=False) == [Reading({"FLAG": 1}, 0)]


def test_a_run_without_blanks_is_read_in_pieces() -> None:
    """Whole, its tokens would take time with the square of its length."""
    asked: list[str] = []
    pipeline = blank_pipeline("en")
    tokenize = pipeline.tokenizer
    pipeline.tokenizer = lambda text: asked.append(text) or tokenize(text)  # type: ignore[func-returns-value]
    text = "all rights reserved " + "(" * 3 * MOST_UNBROKEN + " end"
    assert "".join(token.text_with_ws for token in pipeline.make_doc(text)).replace(" ", "") == text.replace(" ", "")
    assert max(map(len, asked[0].split())) == MOST_UNBROKEN
    assert _count([text], ["en"])[0]["num_notice"] == 1
    assert [token.text for token in blank_pipeline("zh").make_doc("夜" * 600)] == ["夜"] * 600
