"""The crawl's own process: `python -m pipeline_lib.ingest.crawl.worker WORK_FOLDER`.

Exit status 0: the crawl ended, and the frontier says so. 1: an error of ours, left (store/left_error.py). Anything
else: killed; the next one goes on from the frontier. It lives below a supervisor (base/lifeline.py), which ends it with
its parent.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from scrapy import Spider
from scrapy.crawler import AsyncCrawlerProcess

from pipeline_lib.base.errors import NightshiftError, UpstreamError
from pipeline_lib.ingest.crawl.fetch import Fetcher, scrapy_settings
from pipeline_lib.ingest.crawl.frontier import Frontier
from pipeline_lib.ingest.crawl.job import FINISHED, CrawlJob, read_job
from pipeline_lib.ingest.crawl.visits import Visits
from pipeline_lib.ingest.plan import PROGRESS_FILE
from pipeline_lib.store.files import translate_os_error
from pipeline_lib.store.left_error import keep_error, leave_with

TELL_SECONDS = 0.5


class CrawlSpider(Spider):
    """Lends the crawl its engine: what is asked for, and when, is decided by the visits."""

    name = "crawl"

    def __init__(self, work: Path, job: CrawlJob, **more: Any) -> None:
        super().__init__(**more)
        self._work, self._job = work, job
        self.error: Exception | None = None

    async def start(self) -> AsyncIterator[Any]:
        """Crawl; the engine stays open as long as this runs, and is given no request of its own."""
        try:
            with Frontier(self._work) as frontier:
                frontier.go_on()
                visits = Visits(self._job, frontier, Fetcher(self.crawler, self._job))
                teller = asyncio.ensure_future(_tell(self._work, visits))
                try:
                    await visits.run()
                finally:
                    teller.cancel()
                frontier.write_note(FINISHED, "yes")
        except Exception as exc:  # noqa: BLE001  # Scrapy would log it and go on: it is raised when the engine is down
            self.error = exc
        no_requests: tuple[Any, ...] = ()
        for request in no_requests:
            yield request


async def _tell(work: Path, visits: Visits) -> None:
    """Leave how far it is, for whoever watches."""
    while True:
        done, total = visits.progress
        with suppress(OSError):
            (work / f".{PROGRESS_FILE}").write_text(json.dumps({"done": done, "total": total, "note": "pages"}))
            (work / f".{PROGRESS_FILE}").replace(work / PROGRESS_FILE)
        await asyncio.sleep(TELL_SECONDS)


def crawl(work: Path) -> None:
    """Crawl as the job in this folder says. Raises what went wrong."""
    job = read_job(work)
    logging.disable(logging.CRITICAL)  # Scrapy's own lines name addresses
    process = AsyncCrawlerProcess(scrapy_settings(job))
    crawler = process.create_crawler(CrawlSpider)
    process.crawl(crawler, work=work, job=job)
    process.start()
    if crawler.spider is None:
        raise RuntimeError("no spider")
    if (error := getattr(crawler.spider, "error", None)) is not None:
        raise error


def main() -> None:
    """Crawl in the folder given on the command line."""
    work = Path(sys.argv[1])
    try:
        crawl(work)
    except NightshiftError as exc:
        leave_with(work, exc)
    except OSError as exc:
        leave_with(work, translate_os_error(exc, work))
    except Exception as exc:
        keep_error(work, UpstreamError(f"ingest: the crawl ended with {type(exc).__name__}. Run again: it goes on."))
        raise
    sys.stdout.flush()
    os._exit(0)  # all is written: taking Twisted and Scrapy down takes a second


if __name__ == "__main__":
    main()
