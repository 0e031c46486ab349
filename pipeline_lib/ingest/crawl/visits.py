"""The visits of a crawl: which address is asked for next, whether it may be, and what its answer means.

Hosts are visited side by side, each by one visitor who asks for one address at a time (pace.py). A redirect is an
address like any other: it waits for its turn, and each hop is held against its host's rules and the scope.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable
from datetime import UTC, datetime

from pipeline_lib.ingest.crawl import outcomes
from pipeline_lib.ingest.crawl.fetch import Answer, Fetcher
from pipeline_lib.ingest.crawl.found import FEED, PAGE, SITEMAP, Found, Known
from pipeline_lib.ingest.crawl.frontier import Frontier
from pipeline_lib.ingest.crawl.job import CrawlJob
from pipeline_lib.ingest.crawl.judged import Judged, judge
from pipeline_lib.ingest.crawl.lists import MOST_LIST_BYTES, listed
from pipeline_lib.ingest.crawl.origins import KEPT_SECONDS, MOST_HOPS, MOVED, Origin, ask_robots, ask_tdm
from pipeline_lib.ingest.crawl.pace import Pace, is_passing
from pipeline_lib.ingest.crawl.scope import Scope, trap_in
from pipeline_lib.ingest.crawl.urls import REMEMBERED, canonical, host_of, origin_of
from pipeline_lib.ingest.crawl.warc import packed

MOST_HOSTS = 32  # visited side by side
MOST_TRIES = 3  # of one address a night
WAIT_SECONDS, MOST_END_SECONDS = 0.5, 5.0
PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown", "text/x-markdown")
GONE = (404, 410, 451)
FORBIDDEN = (401, 402, 403, 407)


class Visits:
    """One crawl at work."""

    def __init__(self, job: CrawlJob, frontier: Frontier, fetcher: Fetcher) -> None:
        self._job, self._frontier, self._fetcher = job, frontier, fetcher
        self._scope = Scope(job.allow, job.deny)
        self._wanted: dict[str, bool] = {}  # what was said of the last addresses
        self._paces: dict[str, Pace] = {}
        self._origins: dict[str, Origin | Awaitable[Origin]] = {}
        self._ends_at = time.monotonic() + job.max_minutes * 60
        self._num_pages, self._num_bytes = frontier.spent()

    @property
    def is_over(self) -> bool:
        """Whether the budget of pages, bytes or time is spent."""
        is_spent = self._num_pages >= self._job.max_pages or self._num_bytes >= self._job.max_bytes
        return is_spent or time.monotonic() >= self._ends_at

    @property
    def progress(self) -> tuple[int, int]:
        """How many pages were asked for, and how many there are to ask for, as far as is known."""
        return self._num_pages, max(self._num_pages, min(self._frontier.num_known, self._job.max_pages))

    async def run(self) -> None:
        """Visit hosts until nothing waits, or the budget is spent."""
        visitors: dict[str, asyncio.Task[None]] = {}
        while not self.is_over:
            for host in self._frontier.hosts():
                if host not in visitors and len(visitors) < MOST_HOSTS:
                    visitors[host] = asyncio.ensure_future(self._visit(host))
            if not visitors:
                return
            wait = asyncio.wait(visitors.values(), return_when=asyncio.FIRST_COMPLETED, timeout=WAIT_SECONDS)
            for task in (await wait)[0]:
                task.result()
            visitors = {host: task for host, task in visitors.items() if not task.done()}
        if visitors:
            await self._let_end(list(visitors.values()))

    async def _let_end(self, visitors: list[asyncio.Task[None]]) -> None:
        """Who is asking may end, in a little time; what is cut short is asked for again."""
        _, late = await asyncio.wait(visitors, timeout=min(self._job.timeout_seconds, MOST_END_SECONDS))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _visit(self, host: str) -> None:
        while not self.is_over:
            page = self._frontier.take(host)
            if page is None:
                return
            try:
                await self._look_at(page)
            except BaseException:
                self._frontier.put_back(page)
                raise

    async def _look_at(self, page: Known) -> None:
        reason = await self._reason_against(page)
        if reason is not None:
            self._frontier.done(page, reason)
            return
        if self.is_over:  # spent by others, while its origin was asked
            self._frontier.put_back(page)
            return
        self._num_pages += page.kind == PAGE
        answer = await self._ask(page)
        if answer is not None:
            self._take(page, answer)
        elif self._pace(page.host).is_left:
            self._frontier.done(page, "host_left")
        else:  # the budget was spent while it waited
            self._frontier.put_back(page)

    def _take(self, page: Known, answer: Answer) -> None:
        """Take what came. What nobody foresaw in a page costs that page."""
        try:
            if page.kind == PAGE or answer.status in MOVED:
                self._settle(page, answer)
            else:
                self._take_list(page, answer)
        except (OSError, sqlite3.Error):
            raise
        except Exception as exc:  # noqa: BLE001
            print("a page that cannot be taken:", type(exc).__name__, flush=True)
            self._frontier.done(page, outcomes.FAILED, num_bytes=answer.num_bytes)

    async def _reason_against(self, page: Known) -> str | None:
        """Why an address is not asked for."""
        if page.kind == PAGE and not self._scope.has(page.url):
            return "out_of_scope"
        if page.hops > MOST_HOPS:
            return "too_many_redirects"
        if page.tries >= MOST_TRIES:  # and each time the process was killed
            return outcomes.FAILED
        if self._pace(page.host).is_left:
            return "host_left"
        origin = await self._origin(origin_of(page.url))
        return origin.refuses(page.url, page.kind)

    async def _ask(self, page: Known) -> Answer | None:
        """The answer; None where the host is left for tonight before there is one."""
        conditions = {"If-None-Match": page.etag, "If-Modified-Since": page.modified} if page.is_known else {}
        pace = self._pace(page.host)
        for number in range(1, MOST_TRIES + 1):
            if pace.is_left or (number > 1 and self.is_over):
                break
            answer = await pace.ask(
                lambda: self._fetcher.fetch(
                    page.url,
                    takes=_is_page if page.kind == PAGE else _is_any,
                    most_bytes=self._job.max_page_bytes if page.kind == PAGE else MOST_LIST_BYTES,
                    more={name: value for name, value in conditions.items() if value},
                )
            )
            self._num_bytes += answer.num_bytes
            if not is_passing(answer) or number == MOST_TRIES:
                return answer
        return None

    def _settle(self, page: Known, answer: Answer) -> None:
        """What a page's answer means."""
        if answer.fault or answer.status != 200:
            self._settle_other(page, answer)
            return
        if answer.is_unwanted:
            self._frontier.done(page, "not_text", num_bytes=answer.num_bytes)
            return
        origin = self._origins[origin_of(page.url)]
        assert isinstance(origin, Origin)
        judged = judge(page.url, answer, origin)
        found = self._links(page, judged)
        if judged.reason:
            self._frontier.done(page, judged.reason, found=found, num_bytes=answer.num_bytes)
            return
        about = {"etag": answer.header("etag"), "modified": answer.header("last-modified"), "body": judged.digest}
        if page.is_known and page.body == judged.digest:
            self._frontier.done(page, outcomes.SAME, found=found, num_bytes=answer.num_bytes, about=about)
            return
        member = packed(judged.page(page.url, datetime.fromtimestamp(int(answer.at), UTC), answer))
        num_bytes = answer.num_bytes
        self._frontier.done(page, outcomes.LANDED, found=found, member=member, num_bytes=num_bytes, about=about)

    def _settle_other(self, page: Known, answer: Answer) -> None:
        """What an answer without a body means."""
        if answer.fault:
            self._frontier.done(page, answer.fault, num_bytes=answer.num_bytes or None)
        elif answer.status in MOVED:
            self._follow(page, answer)
        elif answer.status == 304 and page.is_known:
            self._frontier.done(page, outcomes.SAME, num_bytes=0)
        elif answer.status in GONE:
            self._frontier.done(page, outcomes.GONE, num_bytes=answer.num_bytes)
        elif answer.status in FORBIDDEN:
            self._frontier.done(page, "forbidden", num_bytes=answer.num_bytes)
        elif answer.status in (204, 205):
            self._frontier.done(page, "no_content", num_bytes=0)
        else:
            self._frontier.done(page, outcomes.FAILED, num_bytes=answer.num_bytes)

    def _follow(self, page: Known, answer: Answer) -> None:
        target = canonical(answer.header("location"), page.url) if answer.header("location") else None
        reason = "bad_redirect" if target is None else trap_in(target)
        if target is None or reason:
            self._frontier.done(page, reason or "", num_bytes=answer.num_bytes)
            return
        found = [Found(target, page.depth, page.kind, page.hops + 1)]
        self._frontier.done(page, outcomes.MOVED, found=found, num_bytes=answer.num_bytes)

    def _links(self, page: Known, judged: Judged) -> list[Found]:
        """Where a page leads, as far as it may be followed."""
        if page.depth >= self._job.max_depth or judged.is_nofollow:
            return []
        pages = [Found(url, page.depth + 1) for url in judged.links if self._is_wanted(url)]
        feeds = [Found(url, page.depth + 1, FEED) for url in judged.feeds if self._is_wanted(url)]
        return feeds + pages

    def _is_wanted(self, url: str) -> bool:
        """Whether an address is to be known at all; one that looks like a trap is counted."""
        known = self._wanted.get(url)
        if known is not None:
            return known
        reason = trap_in(url) if self._scope.has(url) else "out_of_scope"
        if reason and reason != "out_of_scope":
            self._frontier.count(reason)
        if len(self._wanted) >= REMEMBERED:
            self._wanted.clear()
        self._wanted[url] = reason is None
        return reason is None

    def _take_list(self, page: Known, answer: Answer) -> None:
        """Take the addresses of a sitemap or a feed."""
        if answer.fault or answer.status != 200:
            self._frontier.done(page, answer.fault or outcomes.FAILED, num_bytes=answer.num_bytes)
            return
        found, reason = listed(page, answer.body, self._scope, self._is_wanted, self._job.max_depth)
        self._frontier.done(page, reason, found=found, num_bytes=answer.num_bytes)

    def _pace(self, host: str) -> Pace:
        return self._paces.setdefault(host, Pace(self._job.seconds_between_requests))

    async def _origin(self, origin: str) -> Origin:
        """What an origin allows; whoever comes while it is being asked waits for the same answer."""
        known = self._origins.get(origin)
        if known is None:
            known = self._origins[origin] = asyncio.ensure_future(self._asked(origin))
        found = known if isinstance(known, Origin) else await known
        self._origins[origin] = found
        return found

    async def _asked(self, origin: str) -> Origin:
        told = self._frontier.origin(origin, KEPT_SECONDS)
        found = await ask_robots(origin, self._ask_plainly) if told is None else Origin(told)
        pace = self._pace(host_of(origin))
        pace.base_seconds = max(pace.base_seconds, found.delay_seconds)
        if told is None and found.told["robots"] is not None:
            found = await ask_tdm(origin, found, self._ask_plainly)
            self._frontier.write_origin(origin, found.told)
        self._frontier.add(self._sitemaps(origin, found))
        return found

    def _sitemaps(self, origin: str, found: Origin) -> list[Found]:
        """The sitemaps of an origin of this crawl: those that it names, else where one is by custom."""
        if not self._scope.covers(origin.partition("://")[2]) or self._job.max_depth == 0:
            return []
        named = (canonical(address, f"{origin}/") for address in found.sitemaps or ["/sitemap.xml"])
        return [Found(url, 0, SITEMAP) for url in named if url is not None]

    async def _ask_plainly(self, url: str, most_bytes: int) -> Answer:
        async def fetch() -> Answer:
            return await self._fetcher.fetch(url, takes=_is_any, most_bytes=most_bytes, is_cut_short=True)

        answer = await self._pace(host_of(url)).ask(fetch)
        self._num_bytes += answer.num_bytes
        return answer


def _is_page(content_type: str) -> bool:
    """Whether it says to be a page, or nothing."""
    return content_type.partition(";")[0].strip().lower() in ("", *PAGE_TYPES)


def _is_any(_content_type: str) -> bool:
    return True
