"""robots.txt (RFC 9309): which of its rules are ours, what they say of a path, and what no answer means.

    answered 2xx    -> its rules, of at most 500 KiB
    4xx but 429     -> there is none: all is allowed
    429, 5xx, none  -> nothing is allowed until it answers

Protego judges the paths; the groups are found here, since it takes "night" for the name of "nightshift". Beside
`Allow` and `Disallow`: `Crawl-delay`, which is in no standard, `Sitemap`, and what may be done with a page (AIPREF's
`Content-Usage`, and `Content-Signal`, which is older and everywhere).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline_lib.ingest.crawl.usage import Usage, is_reserved, read_usage

AGENT = "nightshift"  # our product token
MOST_ROBOTS_BYTES = 500 << 10
MOST_DELAY_SECONDS = 60.0  # of a Crawl-delay
MOST_SITEMAPS = 50  # of one robots.txt
_TOKEN = re.compile(r"[a-z_-]+")
_AGENTS = {"user-agent", "useragent", "user agent"}
_USAGES = {"content-usage", "content-signal"}
_DELAYS = {"crawl-delay", "crawl delay"}


class UsageRule(NamedTuple):
    """What a group says of the use of the pages below a path."""

    pattern: str
    usage: Usage


class Rules:
    """What one robots.txt says to us."""

    def __init__(self, text: str) -> None:
        from protego import Protego

        lines = list(_lines(text))
        own = _own_group(lines)
        judged = [f"{field}: {value}" for field, value in own if field not in _USAGES]
        self._protego = Protego.parse("\n".join(["User-agent: *", *judged]))
        self._usages = [rule for field, value in own if field in _USAGES and (rule := _usage_rule(value))]
        self.delay_seconds = next((_seconds(value) for field, value in own if field in _DELAYS), 0.0)
        self.sitemaps = [value for field, value in lines if field == "sitemap"][:MOST_SITEMAPS]

    def allows(self, path: str) -> bool:
        """Whether path and query may be asked for."""
        return bool(self._protego.can_fetch(path, AGENT))

    def usage_of(self, path: str) -> Usage:
        """What may be done with the page of this path: of all rules that match, the longest; one that says no counts
        before others of its length."""
        found = [rule for rule in self._usages if matches(rule.pattern, path)]
        longest = max((len(rule.pattern) for rule in found), default=0)
        usages = [rule.usage for rule in found if len(rule.pattern) == longest]
        return min(usages, key=lambda usage: not is_reserved(usage), default={})


def text_of(body: bytes, *, is_cut: bool = False) -> str:
    """A robots.txt as text; of one that is longer than 500 KiB, or `is_cut`, what it has up to a whole line."""
    taken = body[:MOST_ROBOTS_BYTES]
    if is_cut or len(body) > MOST_ROBOTS_BYTES:
        taken = taken[: max(taken.rfind(b"\n"), taken.rfind(b"\r")) + 1]
    return taken.decode("utf-8-sig", "replace").replace("\0", "")


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches a pattern with `*` and an end `$` (RFC 9309, 2.2.3), in time linear in both."""
    is_whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not others:
        return not is_whole or at == len(path)
    for part in others[:-1]:
        at = path.find(part, at) + len(part)
        if at < len(part):
            return False
    last = others[-1]
    return path.endswith(last) and len(path) - len(last) >= at if is_whole else path.find(last, at) >= 0


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"[\r\n]+", text):
        field, mark, value = line.partition("#")[0].partition(":")
        if mark and value.strip():
            yield field.strip().lower(), value.strip()
        elif mark:
            yield field.strip().lower(), ""


def _own_group(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rules of all groups that name us; where none does, of those for everybody."""
    groups: dict[str, list[tuple[str, str]]] = {AGENT: [], "*": []}
    named, is_named, is_open = set[str](), False, False
    for field, value in lines:
        if field in _AGENTS:
            named = named if is_open else set()
            named.add(_agent(value))
            is_named, is_open = is_named or _agent(value) == AGENT, True
        elif field != "sitemap":
            is_open = False
            for agent in named & groups.keys():
                if value:
                    groups[agent].append((field, value))
    return groups[AGENT] if is_named else groups["*"]


def _agent(value: str) -> str:
    token = _TOKEN.match(value.lower())
    return token[0] if token else value.strip()


def _usage_rule(value: str) -> UsageRule | None:
    path, _, rest = value.partition(" ") if value.startswith("/") else ("/", "", value)
    usage = read_usage(rest)
    return UsageRule(path, usage) if usage else None


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
        return min(seconds, MOST_DELAY_SECONDS) if seconds > 0 else 0.0  # not a number is not more than 0
    except ValueError:
        return 0.0
