"""Forms of Han characters as one, by the dictionaries of OpenCC."""

import importlib.metadata

import numpy as np
import opencc
import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.text import han_forms
from pipeline_lib.text.characters import HAN, NUM_CODES, folded_characters
from pipeline_lib.text.han_forms import CONVERSIONS, classes, release, unified_characters

ONE_FOR_SEVERAL = [
    "发發髮",
    "后後",
    "里裏裡",
    "干乾幹榦",
    "台臺檯颱枱",
    "面麵麪",
    "系係繫",
    "只隻衹",
    "钟鐘鍾",
    "复復複覆",
]
APART = ["大太", "人入", "土士", "未末", "东车", "発发", "図图", "観观", "广廠", "叶谷"]
# Each with its simplified form; words in which one character stands for several, and mixed text.
PAIRS = [
    ("头发很长，发展很快。", "頭髮很長，發展很快。"),
    ("皇后站在门后。", "皇后站在門後。"),
    ("里面有三里路。", "裡面有三里路。"),
    ("干部喝干了那杯干净的水。", "幹部喝乾了那杯乾淨的水。"),
    ("乾隆皇帝", "乾隆皇帝"),
    ("台湾的台风", "臺灣的颱風"),
    ("我了解，但不能答复。", "我瞭解，但不能答覆。"),
    ("借口", "藉口"),
    ("用 Python 3.12 训练模型（GPU）", "用 Python 3.12 訓練模型（GPU）"),
    ("ＡＢＣ 与 abc", "ａｂｃ 與 ABC"),
]


def unified(text: str) -> str:
    table = unified_characters()
    return "".join(chr(table[ord(sign)]) if ord(sign) < NUM_CODES else sign for sign in text)


@pytest.mark.parametrize("forms", ONE_FOR_SEVERAL)
def test_all_forms_of_a_character_are_one(forms: str) -> None:
    assert len({unified(form) for form in forms}) == 1


@pytest.mark.parametrize("characters", APART)
def test_characters_that_only_look_or_sound_alike_stay_apart(characters: str) -> None:
    assert len({unified(sign) for sign in characters}) == 2


@pytest.mark.parametrize(("simplified", "traditional"), PAIRS)
def test_a_text_in_both_scripts_is_one(simplified: str, traditional: str) -> None:
    assert unified(simplified) == unified(traditional)


def test_a_conversion_of_a_text_by_words_is_the_same_text() -> None:
    """OpenCC itself looks at words: what it picks is always of the class."""
    text = "".join(simplified for simplified, _ in PAIRS)
    for name in ("s2t", "s2tw", "s2hk"):
        converted = opencc.OpenCC(name).convert(text)
        assert converted != text and unified(converted) == unified(text)
        back = opencc.OpenCC(name[2:] + "2s").convert(converted)
        assert unified(back) == unified(text)


def test_each_character_by_itself_is_one_with_what_any_conversion_makes_of_it() -> None:
    signs = [chr(code) for first, last in HAN for code in range(first, min(last, NUM_CODES - 1) + 1, 3)]
    for name in CONVERSIONS:
        converted = opencc.OpenCC(name).convert("\n".join(signs)).split("\n")
        assert [unified(one) for one in converted] == [unified(sign) for sign in signs]


def test_what_is_not_chinese_folds_as_it_does_without() -> None:
    words = "Straße ÉTÉ ﬁn ＡＢ１２ かな カナ ｶﾅ 한국어 русский العربية 😀 々〆"
    table = folded_characters()
    assert unified(words) == "".join(chr(table[ord(sign)]) for sign in words)


def test_normalized_text_never_grows_and_is_normalized_once() -> None:
    table = unified_characters()
    assert (table[table] == table).all()
    changed = np.flatnonzero(table != folded_characters())
    assert len(changed) > 4000
    assert all(len(chr(table[code]).encode()) <= len(chr(code).encode()) for code in changed.tolist())


def test_classes_are_small_and_each_character_is_in_one() -> None:
    """Pairs do not run together: nothing is one with what is far from it."""
    found = classes()
    assert max(map(len, found)) <= 6
    assert sum(map(len, found)) == len(set().union(*found))
    assert min(map(len, found)) == 2


def test_without_opencc_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    assert release() == opencc.__version__
    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(SettingsError, match=r"pip install 'nightshift\[chinese\]'"):
        han_forms.release()
