"""Language."""

import pyarrow as pa
import pytest

from pipeline_lib.clean.language import detect_languages
from pipeline_lib.clean.signals import measure_texts


def _language(text: str) -> str | None:
    texts = pa.array([text], pa.large_string())
    language: str | None = detect_languages(texts, measure_texts(texts))[0].as_py()
    return language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat sat on the mat, and that was all there was to be said of it.", "en"),
        ("Returns an array whose elements lie between zero and one.", "en"),
        ("人人生而自由，在尊严和权利上一律平等。", "zh"),
        ("使用 numpy 读取数组，然后调用 transpose 函数。", "zh"),
        ("Alle Menschen sind frei und gleich an Würde und Rechten geboren.", "de"),
        ("Tous les êtres humains naissent libres et égaux en dignité et en droits.", "fr"),
        ("すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。", "ja"),
        ("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.", "ko"),
        ("Все люди рождаются свободными и равными в своем достоинстве и правах.", "ru"),
    ],
)
def test_the_language_is_told(text: str, language: str) -> None:
    assert _language(text) == language


@pytest.mark.parametrize("text", ["", "12 + 30 = 42", "%%% ### !!!"])
def test_what_holds_no_letters_has_no_language(text: str) -> None:
    assert _language(text) is None


def test_a_long_text_is_judged_by_its_middle_too() -> None:
    german = "Der Hund lief durch den Wald und suchte seinen Herrn. " * 40
    french = "Le chien courait dans la forêt et cherchait son maître. " * 12
    assert _language(french + german * 2 + german) == "de"


def test_languages_stand_in_the_order_of_the_texts() -> None:
    french, english = "Tous les êtres humains naissent libres.", "The cat and the dog have to be fed with fish."
    german = "Alle Menschen sind frei und gleich geboren."
    texts = pa.array([english, french, "12", "人人生而自由。", german, english], pa.large_string())
    languages = detect_languages(texts, measure_texts(texts))
    assert languages.to_pylist() == ["en", "fr", None, "zh", "de", "en"]
