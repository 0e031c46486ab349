"""What an origin says of itself before a page of it is asked for: robots.txt, and /.well-known/tdmrep.json.

Both are asked for once a day, as pages are, and kept in the frontier, so that a kill does not ask for them again.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from pipeline_lib.ingest.crawl.fetch import Answer
from pipeline_lib.ingest.crawl.rules import MOST_ROBOTS_BYTES, Rules, matches, text_of
from pipeline_lib.ingest.crawl.urls import canonical, path_of
from pipeline_lib.ingest.crawl.usage import Usage, is_reserved, tdm_rules

ROBOTS, TDMREP = "/robots.txt", "/.well-known/tdmrep.json"
MOST_HOPS = 5  # redirects in a row
MOST_TDM_BYTES = 500 << 10
TRIES = 2
KEPT_SECONDS = 24 * 3600.0  # RFC 9309, 2.4
MOVED = (301, 302, 303, 307, 308)
NO_ANSWER, PRIVATE = "robots_unreachable", "private_address"

Ask = Callable[[str, int], Awaitable[Answer]]  # of an address, for at most so many bytes


class Origin:
    """What one origin allows."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self._rules = None if told["robots"] is None else Rules(told["robots"])
        self._tdm = [(str(pattern), str(value)) for pattern, value in told["tdm"]]

    @property
    def delay_seconds(self) -> float:
        """Its Crawl-delay."""
        return 0.0 if self._rules is None else self._rules.delay_seconds

    @property
    def sitemaps(self) -> list[str]:
        """The sitemaps that it names, as they stand there."""
        return [] if self._rules is None else self._rules.sitemaps

    def refuses(self, url: str, kind: str) -> str | None:
        """Why an address must not be asked for: by its robots.txt, or since what is there is reserved."""
        path = path_of(url)
        if self._rules is None:
            return str(self.told["why"])
        if not self._rules.allows(path):
            return "robots"
        if kind != "page":  # sitemaps and feeds say where to look, and nothing is learned from them
            return None
        if is_reserved(self._rules.usage_of(path)):
            return "reserved_content_usage"
        return "reserved_tdm" if self.tdm_of(url) == "1" else None

    def usage_of(self, url: str) -> Usage:
        """What its robots.txt says of the use of a page."""
        return {} if self._rules is None else self._rules.usage_of(path_of(url))

    def tdm_of(self, url: str) -> str:
        """What its tdmrep.json says of a page: "0", "1", or "" for nothing."""
        return next((value for pattern, value in self._tdm if matches(pattern, path_of(url))), "")


async def ask_tdm(origin: str, robots: Origin, ask: Ask) -> Origin:
    """The same origin, with what its tdmrep.json says, where its robots.txt lets us look."""
    if robots.refuses(f"{origin}{TDMREP}", "file") is not None:
        return robots
    answer, _ = await _followed(f"{origin}{TDMREP}", ask, MOST_TDM_BYTES)
    is_there = answer.status == 200 and not answer.fault
    return Origin({**robots.told, "tdm": tdm_rules(answer.body) if is_there else []})


async def ask_robots(origin: str, ask: Ask) -> Origin:
    """An origin, by its robots.txt alone."""
    robots, why = await _robots(origin, ask)
    return Origin({"robots": robots, "why": why, "tdm": []})


async def _robots(origin: str, ask: Ask) -> tuple[str | None, str]:
    """The text of the robots.txt, "" where there is none (RFC 9309, 2.3.1); None where nobody can say, also not when
    asked once more, and why."""
    for _ in range(TRIES):
        answer, is_lost = await _followed(f"{origin}{ROBOTS}", ask, MOST_ROBOTS_BYTES)
        if answer.fault == PRIVATE or is_lost:
            return None, PRIVATE if answer.fault == PRIVATE else NO_ANSWER
        if not answer.fault and 400 <= answer.status < 500 and answer.status != 429:
            return "", ""
        if not answer.fault and 200 <= answer.status < 300:
            return text_of(answer.body, is_cut=answer.is_cut), ""
    return None, NO_ANSWER


async def _followed(url: str, ask: Ask, most_bytes: int) -> tuple[Answer, bool]:
    """The answer behind at most five redirects; whether they led nowhere."""
    for _ in range(MOST_HOPS + 1):
        answer = await ask(url, most_bytes)
        if answer.fault or answer.status not in MOVED:
            return answer, False
        target = canonical(answer.header("location"), url) if answer.header("location") else None
        if target is None:
            return answer, True
        url = target
    return answer, True
