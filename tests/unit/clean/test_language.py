"""Language."""

import pyarrow as pa
import pytest

from pipeline_lib.clean.language import detect_languages
from pipeline_lib.clean.signals import measure_texts

SCOTS = "He didna ken whit tae dae wi himsel efter that, an the maist o his freens wad hae naething tae say til him. "
ENGLISH = "He did not know what to do with himself after that, and most of his friends had nothing to say to him. "
JAPANESE = "図書館法施行規則第三条第一項、国立国会図書館支部図書館設置関係法律廃止。"
CHINESE = "图书馆法实施细则第三条第一款，关于设立国会图书馆分馆的有关法律已经废止，这是我们都知道的。"


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


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (SCOTS, None),
        ("Di govment don tok say dem go build new road wey go reach all di village wey dey near di river.", None),
        (CHINESE, "zh"),
        (JAPANESE, "ja"),
        ("第一条　日本国憲法", "ja"),
        ("民法", "zh"),
    ],
)
def test_what_looks_like_english_or_chinese_is_looked_at_once_more(text: str, language: str | None) -> None:
    assert _language(text) == language


@pytest.mark.parametrize(("other", "own", "language"), [(SCOTS, ENGLISH, "en"), (JAPANESE, CHINESE, "zh")])
def test_what_is_quoted_where_the_sample_is_taken_makes_no_language(other: str, own: str, language: str) -> None:
    quoted, between = other * 15, own * 60
    assert _language(quoted + between + quoted + between + quoted) == language
    assert _language(other * 60 + own * 2 + other * 60) == {"en": None, "zh": "ja"}[language]


@pytest.mark.parametrize("text", ["ROMEO:", "[r]", "= = Media = ="])
def test_letters_that_tell_the_model_nothing_have_no_language(text: str) -> None:
    assert _language(text) is None


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
