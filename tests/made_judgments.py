"""Judgments of the tests' own, and what one tells."""

from typing import Any

from pipeline_lib.ingest.judgments.rules import told_of

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


def told(text: str, *, is_html: bool = False, parties: Any = "organisations") -> dict[str, str]:
    return told_of(text, is_html=is_html).told(parties)
