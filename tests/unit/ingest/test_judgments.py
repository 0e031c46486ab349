"""What a judgment says of itself: made judgments in the forms that courts use, and what is no judgment."""

import shutil
from pathlib import Path
from typing import Any

import docx
import pytest

from pipeline_lib.ingest.judgments import head, rules
from pipeline_lib.ingest.judgments.chinese import is_organisation
from pipeline_lib.ingest.judgments.days import DAY
from pipeline_lib.ingest.judgments.head import lines_of
from pipeline_lib.ingest.judgments.numerals import number_of
from pipeline_lib.ingest.judgments.organisations import organisation_in
from pipeline_lib.ingest.judgments.rules import told_of
from pipeline_lib.ingest.sources.judgments import JudgmentsSource
from tests.made_files import han_pdf_of, pdf_of

CIVIL = """北京市第一中级人民法院
民 事 判 决 书
（2023）京01民终1234号
上诉人（原审被告）：北京远山科技有限公司，住所地北京市海淀区。
法定代表人：王五，经理。
委托诉讼代理人：赵六，北京某某律师事务所律师。
被上诉人（原审原告）：张三，男，1980年1月1日出生，汉族。
上诉人北京远山科技有限公司因与被上诉人张三劳动争议一案，不服北京市海淀区人民法院（2022）京0108民初5678号民事判决，向本院提起上诉。
本院认为，双方于2021年3月4日签订合同。
审 判 长  孙七
二○二三年十一月三十日
法 官 助 理  周八
书 记 员  吴九
"""


def told(text: str, *, is_html: bool = False, parties: Any = "organisations") -> dict[str, str]:
    return told_of(text, is_html=is_html).told(parties)


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


UK = """Hilary Term
[2021] UKSC 905
On appeal from: [2018] EWCA Civ 2748
JUDGMENT
Northern Cabs BV and others (Appellants) v Aslam and others (Respondents)
before
Lord Reed, President
JUDGMENT GIVEN ON
19 February 2021
Heard on 21 and 22 July 2020
"""
US = """SUPREME COURT OF THE UNITED STATES
No. 18–9956
NORTHERN SEARCH LLC, PETITIONER v. ORACULAR AMERICA, INC.
ON WRIT OF CERTIORARI TO THE UNITED STATES COURT OF APPEALS FOR THE FEDERAL CIRCUIT
[April 5, 2021]
Argued October 7, 2020—Decided April 5, 2021
"""
DISTRICT = """UNITED STATES DISTRICT COURT
NORTHERN DISTRICT OF CALIFORNIA
JANE DOE,
Plaintiff,
v.
NORTHERN STORES CORPORATION,
Defendant.
Case No. 3:21-cv-01234-ABC
ORDER GRANTING MOTION
As held in Smith v. Jones, 123 F.3d 456 (No. 99-1234), decided May 1, 1999, the motion is granted.
Dated: June 30, 2021
"""
HIGH = """Neutral Citation Number: [2023] EWHC 123 (Admin)
Case No: CO/1234/2022
IN THE HIGH COURT OF JUSTICE
KING'S BENCH DIVISION
Date: 27/01/2023
THE KING (on the application of JOHN SMITH) - and - SECRETARY OF STATE FOR THE HOME DEPARTMENT
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            UK,
            {
                "court": "Supreme Court of the United Kingdom",
                "citation": "[2021] UKSC 905",
                "date": "2021-02-19",
                "parties": "Appellants: Northern Cabs BV; Respondents",
            },
        ),
        (
            US,
            {
                "court": "Supreme Court of the United States",
                "case_number": "18-9956",
                "date": "2021-04-05",
                "parties": "Petitioner: NORTHERN SEARCH LLC; ORACULAR AMERICA, INC",
            },
        ),
        (
            DISTRICT,
            {
                "court": "United States District Court Northern District of California",
                "case_number": "3:21-cv-01234-ABC",
                "date": "2021-06-30",
                "parties": "Plaintiff; Defendant: NORTHERN STORES CORPORATION",
            },
        ),
        (
            HIGH,
            {
                "court": "High Court of Justice",
                "case_number": "CO/1234/2022",
                "citation": "[2023] EWHC 123 (Admin)",
                "date": "2023-01-27",
            },
        ),
    ],
    ids=["uk", "us", "district", "high"],
)
def test_judgments_of_common_law_tell_the_same(text: str, expected: dict[str, str]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("line", "citation", "court"),
    [
        ("[2020] EWCA Civ 5", "[2020] EWCA Civ 5", "Court of Appeal of England and Wales (Civil Division)"),
        ("Neutral Citation: [2019] HCA 7", "[2019] HCA 7", "High Court of Australia"),
        ("Smith v Jones [2022] NZSC 8", "[2022] NZSC 8", "Supreme Court of New Zealand"),
        ("Citation: 2021 SCC 3", "2021 SCC 3", "Supreme Court of Canada"),
        ("[2021]  UKSC  3", "[2021] UKSC 3", "Supreme Court of the United Kingdom"),
    ],
)
def test_a_neutral_citation_names_its_court(line: str, citation: str, court: str) -> None:
    assert told(f"{line}\nJUDGMENT\n") == {"citation": citation, "court": court} | (
        {"parties": told(line)["parties"]} if "parties" in told(line) else {}
    )


@pytest.mark.parametrize(
    "line",
    [
        "[1998] AC 232",  # a report of law
        "[2004] 1 WLR 113",
        "The principle in Smith v Jones [2021] UKSC 3 is well known.",
        "See [2021] UKSC 3",
        "[2021] XYZ 3",
        "[2021] UKSC",
    ],
)
def test_what_is_cited_or_no_neutral_citation_is_none(line: str) -> None:
    assert "citation" not in told(f"JUDGMENT\n{line}\n")


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("No. 21-1234", "21-1234"),
        ("Nos. 20-1530 and 20-1531", "20-1530"),
        ("Docket No. 19-cv-55", "19-cv-55"),
        ("Civil Action No. 3:19-CV-00123", "3:19-CV-00123"),
        ("C.A. No. 2020-0123-JRS", "2020-0123-JRS"),
        ("Claim No: QB-2020-001234", "QB-2020-001234"),
        ("Appeal No. UKEAT/0123/19/LA", "UKEAT/0123/19/LA"),
        ("Case Number: A2/2019/1234", "A2/2019/1234"),
        ("JANE DOE, Plaintiff, Case No. 21-cv-9", "21-cv-9"),
        ("UKSC 2020/0001", "UKSC 2020/0001"),
        ("Case No. S254321", "S254321"),
        ("Case No: 201902345 B2", "201902345 B2"),
    ],
)
def test_docket_numbers_are_read_behind_their_labels(line: str, number: str) -> None:
    assert told(f"SUPREME COURT OF OHIO\n{line}\n")["case_number"] == number


@pytest.mark.parametrize(
    "line",
    [
        "The court in No. 21-1234 held otherwise, as this one does.",
        "No. 5 of the rules",
        "See (No. 99-1234), 2",
        "No one came",
    ],
)
def test_numbers_within_sentences_are_others(line: str) -> None:
    assert "case_number" not in told(f"SUPREME COURT OF OHIO\n{line}\n")


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("Decided: June 30, 2021", "2021-06-30"),
        ("DECIDED JUNE 30, 2021", "2021-06-30"),
        ("Filed 30th June 2021", "2021-06-30"),
        ("Argued May 1, 2020 Decided June 30, 2021", "2021-06-30"),
        ("Filed July 1, 2021. Decided June 30, 2021", "2021-06-30"),
        ("Judgment handed down on Wednesday 30 June 2021", "2021-06-30"),
        ("Date of judgment\n30 June 2021", "2021-06-30"),
        ("Dated this 30th day of June, 2021", "2021-06-30"),
        ("Date: 30/06/2021", "2021-06-30"),
        ("Date: 06/30/2021", "2021-06-30"),
        ("Date: 2021-06-30", "2021-06-30"),
        ("30 June 2021", "2021-06-30"),
    ],
)
def test_days_are_read_in_the_ways_courts_write_them(line: str, day: str) -> None:
    assert told(f"SUPREME COURT OF OHIO\n{line}\nOPINION\n")["date"] == day


@pytest.mark.parametrize(
    "lines",
    ["Date: 03/04/2021", "Argued May 1, 2020", "Heard on\n1 May 2020", "On May 1, 2020 the parties met.",
     "Filed February 30, 2021", "1 May 2020\n2 May 2020", "It was decided May 1, 2020."],
)  # fmt: skip
def test_days_that_may_be_two_or_are_others_are_not_told(lines: str) -> None:
    assert "date" not in told(f"SUPREME COURT OF OHIO\n{lines}\nOPINION\n")


def test_a_citation_says_whose_days_they_are() -> None:
    assert told("[2020] EWCA Crim 1071\nDate: 12/08/2020\n")["date"] == "2020-08-12"
    assert told("[2020] EWCA Crim 1071\nDate: 30/08/2020\n")["date"] == "2020-08-30"
    assert "date" not in told("[2020] EWCA Crim 1071\nDate: 08/30/2020\n")


def test_what_a_party_is_described_as_is_no_name_and_no_sentence() -> None:
    lines = [
        "JOHN ROE, an individual,",
        "Appellant,",
        "v.",
        "NORTHERN STORES LLC, a Delaware limited liability company,",
    ]
    shown = told("\n".join(["SUPREME COURT OF OHIO", *lines, "Respondent."]))["parties"]
    assert shown == "Appellant; Respondent: NORTHERN STORES LLC"


@pytest.mark.parametrize(
    ("line", "court"),
    [
        ("IN THE SUPREME COURT OF THE STATE OF DELAWARE", "Supreme Court of the State of Delaware"),
        ("In the Court of Appeal (Civil Division)", "Court of Appeal (Civil Division)"),
        (
            "UNITED STATES COURT OF APPEALS\nFOR THE NINTH CIRCUIT",
            "United States Court of Appeals for the Ninth Circuit",
        ),
        ("COURT OF CHANCERY\nOF THE STATE OF DELAWARE\n", "Court of Chancery"),
        ("EMPLOYMENT APPEAL TRIBUNAL", "Employment Appeal Tribunal"),
    ],
)
def test_courts_of_common_law_are_lines_of_names(line: str, court: str) -> None:
    assert told(f"{line}\nOPINION\n")["court"] == court


@pytest.mark.parametrize(
    "line",
    ["Before the Court is a motion", "SUPREME COURT REPORTS", "Clerk of the Court", "THE COURT", "Food Court",
     "Royal Court Hotel",
     "On Appeal from the Court of Appeal", "A" * 5000 + " COURT!"],
)  # fmt: skip
def test_what_speaks_of_a_court_names_none(line: str) -> None:
    assert "court" not in told(f"{line}\nOPINION\n")


@pytest.mark.parametrize(
    ("name", "told_name"),
    [
        ("Acme Ltd", "Acme Ltd"),
        ("ORACULAR AMERICA, INC.", "ORACULAR AMERICA, INC"),
        ("Acme Ltd and Beta plc", "Acme Ltd and Beta plc"),
        ("Secretary of State for Health", "Secretary of State for Health"),
        ("Merrick Doe, Attorney General", "Attorney General"),
        ("State of Texas", "State of Texas"),
        ("United States", "United States"),
        ("R", "R"),
        ("Kent County Council", "Kent County Council"),
        ("University of Leeds", "University of Leeds"),
        ("Smith", ""),
        ("John Church", ""),
        ("Maria de Sa", ""),
        ("Jane Bank", ""),
        ("Melissa Council", ""),
        ("Acme Ltd and John Smith", ""),
        ("John Smith d/b/a Smith Company", ""),
        ("John Smith t/a Smith Ltd", ""),
        ("United States ex rel. John Smith", ""),
        ("John Smith, in his official capacity as Secretary of State for Health", ""),
        ("Secretary of State John Smith", ""),
        ("Trustees of John Smith", ""),
        ("Estate of Jane Doe", ""),
        ("Attorney General Jane Doe", ""),
        ("Smith & Co", "Smith & Co"),
        ("Acme & Company, Inc", "Acme & Company, Inc"),
        ("Bank of Ohio", "Bank of Ohio"),
        ("ACME AG", "ACME AG"),
        ("Siti Ag", ""),
        ("Northern Credit Union", "Northern Credit Union"),
        ("Northern Savings Bank", "Northern Savings Bank"),
        ("Acme Ltd & Beta plc", "Acme Ltd and Beta plc"),
    ],
)
def test_an_english_name_is_told_of_an_organisation_alone(name: str, told_name: str) -> None:
    assert organisation_in(name) == told_name


JOINS = (" & ", "&", "/", " c/o ", " of ", " t/as ", " and/or ", " AND/OR ", " for ", " or ", " d/b/a ", " dba ", " + ")


@pytest.mark.parametrize("joined", [*JOINS, ", Director of ", " by ", " a/k/a ", " trading as "])
@pytest.mark.parametrize("name", ["Acme Inc", "ACME, INC.", "Acme Ltd", "Leeds University", "Ohio Trust Bank"])
def test_a_person_who_is_joined_to_an_organisation_is_not_told(joined: str, name: str) -> None:
    assert "Doe" not in organisation_in(f"Jane Doe{joined}{name}")
    assert "Doe" not in told(f"SUPREME COURT OF OHIO\nNo. 21-1234\nJane Doe{joined}{name} v. Roe\n").get("parties", "")


@pytest.mark.parametrize(
    "office", ["State of Texas", "University of Ohio", "Board of Health", "Acme Inc", "Bank of Ohio"]
)
@pytest.mark.parametrize("joined", [" for ", " for the use of ", " by ", " ex rel. ", " & ", "/"])
def test_a_person_for_whom_an_organisation_acts_is_not_told(office: str, joined: str) -> None:
    assert "Doe" not in organisation_in(f"{office}{joined}Jane Doe")


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


@pytest.fixture
def judged(house: Any) -> Any:
    """A workspace whose source is its folder of judgments."""
    house.other = JudgmentsSource(name="docs", path=house.root / "docs")
    return house


def test_a_folder_of_judgments_is_read_as_files_are_with_what_they_say(judged: Any) -> None:
    judged.write("a.txt", CIVIL)
    judged.write("b.html", f"<body><p>{'</p><p>'.join(US.splitlines())}</p></body>")
    judged.write("c.xlsx", "no")
    document = docx.Document()
    for line in CIVIL.splitlines():
        document.add_paragraph(line)
    document.core_properties.author, document.core_properties.title = "周八", "张三与某公司"
    place = judged.write("d.docx", b"")
    document.save(str(place))
    plan = judged.night()
    rows = {row["url"]: dict(row["metadata"]) for row in judged.rows(plan)}
    assert rows["a.txt"] == told(CIVIL)
    assert rows["b.html"] == told(US)
    assert rows["d.docx"] == told(CIVIL)
    assert [row["title"] for row in judged.rows(plan)] == [None] * 3
    assert ".xlsx" in plan.passed_over


def test_a_pdf_tells_the_same_and_not_its_title(judged: Any) -> None:
    judged.write("a.pdf", han_pdf_of([CIVIL.splitlines()]))
    judged.write("b.pdf", pdf_of([DISTRICT.splitlines()], told=b"/Title (Doe v. Northern) /Author (A Clerk)"))
    rows = {row["url"]: row for row in judged.rows(judged.night())}
    assert dict(rows["a.pdf"]["metadata"]) == told(CIVIL)
    assert dict(rows["b.pdf"]["metadata"]) == told(DISTRICT)
    assert rows["b.pdf"]["title"] is None


def test_records_keep_what_the_settings_ask_of_them(house: Any) -> None:
    house.other = JudgmentsSource(
        name="docs", path=house.root / "docs", title_field="t", metadata_fields={"court": "c"}, parties="none"
    )
    house.write("a.jsonl", '{"id": 1, "t": "A", "c": "Ours", "text": "SUPREME COURT OF OHIO\\nNo. 21-1234\\n"}\n')
    (row,) = house.rows(house.night())
    assert (row["title"], dict(row["metadata"])) == ("A", {"court": "Ours", "case_number": "21-1234"})


@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_what_a_file_in_an_archive_says_of_its_author_is_left_out_and_its_records_keep_theirs(
    house: Any, pack: str, tmp_path: Path
) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    document = docx.Document()
    document.add_paragraph("SUPREME COURT OF OHIO")
    document.add_paragraph("No. 21-1234")
    document.core_properties.author, document.core_properties.title = "A Clerk", "Doe v. Northern"
    document.save(str(packed / "b.jsonl#.docx"))
    (packed / "a.jsonl").write_text('{"id": "x.docx", "t": "A", "d": "2020", "text": "one"}\n')
    shutil.make_archive(str(house.root / "docs" / "all"), pack, packed)
    house.other = JudgmentsSource(
        name="docs", path=house.root / "docs", title_field="t", metadata_fields={"date": "d", "author": "t"}
    )
    rows = {row["url"]: (row["title"], dict(row["metadata"])) for row in house.rows(house.night())}
    assert rows == {
        f"all.{pack}#a.jsonl#x.docx": ("A", {"date": "2020", "author": "A"}),
        f"all.{pack}#b.jsonl%23.docx": (None, {"court": "Supreme Court of Ohio", "case_number": "21-1234"}),
    }


def test_a_text_that_trips_a_rule_is_taken_and_nothing_is_told_of_it(
    judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_given: Any, **_named: Any) -> None:
        raise ValueError("a rule")

    monkeypatch.setattr(rules, "told_of", trip)
    judged.write("a.txt", CIVIL)
    (row,) = judged.rows(judged.night())
    assert (row["text"], dict(row["metadata"] or {})) == (CIVIL, {})


def test_other_rules_and_other_parties_are_another_reading(tmp_path: Path) -> None:
    one = JudgmentsSource(name="docs", path=tmp_path)
    assert one.decisive() != JudgmentsSource(name="docs", path=tmp_path, parties="none").decisive()
    assert one.decisive()["rules"] == "judgments.v1"
