"""A web that is told, not served: the visits of a crawl over answers by address, in this process and in no time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_lib.ingest.crawl.fetch import Answer
from pipeline_lib.ingest.crawl.found import Found
from pipeline_lib.ingest.crawl.frontier import Frontier
from pipeline_lib.ingest.crawl.job import FINISHED, CrawlJob
from pipeline_lib.ingest.crawl.visits import Visits

HOST = "http://e.example"
Told = Answer | Callable[[str], Answer]


def html(*links: str, text: str = "words", head: str = "", **headers: str) -> Answer:
    """A page with links."""
    body = f"{head}<p>{text}</p>" + "".join(f'<a href="{link}">a link</a>' for link in links)
    told = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Answer(200, tuple(told.items()), body.encode(), num_bytes=len(body))


def plain(text: str, code: int = 200) -> Answer:
    """A text."""
    return Answer(code, (("Content-Type", "text/plain"),), text.encode(), num_bytes=len(text))


def status(code: int, **headers: str) -> Answer:
    """An answer without a body."""
    return Answer(code, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


@dataclass
class Web:
    """Answers by address or path; what is not there is a 404, unless `otherwise` says what it is."""

    folder: Path
    pages: Mapping[str, Told] = field(default_factory=dict)
    otherwise: Callable[[str], Answer] = lambda _url: status(404)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def fetch(self, url: str, *, more: Mapping[str, str] | None = None, **_more: Any) -> Answer:
        """What a fetcher does."""
        self.asked.append((url, dict(more or {})))
        await asyncio.sleep(0)
        told = self.pages.get(url, self.pages.get(url.removeprefix(HOST)))
        if told is None:
            own = url.endswith(("/robots.txt", "/tdmrep.json", "/sitemap.xml"))
            return status(404) if own else self.otherwise(url)
        return told(url) if callable(told) else told

    def paths(self) -> list[str]:
        """What was asked for, without what is asked for of each host."""
        urls = [url.removeprefix(HOST) for url, _ in self.asked]
        return [url for url in urls if not url.endswith(("/robots.txt", "/tdmrep.json", "/sitemap.xml"))]

    def crawl(self, *known: Found, **fields: Any) -> dict[str, str]:
        """Visit it; how each address ended, "" for what still waits."""
        given = {
            "source": "docs", "seeds": (f"{HOST}/",), "allow": ("e.example",), "deny": (), "allow_private": (),
            "contact": "bot@example.org", "max_pages": 10_000, "max_depth": 10, "max_bytes": 1 << 30,
            "max_minutes": 0.5, "max_page_bytes": 1 << 22, "seconds_between_requests": 0.0, "timeout_seconds": 5.0,
        }  # fmt: skip
        self.run(CrawlJob(**{**given, **fields}), self.folder, known)
        with Frontier(self.folder) as frontier:
            self.counts = frontier.counts()
            return {row["url"].removeprefix(HOST): row["outcome"] for row in frontier.rows() if row["kind"] == "page"}

    def run(self, job: CrawlJob, work: Path, known: Sequence[Found] = ()) -> None:
        """What the process of a crawl does."""
        with Frontier(work) as frontier:
            frontier.go_on()
            frontier.add([*known, *(Found(url, 0) for url in job.seeds)])
            asyncio.run(Visits(job, frontier, self).run())  # type: ignore[arg-type]  # it fetches
            frontier.write_note(FINISHED, "yes")
