"""Which addresses belong to a crawl, and which look like a trap.

    "example.org"            all of this host          "*.example.org"      its subdomains
    "example.org/docs/"      what begins like that     "example.org/*.html$"  with the signs of robots.txt
    "/tag/"                  (to deny) on any host

A trap is what gives birth to addresses without end: segments that repeat, days of a calendar, one path under ever more
queries, one body under ever more addresses of a shape. Each has a limit, and what is over it is counted.
"""

import re
from collections import Counter
from collections.abc import Sequence

from pipeline_lib.base.hosts import canonical_host
from pipeline_lib.ingest.crawl.rules import matches
from pipeline_lib.ingest.crawl.urls import MAX_URL_CHARS, origin_of, path_of

MOST_SEGMENTS = 20
MOST_REPEATS = 3  # of one segment in a path
MOST_PARAMETERS = 8
MOST_QUERIES = 200  # of one path
MOST_DAYS = 800  # addresses of one shape with a month in it
MOST_SAME = 20  # addresses of one shape with bodies that were there already, where they are most of it
_DIGITS = re.compile(r"\d+")
_MONTH = re.compile(r"(?<!\d)[12]\d{3}(?!\d)\D{1,12}(0?[1-9]|1[0-2])(?!\d)")  # a year, and a month behind it


class Scope:
    """The addresses that a crawl takes."""

    def __init__(self, allow: Sequence[str], deny: Sequence[str]) -> None:
        self._allow = [split_pattern(one) for one in allow]
        self._deny = [split_pattern(one) for one in deny]

    def covers(self, host: str) -> bool:
        """Whether anything of this host, with its port, is allowed."""
        return any(_is_host(named, host) for named, _ in self._allow)

    def has(self, url: str) -> bool:
        """Whether this canonical address is allowed and not denied."""
        host, path = origin_of(url).partition("://")[2], path_of(url)
        is_allowed = any(_is_of(pattern, host, path) for pattern in self._allow)
        return is_allowed and not any(_is_of(pattern, host, path) for pattern in self._deny)


def split_pattern(pattern: str) -> tuple[str, str]:
    """Host, "*" for any, and pattern of the path. Raises `ValueError` for what has no host that can be one."""
    named = pattern.strip()
    for scheme in ("http://", "https://"):
        named = named.removeprefix(scheme)
    host, slash, path = named.partition("/")
    if not host:
        return "*", slash + path
    name, mark, port = host.removeprefix("*.").partition(":") if "[" not in host else (host, "", "")
    known = name if "[" in host else canonical_host(name)
    if known is None or (mark and not port.isdigit()):
        raise ValueError("no host")
    return ("*." if host.startswith("*.") else "") + known.lower() + mark + port, "/" + path


def _is_of(pattern: tuple[str, str], host: str, path: str) -> bool:
    return _is_host(pattern[0], host) and matches(pattern[1], path)


def _is_host(named: str, host: str) -> bool:
    bare = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    if named.startswith("*."):
        return any(one.endswith(named[1:]) for one in (host, bare))
    return named in ("*", host, bare)


def trap_in(url: str) -> str | None:
    """Why an address by itself looks like a trap."""
    if len(url) > MAX_URL_CHARS:
        return "url_too_long"
    path, _, query = path_of(url).partition("?")
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) > MOST_SEGMENTS or max(Counter(segments).values(), default=0) > MOST_REPEATS:
        return "trap"
    names = Counter(part.partition("=")[0] for part in query.split("&"))
    return "trap" if len(query.split("&")) > MOST_PARAMETERS or max(names.values()) > MOST_REPEATS else None


def counted_as(url: str) -> list[tuple[str, int]]:
    """Under which shapes an address counts, and how many of each there may be."""
    path, mark, _ = path_of(url).partition("?")
    found = [(f"{origin_of(url)}{path}?", MOST_QUERIES)] if mark else []
    return [*found, (shape_of(url), MOST_DAYS)] if _MONTH.search(path_of(url)) else found


def shape_of(url: str) -> str:
    """An address with its numbers left out: what pages that a machine counts up have in common."""
    return origin_of(url) + _DIGITS.sub("0", path_of(url))
