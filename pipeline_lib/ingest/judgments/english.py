"""Judgments of common law courts: neutral citations, docket numbers, captions, and the line that says when.

    [2021] UKSC 5 / On appeal from: ... / Acme BV (Appellants) v Aslam and others (Respondents) / 19 February 2021
    SUPREME COURT OF THE UNITED STATES / No. 18-956 / ACME LLC, PETITIONER v. DOE / Decided April 5, 2021

Each is looked for at the beginning, where it stands on a line by itself or behind its label: a case that is cited has
all of these, too, within a sentence.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from pipeline_lib.ingest.judgments.captions import parties_of
from pipeline_lib.ingest.judgments.codes import CANADA, CODES
from pipeline_lib.ingest.judgments.days import day_of
from pipeline_lib.ingest.judgments.found import Found
from pipeline_lib.ingest.judgments.head import Lines

HEAD_LINES = 120
_CODE = "|".join(re.escape(code).replace(r"\ ", r"\s+") for code in sorted(CODES, key=len, reverse=True))
_DIVISION = r"(?:\s*\((?:[A-Z][A-Za-z&]{1,8})\))?"
CITATION = re.compile(rf"\[((?:19|20)\d{{2}})\]\s+({_CODE})\s+(\d{{1,5}}){_DIVISION}(?![\d,])")
CANADIAN = re.compile(rf"((?:19|20)\d{{2}})\s+({'|'.join(CANADA)})\s+(\d{{1,5}})(?!\d)")
CITATION_LABEL = re.compile(r"^(?:Neutral\s+)?Citation(?:\s+(?:Number|No\.?))?\s*:?\s*", re.I)

_LABEL = r"(?:Case|Claim|Docket|Appeal|Cause|File|Index|Civil\s+Action|Civil|Criminal|Action|C\.\s?A\.|Crim\.|Cr\.)\s*"
_NUMBER = (
    r"(?:Nos?|Numbers?|Ref(?:erence)?)\b[.:]{0,2}\s*:?\s*"
    r"((?=[A-Za-z0-9:/.–-]*\d)[A-Z0-9][A-Za-z0-9]*(?:[:/.–-][A-Za-z0-9]+)+|[A-Z]{1,4}\d{4,}|\d{4,}(?:\s[A-Z]\d)?)"
)
NUMBER = re.compile(f"^(?:{_LABEL})?{_NUMBER}", re.I)
LATER_NUMBER = re.compile(rf"\b{_LABEL}{_NUMBER}[ .)\]]*$", re.I)
UK_SUPREME_COURT_NUMBER = re.compile(r"^(UKSC|JCPC|UKPC)[ /](\d{4}/\d{4})$")
MOST_NUMBER_LINE = 90  # signs of a line with a number: a longer one is a sentence

WORD = re.compile(r"\(?[A-Z][A-Za-z.'’-]*\)?,?|of|for|the|and|in|at|to|&")
MOST_COURT_WORDS = 16
IN_THE = re.compile(r"^(?:IN THE|In the|THE|The) ")
IS_COURT = re.compile(r"\b(?:COURT|TRIBUNAL|PRIVY COUNCIL)\b", re.I)
KIND_OF_COURT = re.compile(  # a food court has none of them
    r"\b(?:supreme|high|superior|district|circuit|county|crown|family|federal|appeals?|chancery|justice|justiciary|"
    r"magistrates'?|bankruptcy|probate|juvenile|municipal|tax|claims|pleas|sessions?|employment|upper|first-tier|"
    r"competition|constitutional|criminal|civil|commercial|privy|patents|labou?r|lands?|trade|veterans|protection|"
    r"judicature|sheriff|surrogate'?s|industrial|immigration|administrative|arbitration|central|general)\b",
    re.I,
)
NO_COURT = re.compile(
    r"\b(?:reports?|reporter|clerk|order|rules?|opinion|library|website|judgments?|records?|before|judges?|registrar|"
    r"counsel|solicitors?|appeals? from|certiorari|petition|transcript)\b",
    re.I,
)
GOES_ON = re.compile(
    r"^(?:FOR THE|IN AND FOR|(?:NORTHERN|SOUTHERN|EASTERN|WESTERN|CENTRAL|MIDDLE) DISTRICT|DISTRICT OF)\b", re.I
)
SMALL = {"of", "for", "the", "and", "in", "at", "to"}


def find(lines: Lines) -> Found:
    """What a judgment in English says of itself; nothing where no court, number or neutral citation is found."""
    head = lines.head[:HEAD_LINES]
    citation, cited_court = _citation(head)
    court, number = _court(head) or cited_court, _number(head)
    if not court and not number:
        return Found()
    return Found(
        court=court,
        case_number=number,
        citation=citation,
        date=day_of(head, is_day_first=citation.startswith("[")),
        parties=parties_of(head),
    )


def _citation(lines: Sequence[str]) -> tuple[str, str]:
    """The neutral citation and the court that it names: of a line of its own, at the end of a line, behind a label."""
    for line in lines:
        bare = CITATION_LABEL.sub("", line)
        for rule, courts in ((CITATION, CODES), (CANADIAN, CANADA)):
            found = rule.match(bare) or (_ends(rule, bare) if _is_case(bare) else None)
            if found and (bare != line or found.end() == len(bare)):
                code = re.sub(r"\s+", " ", found[2])
                return re.sub(r"\s+", " ", found[0]), courts[code]
    return "", ""


def _ends(rule: "re.Pattern[str]", line: str) -> "re.Match[str] | None":
    return next((found for found in rule.finditer(line) if found.end() == len(line)), None)


def _is_case(line: str) -> bool:
    """Whether a line is the name of a case, and no sentence that ends in a citation."""
    return re.search(r"\sv\.?\s", line) is not None and len(line) <= 160


def _number(lines: Sequence[str]) -> str:
    for line in lines:
        if found := UK_SUPREME_COURT_NUMBER.match(line):
            return f"{found[1]} {found[2]}"
        if len(line) <= MOST_NUMBER_LINE and (found := NUMBER.match(line) or LATER_NUMBER.search(line)):
            return found[1].replace("–", "-")
    return ""


def _court(lines: Sequence[str]) -> str:
    for line, after in pairwise([*lines, ""]):
        name = _words(line)
        if IS_COURT.search(name) and KIND_OF_COURT.search(name) and not NO_COURT.search(name) and " " in name:
            goes_on = GOES_ON.match(after) or name.lower().endswith((" of", " for", " the"))
            return _titled(" ".join(filter(None, (name, _words(after) if goes_on else ""))))
    return ""


def _words(line: str) -> str:
    """A line of capitalized words, as a name is; "" for another one."""
    name = IN_THE.sub("", line.rstrip(" ,."))
    words = name.split(" ", MOST_COURT_WORDS)
    return name if len(words) <= MOST_COURT_WORDS and all(map(WORD.fullmatch, words)) else ""


def _titled(name: str) -> str:
    """A name in capital letters as it is written in a sentence."""
    if not name.isupper():
        return name
    words = [
        word.lower() if at and word.lower() in SMALL else word.capitalize() for at, word in enumerate(name.split())
    ]
    return re.sub(r"\(([a-z])", lambda found: f"({found[1].upper()}", " ".join(words))
