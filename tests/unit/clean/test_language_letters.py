"""Texts as the model reads them: what the table says against what Python says of each character."""

import random
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.clean.language_letters import CAPITAL, LETTER, SMALL, UNSURE, look, readable

ASSIGNED = [
    chr(code)
    for code in range(0x110000)
    if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) not in ("Cn", "Co")
]


def column(*texts: str) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())


def read(*texts: str) -> list[str]:
    texts_ = column(*texts)
    found: list[str] = readable(texts_, look(texts_)).to_pylist()
    return found


def twin(text: str) -> str:
    """What py3langid does before it reads."""
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text)


def test_letters_and_their_case_are_those_of_python() -> None:
    flags = look(column(*ASSIGNED))
    assert (flags & LETTER > 0).tolist() == [character.isalpha() for character in ASSIGNED]
    is_capital = (flags & CAPITAL > 0) & (flags & SMALL == 0)
    assert is_capital.tolist() == [character.isupper() for character in ASSIGNED]


def test_each_character_is_read_as_in_nfc() -> None:
    assert read(*ASSIGNED) == [twin(character) for character in ASSIGNED]


def test_what_is_in_nfc_is_seldom_asked_about() -> None:
    texts = column("Grüße aus Zürich", "Ελληνικά", "हिन्दी", "ภาษาไทย", "العَرَبِيَّة", "한국어", "法律", "Tiếng Việt")
    assert np.flatnonzero(look(texts) & UNSURE).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_marks_in_any_order_are_read_as_in_nfc(seed: int) -> None:
    dice = random.Random(seed)
    marks = [character for character in ASSIGNED if unicodedata.combining(character)]
    letters = ["a", "E", "o", "ᄀ", "ᅡ", "ᆨ", "가", "ন", "ক", "\u2126", "豈", "\U0002f800", "ß", "1", " "]
    texts = ["".join(dice.choices(letters, k=3) + dice.choices(marks, k=3)) for _ in range(200)]
    texts = ["".join(dice.sample(text, len(text))) for text in texts]
    assert read(*texts) == [twin(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    ["GRÜSSE AUS ZÜRICH", "ПРАВА ЧЕЛОВЕКА 1948", "ÀÉ", "IÌJ", "ΔΙΚΑΊΩΜΑ", "Ǆ", "ǅ", "Ⅷ", "ⓐ", "A1", "1", "", "Aa"],
)
def test_what_is_in_capitals_alone_is_read_in_small_letters(text: str) -> None:
    assert read(text) == [twin(text)]
