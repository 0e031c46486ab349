"""The crawler against a web site of our own: how fast it can be, and whether it is polite when it has to be.

`crawler_pages_s`: 2,000 pages of 4 kB with 20 links each, on four hosts of this machine, politeness off: pages over the
seconds between the first and the last request of the server's log, so without the start of the process. The server is a
thread of the bench and has the other core; on a busy machine only
the second of them tells. `crawler_requests_as_told`: of the requests in the log of a site with rules,
at .2 s between them, those that are nothing to complain of: not less than that behind the answer before, not two at a
time, no path that robots.txt keeps, no address twice, no second connection.
"""

import itertools
import random
import resource
from collections.abc import Iterator
from contextlib import ExitStack

from tests.bench.figures import Figure
from tests.bench.workbench import Workbench
from tests.crawls import Crawls
from tests.source_nights import House
from tests.web_site import Reply, Site, moved

FIGURES = (
    Figure("crawler_pages_s", "pages/s", "higher", "a crawl of a local site on four hosts, politeness off"),
    Figure(
        "crawler_pages_s_core", "pages/s/core", "higher", "the same over CPU seconds of the crawl, its start included"
    ),
    Figure("crawler_requests_as_told", "share", "higher", "of a polite crawl, by the log of the site", 1.0),
)
NUM_HOSTS, NUM_PAGES, NUM_LINKS, PAGE_BYTES = 4, 500, 20, 4_000
SECONDS, LITTLE_SECONDS = 0.2, 0.01  # between requests, and what a clock may err


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    num_pages, seconds, cpu_seconds = _pages_s(bench)
    yield "crawler_pages_s", num_pages / seconds
    yield "crawler_pages_s_core", num_pages / cpu_seconds
    yield "crawler_requests_as_told", _as_told(bench)


def _pages_s(bench: Workbench) -> tuple[int, float, float]:
    """Pages, and the seconds and CPU seconds that they took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with ExitStack() as stack:
        sites = [stack.enter_context(Site(f"127.0.2.{number}")) for number in range(1, NUM_HOSTS + 1)]
        for site in sites:
            _fill(site)
        crawls = Crawls(House(bench.root / "crawl"), sites[0])
        hosts = tuple(site.address for site in sites)
        crawls.land(seeds=tuple(site.url() for site in sites), allow_private=hosts, max_minutes=10.0)
        asked = sorted(one for site in sites for one in ((line.at, line.until) for line in site.log))
    num_pages = len(crawls.rows())
    assert num_pages == NUM_HOSTS * NUM_PAGES, num_pages
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return num_pages, max(until for _, until in asked) - asked[0][0], cpu_seconds


def _fill(site: Site) -> None:
    dealt = random.Random(1)
    words = ["crawl", "page", "night", "model", "text", "language"]
    for number in range(NUM_PAGES):
        links = [f"/{dealt.randrange(NUM_PAGES)}" for _ in range(NUM_LINKS - 1)]
        text = f"{number} " + " ".join(dealt.choice(words) for _ in range(PAGE_BYTES // 6))
        site.page("/" if number == 0 else f"/{number}", f"/{(number + 1) % NUM_PAGES}", *links, text=text)
    site.pages["/0"] = moved("/")


def _as_told(bench: Workbench) -> float:
    with Site() as site:
        site.pages["/robots.txt"] = Reply(f"User-agent: *\nDisallow: /secret\nCrawl-delay: {SECONDS}")
        site.page("/", *(f"/{number}" for number in range(30)), "/secret/1", "/moved", "/loop")
        for number in range(30):
            site.page(f"/{number}", f"/{number}?again", f"/secret/{number}", "/", text=str(number))
        site.pages |= {"/moved": moved("/secret/2"), "/loop": moved("/loop")}
        Crawls(House(bench.root / "polite"), site).land(seconds_between_requests=SECONDS, max_minutes=5.0)
        asked = sorted(site.log, key=lambda line: line.at)
    num_early = sum(b.at - a.until < SECONDS - LITTLE_SECONDS for a, b in itertools.pairwise(asked))
    num_kept = sum(line.path.startswith("/secret") for line in asked)
    num_twice = sum(site.counts().values()) - len(site.counts())
    num_connections = len({line.connection for line in asked})
    return 1.0 - (num_early + num_kept + num_twice + num_connections - 1) / len(asked)
