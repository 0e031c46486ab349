"""Judgments of Chinese courts: what they say of themselves, and what is none of it."""

import pytest

from pipeline_lib.ingest.judgments.chinese import is_organisation
from pipeline_lib.ingest.judgments.numerals import number_of
from tests.made_judgments import CIVIL, told


def test_a_chinese_judgment_tells_court_number_kind_date_and_parties() -> None:
    assert told(CIVIL) == {
        "court": "北京市第一中级人民法院",
        "case_number": "（2023）京01民终1234号",
        "date": "2023-11-30",
        "document_type": "民事判决书",
        "parties": "上诉人: 北京远山科技有限公司; 被上诉人",
    }


@pytest.mark.parametrize("parties", ["organisations", "roles", "none"])
def test_no_name_of_a_person_is_ever_told(parties: str) -> None:
    shown = str(told(CIVIL, parties=parties))
    assert not any(name in shown for name in ("张三", "王五", "赵六", "孙七", "周八", "吴九"))


def test_less_is_told_of_parties_where_less_is_asked_for() -> None:
    assert told(CIVIL, parties="roles")["parties"] == "上诉人; 被上诉人"
    assert "parties" not in told(CIVIL, parties="none")


def test_the_same_is_told_of_a_page() -> None:
    lines = "".join(f"<p style='text-align:center'>{line.replace(' ', '&nbsp;')}</p>" for line in CIVIL.splitlines())
    page = f"<html><head><title>张三与某公司</title><script>var a='<p>';</script></head><body><div>{lines}</div></body>"
    assert told(page, is_html=True) == told(CIVIL)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("（2023）京01民终1234号", "（2023）京01民终1234号"),
        ("(2023)京01民终1234号", "（2023）京01民终1234号"),
        ("〔2023〕京01民终1234号", "（2023）京01民终1234号"),
        ("［2023］京01民终1234号".replace("［", "[").replace("］", "]"), "（2023）京01民终1234号"),
        ("（２０２３）京０１民终１２３４号", "（2023）京01民终1234号"),
        ("（2023） 京 01 民终 1234 号", "（2023）京01民终1234号"),
        ("案号：（2021）最高法知民终5号", "（2021）最高法知民终5号"),
        ("（2020）沪0115民初12345号", "（2020）沪0115民初12345号"),
        ("（2016）粤刑终1号", "（2016）粤刑终1号"),
        ("（2019）浙8601民初1号", "（2019）浙8601民初1号"),
        ("（2014）朝民初字第01234号", "（2014）朝民初字第01234号"),
        ("(2012)一中民终字第5号", "（2012）一中民终字第5号"),
        ("（2022）鄂05执恢12号之二", "（2022）鄂05执恢12号之二"),
        ("（2022）新40民终7-9号", "（2022）新40民终7-9号"),
        ("（2022）兵08民初7、8号", "（2022）兵08民初7、8号"),
    ],
)
def test_numbers_of_cases_are_read_as_they_are_written(written: str, number: str) -> None:
    assert told(f"某某市人民法院\n民事裁定书\n{written}\n原告：甲某\n")["case_number"] == number


@pytest.mark.parametrize(
    "line",
    [
        "不服（2022）京0108民初5678号民事判决",
        "（2022）京0108民初5678号民事判决，向本院提起上诉。",
        "本院（2022）京0108民初5678号案件",
        "〔2012〕18号意见",
        "（2023）第12号",
    ],
)
def test_a_number_that_is_cited_is_not_the_case_s_own(line: str) -> None:
    assert "case_number" not in told(f"某某市人民法院\n民事裁定书\n原告：甲某\n{line}\n")


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("二〇二三年十一月三十日", "2023-11-30"),
        ("二○二三年十一月三十日", "2023-11-30"),
        ("二零二三年一月二日", "2023-01-02"),
        ("二Ｏ二三年十月十日", "2023-10-10"),
        ("二O一九年十二月二十一日", "2019-12-21"),
        ("一九九八年元月廿一日", "1998-01-21"),
        ("二〇二〇年二月二十九日", "2020-02-29"),
        ("二〇二三年五月卅一日", "2023-05-31"),
        ("2023年11月30日", "2023-11-30"),
        ("２０２３年１１月３０日", "2023-11-30"),
        ("2023 年 3 月 5 日", "2023-03-05"),
        ("二〇二三 年 三 月 五 日", "2023-03-05"),
        ("二〇二三年十一月三十日书记员", "2023-11-30"),
    ],
)
def test_the_day_of_a_chinese_judgment_stands_alone_near_its_end(written: str, day: str) -> None:
    assert told(f"某某市人民法院\n原告：甲某\n二〇〇一年一月一日\n{written}\n书记员 乙某\n附：法条\n")["date"] == day


@pytest.mark.parametrize(
    "line", ["二〇二三年二月三十日", "双方于2021年3月4日签订合同", "二〇二三年十三月一日", "2021年3月4日，原告起诉"]
)
def test_what_is_no_day_or_of_a_sentence_is_not_that_of_the_decision(line: str) -> None:
    assert "date" not in told(f"某某市人民法院\n民事判决书\n原告：甲某\n{line}\n")


def test_a_day_behind_its_label_counts_where_none_stands_alone() -> None:
    assert told("某某市人民法院\n裁判日期：2020-05-06\n民事判决书\n原告：甲某\n本院认为……\n")["date"] == "2020-05-06"


@pytest.mark.parametrize(
    ("line", "court"),
    [
        ("中华人民共和国最高人民法院", "中华人民共和国最高人民法院"),
        ("上海市浦东新区人民法院民事判决书", "上海市浦东新区人民法院"),
        ("北 京 知 识 产 权 法 院", "北京知识产权法院"),
        ("广州海事法院", "广州海事法院"),
        ("杭州互联网法院", "杭州互联网法院"),
        ("新疆生产建设兵团第八师中级人民法院", "新疆生产建设兵团第八师中级人民法院"),
        ("审理法院：某某县人民法院", "某某县人民法院"),
    ],
)
def test_courts_are_named_by_a_line_of_their_own(line: str, court: str) -> None:
    assert told(f"{line}\n（2020）沪0115民初1号\n原告：甲某\n")["court"] == court


def test_a_court_within_a_sentence_is_another_one() -> None:
    assert "court" not in told("（2020）沪0115民初1号\n原告：甲某\n经某某县人民法院审理查明，原告所述属实。\n")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("公诉机关北京市朝阳区人民检察院。", "公诉机关: 北京市朝阳区人民检察院"),
        ("公诉机关上海市人民检察院第二分院。", "公诉机关: 上海市人民检察院第二分院"),
        ("被告：某某计算机系统有限公司。", "被告: 某某计算机系统有限公司"),
        ("被告人张三，男，因涉嫌盗窃罪", "被告人"),
        ("被告一：某某财产保险股份有限公司上海分公司", "被告: 某某财产保险股份有限公司上海分公司"),
        ("第三人：李四，女。", "第三人"),
        ("再审申请人（一审原告、二审上诉人）：欧阳建国，男", "再审申请人"),
        ("申请执行人：中国银行股份有限公司某某支行", "申请执行人: 中国银行股份有限公司某某支行"),
        ("原告张三诉被告北京某某有限公司", "原告"),
        ("被告：张三、北京某某有限公司", "被告"),
        ("原告：王五建材经营部", "原告"),  # a person who trades
        ("原告：买买提·吐尔逊，男", "原告"),
    ],
)
def test_a_party_is_a_role_and_a_name_only_of_an_organisation(line: str, shown: str) -> None:
    assert told(f"某某市人民法院\n民事判决书\n{line}\n")["parties"] == shown


@pytest.mark.parametrize(
    "line", ["原告诉称，被告欠款。", "被告辩称，不属实。", "原告为证明其主张提交证据", "原告与被告签订合同"]
)
def test_what_parties_say_names_none(line: str) -> None:
    assert "parties" not in told(f"某某市人民法院\n民事判决书\n{line}\n")


@pytest.mark.parametrize(
    "name",
    ["张三", "欧阳建国", "李银行", "王公司", "张学院", "司马中心", "刘某某",
     "张三诉北京某某公司", "张三、北京某某公司", "张三与北京某某有限公司", "张三和北京某某公司", "张三系某某公司"],
)  # fmt: skip
def test_what_may_be_a_person_is_no_organisation(name: str) -> None:
    assert not is_organisation(name)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("十", 10),
        ("十一", 11),
        ("二十", 20),
        ("二十一", 21),
        ("廿一", 21),
        ("卅", 30),
        ("卅一", 31),
        ("元", 1),
        ("07", 7),
    ],
)
def test_numbers_are_read_in_both_scripts(written: str, number: int) -> None:
    assert number_of(written) == number
