"""Bytes a token by language, by hand."""

from typing import Any

import pytest

from pipeline_lib.tokenize.languages import ByLanguage, bytes_per_token, worse

LEARNED = {"num_bytes_en": 4000, "num_tokens_en": 1000, "num_bytes_zh": 100, "num_tokens_zh": 25, "num_tokens": 1025}


def test_documents_are_counted_by_their_languages() -> None:
    counted = ByLanguage()
    for language, num_bytes, num_tokens in (("zh", 30, 10), ("en", 9, 2), (None, 4, 4), ("zh", 60, 20)):
        counted.add(language, num_bytes, num_tokens)
    assert counted.facts() == {
        "num_bytes_en": 9, "num_tokens_en": 2, "num_bytes_unknown": 4, "num_tokens_unknown": 4,
        "num_bytes_zh": 90, "num_tokens_zh": 30,
    }  # fmt: skip
    assert bytes_per_token(counted.facts()) == {"en": 4.5, "unknown": 1.0, "zh": 3.0}


def test_a_language_without_tokens_has_no_figure() -> None:
    assert bytes_per_token({"num_bytes_en": 0, "num_tokens_en": 0}) == {}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"num_bytes_en": 270, "num_tokens_en": 100}, {}),  # 2.7 is more than two thirds of 4
        ({"num_bytes_en": 260, "num_tokens_en": 100}, {"en": (2.6, 4.0)}),
        ({"num_bytes_zh": 100, "num_tokens_zh": 100, "num_bytes_en": 4, "num_tokens_en": 1}, {"zh": (1.0, 4.0)}),
        ({"num_bytes_th": 100, "num_tokens_th": 100}, {"th": (1.0, 4.0)}),  # it has learned nothing of that
        ({"num_bytes_th": 300, "num_tokens_th": 100}, {}),
        ({}, {}),
    ],
)
def test_a_fall_by_a_third_is_told_by_language(now: dict[str, Any], expected: dict[str, tuple[float, float]]) -> None:
    assert worse(LEARNED, now) == expected


def test_of_a_tokenizer_that_says_nothing_of_languages_nothing_is_said() -> None:
    assert worse({"vocab_size": 600}, {"num_bytes_en": 1, "num_tokens_en": 100}) == {}
