"""Nights of a source that crawls a site of the tests' own."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline_lib.ingest.crawl.frontier import Frontier
from pipeline_lib.ingest.crawl.warc import Page, members
from pipeline_lib.ingest.places import keep_places, kept_beside, places_path
from pipeline_lib.ingest.sources.crawl import CrawlSource
from pipeline_lib.store.artifact import Outcome
from tests.source_nights import House
from tests.web_site import Site


@dataclass(frozen=True)
class Told:
    """A site of another process, of which the address is told."""

    address: str

    def url(self, path: str = "/") -> str:
        """The address of a page."""
        return f"http://{self.address}{path}"


@dataclass
class Crawls:
    """A workspace that crawls a site, night by night, without politeness unless a test asks for it."""

    house: House
    site: Site | Told
    ends: dict[str, str] = field(default_factory=dict)  # by path, how each address of the last crawl ended

    def source(self, **fields: Any) -> CrawlSource:
        """The source of these fields."""
        given = {
            "name": "docs", "seeds": (self.site.url(),), "contact": "bot@example.org",
            "allow_private": (self.site.address,), "seconds_between_requests": 0.0, "timeout_seconds": 5.0,
            "max_minutes": 0.5,
        }  # fmt: skip
        return CrawlSource(**{**given, **fields})

    def land(self, **fields: Any) -> Outcome:
        """Crawl as one night does, and keep what landed as it does."""
        self.house.other = self.source(**fields)
        outcome = self.house.land()
        with Frontier(self.work) as frontier:
            self.ends = {row["url"].removeprefix(self.site.url("")): row["outcome"] for row in frontier.rows()}
        places = places_path(self.house.root, "docs")
        keep_places(self.landing, places)
        shutil.rmtree(kept_beside(places))
        return outcome

    @property
    def landing(self) -> Path:
        """The folder of the newest landing."""
        assert self.house.landing is not None
        return self.house.loose.folders[self.house.landing]

    @property
    def work(self) -> Path:
        """Where a crawl that is killed leaves what it has."""
        return kept_beside(places_path(self.house.root, "docs"))

    def rows(self) -> dict[str, dict[str, Any]]:
        """What landed, by path."""
        found = [row for piece in sorted(self.landing.glob("*.parquet")) for row in pq.read_table(piece).to_pylist()]
        return {row["url"].removeprefix(self.site.url("")): row for row in found}

    def pages(self) -> list[Page]:
        """What landed, as it was answered."""
        found = list[Page]()
        for warc in sorted(self.landing.glob("*.warc.gz")):
            with warc.open("rb") as raw:
                found += [page for _, page in members(raw)]
        return found

    def pieces(self) -> dict[str, bytes]:
        """The files of the newest landing."""
        return {path.name: path.read_bytes() for path in sorted(self.landing.iterdir()) if path.name != "landing.json"}
