"""Traditional and simplified Chinese: two texts, or one where the settings say so."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import DECIDE, SKETCH
from pipeline_lib.text import han_forms

if TYPE_CHECKING:
    from tests.unit.dedup.conftest import Nights

SIMPLIFIED = "皇后站在门后，头发很长；干部喝干了杯里的水，里面没有面粉。她了解台风的发展，已经答复了钟先生。"
TRADITIONAL = "皇后站在門後，頭髮很長；幹部喝乾了杯裡的水，裡面沒有麵粉。她瞭解颱風的發展，已經答覆了鐘先生。"
MORE = "她還寫了一封信。"  # behind it, in traditional characters
JAPANESE = "彼女は経済学の発展を図書館で読む。国の歴史と文学も学んだ。"
KANJI_AS_IN_CHINA = "国学の会"
KANJI_AS_BEFORE = "國學の會"


def test_apart_both_stay_and_unified_the_second_is_the_same_text(nights: "Callable[..., Nights]") -> None:
    shard = {"new": SIMPLIFIED, "old": TRADITIONAL}
    assert nights().decide(shard).kept == ["new", "old"]
    row = nights(chinese_scripts="unified").decide(shard).ledger["old"]
    assert (row["reason"], row["duplicate_of"], row["method"]) == ("exact_duplicate", "new", "exact")


@pytest.mark.parametrize("method", ["minhash", "simhash"])
def test_what_is_nearly_the_same_in_the_other_script_is_near(nights: "Callable[..., Nights]", method: str) -> None:
    given = {"method": method, "max_hamming_bits": 8}
    shard = {"new": SIMPLIFIED * 3, "old": TRADITIONAL * 3 + MORE}
    assert nights(**given).decide(shard).kept == ["new", "old"]
    row = nights(chinese_scripts="unified", **given).decide(shard).ledger["old"]
    assert (row["reason"], row["duplicate_of"]) == ("near_duplicate", "new")
    assert row["jaccard"] > 0.8


def test_exact_duplicates_alone_are_found_across_scripts_too(nights: "Callable[..., Nights]") -> None:
    row = nights(method=None, chinese_scripts="unified")
    assert row.decide({"new": SIMPLIFIED, "old": TRADITIONAL, "more": TRADITIONAL + MORE}).kept == ["new", "more"]


def test_of_a_later_night_what_is_in_the_other_script_goes(nights: "Callable[..., Nights]") -> None:
    for past in ("decided", "one index"):
        row = nights(past, chinese_scripts="unified")
        row.decide({"old": TRADITIONAL * 3})
        later = row.decide(
            {"new": SIMPLIFIED * 3, "near": SIMPLIFIED * 3 + "她还写了一封信。", "other": "另外一件事情。"}
        )
        assert later.kept == ["other"]
        assert {later.ledger[name]["duplicate_of"] for name in ("new", "near")} == {"old"}


def test_what_differs_by_more_than_its_script_stays(nights: "Callable[..., Nights]") -> None:
    shard = {
        "one": "今天天气很好，我们去公园。",
        "two": "今天天氣不好，我們在家裡看書。",
        "mixed": "今天的 GPU 模型訓練",
    }
    assert nights(chinese_scripts="unified").decide(shard).kept == list(shard)


def test_japanese_is_compared_as_it_stands_but_for_forms_that_china_has(nights: "Callable[..., Nights]") -> None:
    """By default nothing of it is touched; unified, the old forms of its kanji are those of China, and no more."""
    shard = {"text": JAPANESE, "other": JAPANESE.replace("読", "讀"), "now": KANJI_AS_IN_CHINA, "then": KANJI_AS_BEFORE}
    assert nights(method=None).decide(shard).kept == list(shard)
    assert nights(method=None, chinese_scripts="unified").decide(shard).kept == ["text", "other", "now"]


def test_other_text_has_the_sketches_that_it_has_without(nights: "Callable[..., Nights]") -> None:
    shard = {
        "en": "Full width ＡＢＣ and naïve words, once more",
        "ko": "한국어 문장입니다",
        "ja": "ひらがなとカタカナ",
    }
    rows = [nights(chinese_scripts=scripts) for scripts in ("apart", "unified")]
    for row in rows:
        row.decide(shard)
    assert rows[0].sketch("0-0").read_bytes() == rows[1].sketch("0-0").read_bytes()


def test_apart_it_is_in_no_name_and_unified_with_its_dictionaries() -> None:
    apart, unified = DedupSettings(), DedupSettings(chinese_scripts="unified")
    for maker in (SKETCH, DECIDE):
        assert "chinese_scripts" not in apart.decisive(maker.reads)
        assert unified.decisive(maker.reads)["chinese_scripts"] == "unified"
    assert apart.outside() == {}
    assert unified.outside() == {"opencc": han_forms.release()}


def test_without_its_dictionaries_it_is_refused_when_a_night_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(han_forms, "PACKAGE", "no-such-package")
    assert DedupSettings().outside() == {}
    with pytest.raises(SettingsError, match="chinese"):
        DedupSettings(chinese_scripts="unified").outside()
