"""What a word is: by spaCy's English tokenizer, or by jieba's dictionary for Chinese that has English in it."""

import importlib.metadata

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.words import words_by
from tests.unit.clean.conftest import Clean

MIXED = "我们在 GitHub 上用Python 3.11训练了large language model，效果很好。"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MIXED, ["我们", "在", "GitHub", "上用", "Python", "3.11", "训练", "了", "large", "language", "model", "，",
                 "效果", "很", "好", "。"]),
        ("中华人民共和国\n第二行", ["中华人民共和国", "第二行"]),
        ("繁體中文的機器學習", ["繁體", "中文", "的", "機器", "學習"]),
        ("𠮷野家", ["𠮷", "野家"]),
        ("Don't stop", ["Don", "'", "t", "stop"]),
        (" \n\u3000", []),
    ],
)  # fmt: skip
def test_words_of_a_chinese_dictionary(text: str, words: list[str]) -> None:
    with words_by("jieba") as words_of:
        found = words_of(text)
    assert "".join(found) == "".join(text.split())  # nothing goes but blanks
    assert found == words


def test_words_as_spacy_divides_english() -> None:
    with words_by("spacy") as words_of:
        assert words_of("Don't stop, Ann.") == ["Do", "n't", "stop", ",", "Ann", "."]


def test_signals_are_counted_over_them(clean: Clean) -> None:
    [by_blanks] = clean([MIXED]).signals
    [by_jieba] = clean([MIXED], words="jieba").signals
    chinese = sum("一" <= sign <= "鿿" for sign in MIXED)
    assert by_blanks["num_words"] == chinese + len(["GitHub", "Python", "3.11", "large", "language", "model"])
    assert by_jieba["num_words"] == 14  # the signs at the end of clauses are none
    assert by_jieba["language"] == by_blanks["language"] == "zh"


def test_chinese_is_judged_as_chinese(clean: Clean, chinese: str) -> None:
    """Not as datatrove judges all that it reads, as English: no stop words are asked of it."""
    rules = {"min_stop_words.v1": {"at_least": 2}}
    [row] = clean([chinese], words="jieba", rules=rules).ledger
    assert row["reason"] is None
    assert clean([chinese], words="spacy", rules=rules).ledger[0]["reason"] is not None


def test_where_jieba_is_not_installed_the_settings_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = CleanSettings(words="jieba")
    assert settings.outside() == {"rjieba": importlib.metadata.version("rjieba")}
    assert CleanSettings(words="spacy").outside() == {}

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(SettingsError, match=r'clean.words = "jieba".*nightshift\[chinese\].*"whitespace"'):
        settings.outside()
