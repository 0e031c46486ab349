"""When the nightly run starts by itself: a line of cron, and the time zone in which it is read.

    [schedule]
    cron = "30 1 * * mon-fri"            minute hour day month weekday; "none": only when asked
    time_zone = "Europe/Berlin"          a name of the IANA time zone database

Both are checked here, so that a mistake is named with its setting, and not by a deployment that fails, or is never due.
Of cron there is what all programs understand alike: numbers, names, lists, ranges and steps.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from pipeline_lib.base.settings import StageSettings, operational

UTC = "Etc/UTC"
WANTED = "five fields are wanted, minute hour day month weekday, as in 0 2 * * * for two o'clock every night"
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of the months, in a leap year
PART = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>\d+))?")

_NONE: Mapping[str, int] = MappingProxyType({})
_FIELDS = (  # name, smallest, largest, names
    ("minute", 0, 59, _NONE),
    ("hour", 0, 23, _NONE),
    ("day", 1, 31, _NONE),
    ("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)}),
    ("weekday", 0, 7, {name: number for number, name in enumerate(WEEKDAYS)}),
)


class ScheduleSettings(StageSettings):
    """When `nightshift up`, and a server that `nightshift deploy` was applied to, start the night by themselves."""

    cron: str | None = Field(
        "0 2 * * *",
        description="when the night starts: minute hour day month weekday; none: only when asked",
        json_schema_extra=operational("cron"),
    )
    time_zone: str = Field(
        UTC,
        description="in which cron is read: Europe/Berlin, Asia/Shanghai; with summer time the hour after two "
        "is left out once a year",
        json_schema_extra=operational("IANA name"),
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            check_cron(cron)
        return cron

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        if name != UTC:  # which a machine without a database of time zones knows too
            check_zone(name)
        return name


def check_cron(cron: str) -> None:
    """Raises `ValueError`, with what is wrong in which field, for what is no line of cron, or is never due."""
    texts = cron.split()
    if len(texts) != len(_FIELDS):
        raise ValueError(f"{len(texts)} fields, where {WANTED}")
    _, _, days, months, _ = (_numbers(text, *field) for text, field in zip(texts, _FIELDS, strict=True))
    if texts[4] == "*" and min(days) > max(LONGEST[month - 1] for month in months):
        raise ValueError("there is no such day in these months, so no night would ever be due")


def _numbers(text: str, name: str, smallest: int, largest: int, names: Mapping[str, int]) -> Sequence[int]:
    """The numbers that one field of cron stands for."""
    found: list[int] = []
    for part in text.split(","):
        read = PART.fullmatch(part)
        step = int(read["step"] or 1) if read else 0
        if not read or step == 0 or (read["first"] == "*" and read["last"]):
            raise ValueError(f"{name} {part!r} is no number, range or step; {WANTED}")
        ends = (smallest, largest) if read["first"] == "*" else (read["first"], read["last"] or read["first"])
        first, last = (end if isinstance(end, int) else _number(end, name, names) for end in ends)
        if not smallest <= first <= last <= largest:
            raise ValueError(f"{name} {part!r} is not within {smallest} to {largest}, the smaller number first")
        found += range(first, last + 1, step)
    return found


def _number(text: str, name: str, names: Mapping[str, int]) -> int:
    if text.isdecimal() and text.isascii():
        return int(text)
    if text.lower() not in names:
        raise ValueError(f"{name} {text!r} is no number{' and no name' if names else ''}; {WANTED}")
    return names[text.lower()]


def check_zone(name: str) -> None:
    """Raises `ValueError`, with the nearest names, for a time zone that this machine does not know."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:  # OSError: the name of a folder of zones
        known = available_timezones()
        ends = {zone.rsplit("/", 1)[-1].lower(): zone for zone in sorted(known)}
        close = [
            *difflib.get_close_matches(name, known, n=1, cutoff=0.7),
            *(ends[end] for end in difflib.get_close_matches(name.rsplit("/", 1)[-1].lower(), ends, n=1, cutoff=0.8)),
        ]
        advice = f"Did you mean {close[0]}?" if close else "Names are those of the IANA database, as in Europe/Berlin"
        if not known:
            advice = "It has no database of time zones: install tzdata"
        raise ValueError(f"this machine knows no such time zone. {advice}") from exc
