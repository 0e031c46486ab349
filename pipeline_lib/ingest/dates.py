"""Dates as files tell them, as ISO 8601; None where what is told is no date."""

import re
from datetime import date, datetime

ISO = re.compile(r"(\d{4})(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?)?)?", re.ASCII)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PDF = re.compile(
    r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)(?:00'?00'?)?|([+-]\d\d)'?(\d\d)?'?)?", re.ASCII
)


def iso_date(told: str | None) -> str | None:
    """A year, month, day or time as W3CDTF has it, and as it stands there."""
    found = ISO.fullmatch((told or "").strip())
    if not found:
        return None
    year, month, day, time = found[1], found[2], found[3], found[4]
    text = found[0] if day else f"{year}{month or '-01'}-01"
    try:
        datetime.fromisoformat(text) if time else date.fromisoformat(text)
    except ValueError:
        return None
    return found[0].replace(" ", "T")


def date_of_parts(year: str | None, month: str | None, day: str | None) -> str | None:
    """Of a year, a month (a number or an English name) and a day as many as make a date: "2024", "2024-05"."""
    name = (month or "").strip().lower()
    number = MONTHS.index(name[:3]) + 1 if name[:3] in MONTHS else int(name) if name.isascii() and name.isdigit() else 0
    parts = [(year or "").strip(), f"{number:02}" if number else "", (day or "").strip().zfill(2) if day else ""]
    tries = ("-".join(parts[:length]) for length in (3, 2, 1) if all(parts[:length]))
    return next(filter(None, map(iso_date, tries)), None)


def date_of_pdf(told: str | None) -> str | None:
    """A date as PDF has it (ISO 32000-1, 7.9.4): "D:20240509101112+08'00'"."""
    found = PDF.fullmatch((told or "").strip().rstrip("\0"))
    if not found:
        return None
    year, month, day, hour, minute, second, zulu, zone, zone_minutes = found.groups()
    text = "-".join(filter(None, (year, month, day)))
    if hour and minute:
        text += f"T{hour}:{minute}:{second or '00'}{zulu or ''}" + (f"{zone}:{zone_minutes or '00'}" if zone else "")
    return iso_date(text) or iso_date("-".join(filter(None, (year, month, day))))
