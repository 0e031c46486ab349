"""Texts that are no judgments, or trip the rules for them."""

import pytest

from pipeline_lib.ingest.judgments import head
from pipeline_lib.ingest.judgments.days import DAY
from pipeline_lib.ingest.judgments.head import lines_of
from tests.made_judgments import told


@pytest.mark.parametrize(
    "line",
    [
        "第四十二条司法鉴定人经人民法院通知",
        "第九十九条人民检察院发现同级人民法院决定",
        "由某某市人民法院",
        "基层人民法院",
        "关于某某市人民法院",
        "某某市人民法院执行局",
        "某某市人民法院认为",
    ],
)
def test_a_law_that_speaks_of_courts_is_no_judgment(line: str) -> None:
    assert told(f"某某法\n{line}\n被告人有下列情形之一的，\n通知书\n一九九七年十月六日\n") == {}


@pytest.mark.parametrize("day", ["2٣23年11月30日", "2𝟎𝟐𝟑年11月30日", "2023年1𝟏月30日", "2०23年11月30日"])
def test_digits_of_other_scripts_are_no_day(day: str) -> None:
    assert "date" not in told(f"某某市人民法院\n民事判决书\n原告：甲某\n{day}\n书记员\n")


@pytest.mark.parametrize(
    "day", ["Decided ſept 5, 2021", "Decided Auguſt 5, 2021", "Decided May ٥, 2021", "Decided 5 ſept 2021"]
)
def test_signs_that_only_fold_to_those_of_a_day_are_none(day: str) -> None:
    assert "date" not in told(f"SUPREME COURT OF OHIO\n{day}\nOPINION\n")


@pytest.mark.parametrize("month", ["September", "Sept", "Sep", "Sept.", "SEPTEMBER"])
def test_months_are_known_whole_and_short(month: str) -> None:
    assert told(f"SUPREME COURT OF OHIO\nDecided {month} 5, 2021\n")["date"] == "2021-09-05"
    assert told(f"SUPREME COURT OF OHIO\nDecided 5 {month}, 2021\n")["date"] == "2021-09-05"


@pytest.mark.parametrize("digits", ["9" * 5000, "0" * 5000 + "65", "0" * 5000])
def test_a_page_with_an_endless_reference_is_read(digits: str) -> None:
    page = f"<p>&#{digits};</p><p>SUPREME COURT OF OHIO</p><p>No. 21-1234</p>"
    assert told(page, is_html=True)["case_number"] == "21-1234"


def test_marks_around_a_line_are_none_of_it() -> None:
    assert lines_of("** | A_b * c |_*\n> # 甲 __", is_html=False).head == ("A_b * c", "甲")


def test_no_rule_looks_at_the_rest_of_a_line_from_each_of_its_places() -> None:
    """A million signs: in the square of them this would not end."""
    stars = f"x{'*' * 1_000_000}x"
    assert head._lines(stars) == (stars,)
    assert not DAY.search("mar" * 300_000)


def test_what_is_no_judgment_tells_nothing() -> None:
    for text in ("", "\n\n", "A story about a dog.\nIt ran.", "一只狗的故事。\n它跑了。", "x" * 50_000, "<" * 50_000):
        assert told(text) == {} and told(text, is_html=True) == {}
