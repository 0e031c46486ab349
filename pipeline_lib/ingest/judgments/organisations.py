"""Whether a name in an English caption is that of an organisation, by its own words.

No name of a natural person may pass, so that a doubt is a no: a side is split where persons may stand beside offices
("Jane Doe, Attorney General", "Acme Inc & Jane Doe"), one with words that join a person to an organisation is none
("Jane Doe of Acme Ltd", "Jane Doe d/b/a Acme Company", "State of Texas for Jane Doe"), and a word that is a surname too
(Church, Bank, Council) counts with its companion alone (County Council).
"""

import re

_JOINS = r"for|by|with|via|from|under|through|behind|against|or|as|use|ex|und|et|y|plus"
_BEFORE = rf"(?:(?!\b(?:of|at|in|{_JOINS})\b|\+).)"  # a sign of what stands before a form of company or an office
_BEHIND = rf"(?:(?!\b(?:{_JOINS})\b|\+).)"  # and behind: State of Ohio
_OF = rf"(?: (?:of|for|to|on)(?: the)? {_BEHIND}{{2,80}})"
_FORM = (
    r"Ltd|Limited|PLC|LLP|LLC|L\.L\.C|Inc|Incorporated|Corp|Corporation|Company|& Co|GmbH|(?-i:AG)|B\.?V|N\.?V|S\.A|"
    r"SpA|SARL|Pty|Pte|Bhd|L\.P"
)
FORM_ALONE = re.compile(rf"(?:{_FORM})\.?", re.I)
ORGANISATION = re.compile(
    rf"(?:{_BEFORE}{{1,100}}\s(?:{_FORM})\.?"
    r"|R|Rex|Regina|(?:The )?(?:Queen|King|Crown|People|State|Commonwealth|United States(?: of America)?)"
    rf"|(?:The )?(?:People|State|Commonwealth|City|County|Town|Republic|Kingdom)(?: and County)? of {_BEHIND}{{2,60}}"
    rf"|(?:The )?(?:Secretary of State for|Commissioners? (?:of|for)|Director of Public|Board of) {_BEHIND}{{2,80}}"
    r"|(?:(?:Her|His) Majesty's )?(?:Attorney[- ]General|Advocate|Director of Public Prosecutions)"
    rf"|(?:The )?(?:Bank|University|Council|Union){_OF}"
    rf"|(?:{_BEFORE}{{0,80}}\s)?(?:University|Ministry|Department|Agency|Commission|Authority|Association|Federation|Hospital|"
    rf"School District|NHS (?:Foundation )?Trust){_OF}?"
    rf"|{_BEFORE}{{0,80}}\s?(?:County|Borough|City|District|Parish|Town|Regional) Council"
    rf"|{_BEFORE}{{1,80}}\s(?:National|Savings|Central|Federal|Commercial|Trust) Bank"
    rf"|{_BEFORE}{{1,80}}\s(?:Credit|Trade|Workers) Union)",
    re.I,
)
PERSONAL = re.compile(
    r"/|\bdba\b|\bta\b|\btrading as\b|\baka\b|\bex rel\b|\bon behalf\b|\bobo\b|\bnext friend\b|"  # d/b/a, c/o, and/or
    r"\bcapacity\b|"
    r"\b(?:executors?|executrix|trustees?|administrat(?:or|rix)|representatives?|heirs?|guardian|estate) (?:of|for)\b|"
    r"\bMr|\bMs\b|\bMrs\b|\bDr\b",
    re.I,
)
# "Smith & Co, Ltd" is one name, "Jane Doe & Company of Ohio" may be two.
SEVERAL = re.compile(rf"\s+and\s+(?!of\b)|&(?!\s*Co(?:mpany)?\.?(?:$|,|\s+(?:{_FORM})\b))|;", re.I)


def organisation_in(side: str) -> str:
    """The name of the organisation that a side of a caption is; "" where it is none, or not one alone."""
    if PERSONAL.search(side):
        return ""
    named = [_organisation(part.strip(" ,.-–")) for part in SEVERAL.split(side)]
    return " and ".join(named) if all(named) else ""


def _organisation(name: str) -> str:
    """Of the parts between commas those that are organisations, a legal form with the name before it."""
    parts = list[str]()
    for part in (part.strip() for part in name.split(",")):
        if parts and FORM_ALONE.fullmatch(part):
            parts[-1] += f", {part}"
        else:
            parts.append(part)
    return ", ".join(part for part in parts if ORGANISATION.fullmatch(part))
