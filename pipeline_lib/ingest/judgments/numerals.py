"""Dates as Chinese courts write them: 二〇二三年十一月三十日, 2023年11月30日."""

import re
from datetime import date

ZEROS = "〇○零ＯOo0"
SIGNS = {"元": 1, **dict.fromkeys(ZEROS, 0), **{sign: at for at, sign in enumerate("一二三四五六七八九", start=1)}}
TENS = {"廿": "二十", "卅": "三十"}
YEAR = rf"[12一二][\d一二三四五六七八九{ZEROS}]{{3}}"
PART = r"(?:\d{1,2}|[元〇○零一二三四五六七八九十廿卅]{1,4})"
DATE = re.compile(rf"({YEAR})年({PART})月({PART})日", re.ASCII)  # digits of other scripts are none of these


def date_of(found: "re.Match[str]") -> str:
    """The date of a match of `DATE` in ISO 8601; "" where there is no such day."""
    try:
        year = "".join(sign if sign.isdigit() and sign.isascii() else str(SIGNS[sign]) for sign in found[1])
        return date(int(year), number_of(found[2]), number_of(found[3])).isoformat()
    except (ValueError, KeyError):
        return ""


def number_of(written: str) -> int:
    """Of 1 to 99, in either script: "11", "十一", "廿一", "二〇". Raises `KeyError` for what is none."""
    if written.isascii():
        return int(written)
    for short, long in TENS.items():
        written = written.replace(short, long)
    tens, ten, ones = written.rpartition("十")
    if not ten:
        return int("".join(str(SIGNS[sign]) for sign in written))
    return 10 * (SIGNS[tens] if tens else 1) + (SIGNS[ones] if ones else 0)
