"""What the pages have in common: tables without lines, times, numbers; and JSON for programs."""

import json
import time
from typing import Any

from rich.table import Table

ON_ONE_LINE = ("stage", "batch", "what", "do", "started", "run", "state", "took", "setting", "last time")
RIGHT = ("documents", "tokens", "held out", "last time", "took")


def table(*headings: str) -> Table:
    """A table with these headings; columns of names stay on one line, columns of numbers stand to the right."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        justify = "right" if heading in RIGHT else "left"
        made.add_column(heading, no_wrap=heading in ON_ONE_LINE, justify=justify, header_style="bold")
    return made


def clock(unix_seconds: float) -> str:
    """The local time of an event."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_seconds))


def lasting(seconds: float) -> str:
    """A duration as people say it: 0.4 s, 52 s, 5 min 21 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def number(value: object) -> str:
    """A value as it is read: 6,158, 0.7459, en."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4g}"
    return f"{value:,.0f}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def print_json(value: Any) -> None:
    """A page for programs: its keys stay as they are from release to release, and new ones may come."""
    print(json.dumps(value, indent=1, ensure_ascii=False))
