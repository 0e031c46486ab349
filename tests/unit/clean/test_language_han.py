"""Japanese in kanji alone is not Chinese; Chinese in any of its scripts is not Japanese."""

import random

import pyarrow as pa
import pytest

from pipeline_lib.clean.language_han import is_japanese

# Names of laws, of offices and of works; statutes; news in the style of headlines; old prose that was made to be read.
JAPANESE = (
    "第一条　日本国憲法",
    "独立行政法人国立公文書館法施行令",
    "個人情報保護委員会事務局組織規則",
    "電気通信事業法施行規則等一部改正省令",
    "犯罪収益移転防止法",
    "都道府県議会議員選挙区画定審議会設置法",
    "東京証券取引所第一部上場企業一覧",
    "平成二十三年東北地方太平洋沖地震発生時対応記録",
    "国際連合教育科学文化機関憲章",
    "気象庁、関東甲信地方梅雨明発表",
    "経済産業省・厚生労働省・国土交通省共同告示第三号",
    "学校図書館図書整備計画",
    "公職選挙法別表第一（衆議院小選挙区選出議員選挙区）",
    "営業時間：午前十時〜午後六時　定休日：毎週水曜日　駐車場完備",
    "我々国民",
    "明治維新以後、我国学術界諸々変遷概説",
)
CHINESE = (
    "人人生而自由，在尊严和权利上一律平等。",
    "人人生而自由，在尊嚴和權利上一律平等。",
    "中华人民共和国宪法 第一条 中华人民共和国是工人阶级领导的、以工农联盟为基础的人民民主专政的社会主义国家。",
    "中華民國憲法 第一條 中華民國基於三民主義，為民有民治民享之民主共和國。",
    "學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？",
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？",
    "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。",
    "牀前明月光，疑是地上霜。",
    "國立臺灣大學圖書館",
    "香港特別行政區立法會秘書處",
    "我們在這裏等着你們，為什麼你還沒有來呢？",  # forms of Hong Kong
    "简体中文与繁體中文的區別",
    "日本国憲法是日本现行的宪法，于1946年11月3日公布，次年5月3日起施行。",  # names it in Japanese
    "京都大学位于日本京都府京都市左京区吉田本町，是一所国立大学。",
    "民法", "大学", "北京", "第一章 总则", "目录", "一二三四五", "山",
)  # fmt: skip


def told(texts: list[str]) -> list[bool]:
    found: list[bool] = is_japanese(pa.array(texts, pa.large_string())).tolist()
    return found


@pytest.mark.parametrize("text", JAPANESE)
def test_japanese_in_kanji_alone_is_japanese(text: str) -> None:
    assert told([text]) == [True]


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_is_not_japanese(text: str) -> None:
    assert told([text]) == [False]


@pytest.mark.parametrize("seed", range(5))
def test_lists_of_one_language_are_in_it_whatever_stands_between(seed: int) -> None:
    dice = random.Random(seed)
    for texts, is_ja in ((JAPANESE, True), (CHINESE, False)):
        parts = [f"{dice.randint(1, 99)}{dice.choice('.、)　')}{text}" for text in dice.sample(texts, 8)]
        assert told([dice.choice(("\n", " ", "。", " / ")).join(parts)]) == [is_ja]


@pytest.mark.parametrize("text", ["", "the law", "12", "。、", "\U00020000\U0002a6d6", "한국어", "Das Gesetz"])
def test_what_holds_nothing_of_japanese_is_not_japanese(text: str) -> None:
    assert told([text]) == [False]


def test_a_quotation_makes_no_language() -> None:
    quotation = "（日文原名：図書館戦争、気象庁発表）"
    chinese = "这部小说讲述了图书馆与检阅机关之间的斗争，后来改编为电视动画和电影，在许多国家和地区上映。"
    assert told([chinese + quotation, chinese * 3 + quotation * 2]) == [False, False]


def test_a_few_kana_among_kanji_speak_for_japanese_and_among_hanzi_do_not() -> None:
    assert told(["東京都の人口推移", "我在东京买了一本の杂志，里面的内容非常有意思，推荐给大家看看。"]) == [True, False]
