"""The day of a decision, as judgments in English tell it: behind a label, else alone on a line.

Days in figures alone (03/04/2021) are one day in London and another in Chicago: where nothing says whose judgment it
is, those that may be two are none.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"\b(Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}\.?"
DAY = re.compile(
    rf"(?:{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})"
    rf"|(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+day\s+of)?\s+{_MONTH},?\s+(\d{{4}})"
    r"|(\d{4})-(\d{2})-(\d{2})|(\d{1,2})[/.](\d{1,2})[/.](\d{4}))(?!\d)",
    re.I | re.ASCII,  # without it "ſ" is an "s", and digits of other scripts are digits
)
WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
# The first of these that is there: an opinion is argued, decided, and filed or released later.
LABELS = tuple(
    re.compile(rf"\b(?:{words})\b(?:\s+(?:on|date|this))?[\s:,—–-]*(?:{WEEKDAY})?[\s,]*$", re.I)
    for words in (
        r"decided(?:\s+and\s+filed)?|date\s+of\s+(?:decision|judgment|the\s+judgment)|decision\s+date|judgment\s+date|"
        r"judgment\s+(?:given|delivered|handed\s+down)|handed\s+down|delivered",
        r"opinion\s+(?:filed|issued|delivered)|filed|released|issued|entered|dated?|promulgated|published",
    )
)
IN_A_SENTENCE = re.compile(r"\b[a-z]{2,}")
NEAR = 80  # signs before a day
HEARD = re.compile(r"\b(?:heard|hearing|argued|submitted)\b[^.;]*$", re.I)


def day_of(lines: Sequence[str], *, is_day_first: bool = False) -> str:
    """The day in ISO 8601; "" where nothing says which one it is. `is_day_first`: 03/04 is a day of April."""
    told = list(_days(lines, is_day_first))
    for label in LABELS:
        for before, day, _ in told:
            if (found := label.search(before)) and not IN_A_SENTENCE.search(before[: found.start()]):
                return day
    alone = {day for before, day, is_alone in told if is_alone and not HEARD.search(before)}
    return alone.pop() if len(alone) == 1 else ""


def _days(lines: Sequence[str], is_day_first: bool) -> Iterator[tuple[str, str, bool]]:
    """Each day with what stands before it, on its line or on the one above, and whether it is alone on its line."""
    above = ""
    for line in lines:
        for found in DAY.finditer(line):
            if day := _iso(found, is_day_first):
                before = line[: found.start()].strip()
                is_alone = not before and not line[found.end() :].strip(" .")
                yield (before or above)[-NEAR:], day, is_alone
        above = line


def _iso(found: "re.Match[str]", is_day_first: bool) -> str:
    month, day, year, day2, month2, year2, year3, month3, day3, first, second, year4 = found.groups()
    if first:
        low, high = sorted((int(first), int(second)))
        if low != high and high <= 12 and not is_day_first:
            return ""
        is_swapped = int(first) == high
        month3, day3 = (second, first) if is_day_first or is_swapped else (first, second)
        year3 = year4
    name = (month or month2 or "").lower()[:3]
    number = MONTHS.index(name) + 1 if name else int(month3)
    try:
        return date(int(year or year2 or year3), number, int(day or day2 or day3)).isoformat()
    except ValueError:
        return ""
