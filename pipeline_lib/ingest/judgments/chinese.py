"""Judgments of Chinese courts (裁判文书), by the form that the Supreme People's Court prescribes for them.

    某某市中级人民法院 / 民事判决书 / （2023）京01民终1234号      court, kind, number, each a line at the beginning
    上诉人（原审被告）：某某有限公司，住所地...                     parties, a line each
    二〇二三年十一月三十日 / 书记员                                 the date, a line near the end

Numbers: 关于人民法院案件案号的若干规定 (2015): year, court, kind of case, number; before 2016 （2014）朝民初字第1234号.
"""

import re
from collections.abc import Iterator, Sequence

from pipeline_lib.ingest.judgments.found import Found, Party
from pipeline_lib.ingest.judgments.head import Lines
from pipeline_lib.ingest.judgments.numerals import DATE, date_of

_KIND = (
    r"(?:刑事附带民事|民事|刑事|行政赔偿|行政|国家赔偿|执行|司法救助|强制医疗)?"
    r"(?:判决书|裁定书|调解书|决定书|通知书|支付令)"
)
# Of a people's court the place stands before it, and its rank between them.
COURT = re.compile(
    r"(?:审理法院|审判法院|受理法院|裁判法院|法院名称|法院)?[:：]?"
    r"((?:中华人民共和国)?最高人民法院"
    r"|[\u4e00-\u9fff]{1,28}[省市区县州旗盟团师垦河](?:高级|第[一二三四五六]中级|中级)?人民法院"
    r"|[\u4e00-\u9fff]{2,10}(?:海事|知识产权|金融|互联网|铁路运输|铁路运输中级|林区中级|林区基层|军事)法院)"
    rf"(?=$|[（(〔]|{_KIND})"
)
NO_COURT = re.compile(r"第[一二三四五六七八九十百\d]+条|[的或由是]|应当|可以|发现|认为|关于")
DOCUMENT = re.compile(rf"(?:^|法院)({_KIND})(?=$|[（(〔])")
NUMBER = re.compile(
    r"(?:^|书|法院|案号[:：]|\s)[（(〔\[]((?:19|20)\d{2})[）)〕\]]"
    r"([\u4e00-\u9fff]{1,4}\d{0,4}[\u4e00-\u9fff]{1,8}第?\d{1,7}(?:[-－—、]\d{1,7})*号(?:之[一二三四五六七八九十\d]{1,3})?)"
    r"(?!(?:民事|刑事|行政|执行|的|判决|裁定|一案|案件|之外))"
)
LABELLED_DATE = re.compile(r"(?:裁判日期|判决日期|裁定日期|结案日期)[:：]")
ISO_DATE = re.compile(r"((?:19|20)\d{2})[-/.](\d{1,2})[-/.](\d{1,2})")
AFTER_DATE = re.compile(r"$|书记员|法官助理|审判|本件|附|代书记员|[（(]院印")

ROLES = """
再审申请人 被申请人 申请再审人 上诉单位 上诉人 被上诉人 附带民事诉讼原告人 附带民事诉讼被告人 申请执行人 被执行人
复议申请人 申请复议人 异议人 案外人 利害关系人 赔偿请求人 赔偿义务机关 公诉机关 抗诉机关 自诉人 被告人 被告单位 原审原告
原审被告 原审第三人 原审上诉人 原审被上诉人 申诉人 被申诉人 申请人 起诉人 原告人 原告 被告 第三人
"""
PARTY = re.compile(
    rf"^((?:反诉|一审|二审|再审)?(?:{'|'.join(sorted(ROLES.split(), key=len, reverse=True))}))"
    r"(?:[一二三四五六七八九十\d]{0,2})(?:[（(][^）)]{1,40}[）)])?([:：]?)(?![诉辩为与和的向认因在提不均未对系称])"
    r"([^，,。；;（(:：\s]{2,50})"
)
NARRATIVE = re.compile(r"一案|本院|审理终结|指控|不服")
# Ends of names that no person has. A shop (经营部, 店, 中心) is often a person who trades, and called by that name.
ORGANISATION = re.compile(
    r"(?:公司|银行|信用社|合作社|事务所|委员会|居委会|村委会|人民政府|管理局|公安局|分局|总局|税务局|监督局|检察院(?:第[一二三四五六]分院)?|法院|大学|"
    r"学院|中学|小学|学校|幼儿园|医院|卫生院|研究院|研究所|设计院|协会|学会|商会|基金会|工会|联合会|集团|总厂|工厂|农场|"
    r"办事处|支行|分行|管理处|管委会|指挥部)$"
)
TITLE_LINES = 20
SEVERAL = re.compile(r"[、与和及暨诉]|系(?![统列])|原告|被告|代表|负责人")  # more than one name may be in it
MIN_NAME = 5  # longer than names of Han people are


def find(lines: Lines) -> Found:
    """What a Chinese judgment says of itself; nothing where neither a court nor a number is found."""
    court, number = _court(lines.head), _number(lines.head)
    if not court and not number:
        return Found()
    return Found(
        court=court,
        case_number=number,
        date=_date(lines),
        document_type=next((found[1] for found in map(DOCUMENT.search, lines.head[:TITLE_LINES]) if found), ""),
        parties=tuple(_parties(lines.head)),
    )


def _court(lines: Sequence[str]) -> str:
    """What a line begins with; a court within a sentence is another one."""
    named = (found[1] for found in map(COURT.match, lines) if found)
    return next((name for name in named if not NO_COURT.search(name)), "")


def _number(lines: Sequence[str]) -> str:
    for line in lines:
        if found := NUMBER.search(line):
            return f"（{found[1]}）{found[2]}"
        if NARRATIVE.search(line):
            break
    return ""


def _date(lines: Lines) -> str:
    """The last date that stands alone near the end; else the one that a label at the beginning names."""
    for line in reversed(lines.tail):
        found = DATE.match(line)
        if found and AFTER_DATE.match(line, found.end()) and (day := date_of(found)):
            return day
    labelled = (line[label.end() :].strip() for line in lines.head if (label := LABELLED_DATE.search(line)))
    return next(filter(None, map(_labelled, labelled)), "")


def _labelled(told: str) -> str:
    """The day that stands behind a label: 2020-05-06, 2020年5月6日."""
    found = DATE.match(ISO_DATE.sub(r"\1年\2月\3日", told, count=1))
    return date_of(found) if found else ""


def _parties(lines: Sequence[str]) -> Iterator[Party]:
    for line in lines:
        if NARRATIVE.search(line) and not COURT.match(line):
            return
        if found := PARTY.match(line):
            yield Party(found[1], found[3] if is_organisation(found[3]) else "")


def is_organisation(name: str) -> bool:
    """Whether a name is one that no natural person has."""
    return len(name) >= MIN_NAME and ORGANISATION.search(name) is not None and not SEVERAL.search(name)
