"""How fast a host is asked: one request at a time, a while after the last answer, slower where it says so.

The while is the setting or the Crawl-delay, whichever is longer, and never shorter than the host took to answer. A 429
or 503 doubles it, up to a minute, and each good answer takes a tenth of that back. A `Retry-After` is waited for; where
it asks for more than `MOST_WAIT_SECONDS`, or a host fails `MOST_FAILURES` times in a row, it is left for tonight.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

from pipeline_lib.ingest.crawl.fetch import Answer

MOST_DELAY_SECONDS, MOST_WAIT_SECONDS = 60.0, 300.0
MOST_FAILURES = 10
SLOW_DOWN = (429, 503)
LATENCY_SHARE = 1.0  # of what an answer took, that is waited at least


class Pace:
    """The pace of one host."""

    def __init__(self, seconds: float) -> None:
        self.base_seconds = seconds  # grows by a Crawl-delay
        self.is_left = False  # for tonight
        self._is_polite = seconds > 0
        self._extra_seconds = 0.0
        self._ended, self._least_seconds = -math.inf, 0.0  # the answer before, and what is waited behind it at least
        self._num_failures = 0
        self._lock = asyncio.Lock()

    async def ask(self, fetch: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask when it is time, and learn from the answer how long to wait for the next one."""
        async with self._lock:
            pause = max(self.base_seconds + self._extra_seconds, self._least_seconds)
            await asyncio.sleep(max(0.0, self._ended + pause - time.monotonic()))
            answer = await fetch()
            self._learn(answer)
            return answer

    def _learn(self, answer: Answer) -> None:
        is_slowing = answer.status in SLOW_DOWN
        if is_passing(answer):
            self._num_failures += 1
            self._extra_seconds = min(max(2 * self._extra_seconds, self.base_seconds, 0.1), MOST_DELAY_SECONDS)
        else:
            self._num_failures, self._extra_seconds = (
                0,
                0.9 * self._extra_seconds if self._extra_seconds > 0.05 else 0.0,
            )
        asked = retry_after(answer.header("retry-after"), answer.at) if is_slowing else 0.0
        self.is_left = self.is_left or asked > MOST_WAIT_SECONDS or self._num_failures >= MOST_FAILURES
        slow = min(LATENCY_SHARE * answer.seconds, MOST_DELAY_SECONDS) if self._is_polite else 0.0
        self._ended = time.monotonic()
        self._least_seconds = max(slow, min(asked, MOST_WAIT_SECONDS))


def is_passing(answer: Answer) -> bool:
    """Whether another try may give another answer."""
    is_servers = 500 <= answer.status < 600 or answer.status in SLOW_DOWN
    return is_servers or answer.fault in ("timeout", "unreachable")


def retry_after(value: str, now: float) -> float:
    """The seconds that a Retry-After asks for (RFC 9110, 10.2.3): a number, or a date; 0 for what is neither."""
    if value.strip().isdecimal() and value.strip().isascii():
        return float(value.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError, OSError):
        return 0.0
