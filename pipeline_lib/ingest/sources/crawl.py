"""`crawl`: the pages of web sites, asked for politely and again when they changed (docs/crawl.md).

Pages land first (landing.py), as rows and as WARC, and what landed is read. The crawl runs in a process of its own with
a frontier that survives a kill; the next one asks for what it knows with the ETag or the date that it had, and for what
is new. A page that is gone is withdrawn, one that fails keeps the version that there is.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.base.secrets import has_secret
from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.crawl.addresses import split_port
from pipeline_lib.ingest.crawl.scope import split_pattern
from pipeline_lib.ingest.crawl.urls import canonical, origin_of
from pipeline_lib.ingest.records import MIB, FileSource, Slug, SourceSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.forgotten import Refused

if TYPE_CHECKING:
    from pipeline_lib.ingest.crawl.job import CrawlJob


class CrawlSource(SourceSettings):
    """The pages of web sites: a document a page."""

    kind: Literal["crawl"] = "crawl"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    seeds: tuple[str, ...] = Field(
        min_length=1,
        description="Addresses (http, https) where it begins.",
        json_schema_extra=operational(),
    )
    contact: str = Field(
        min_length=3,
        max_length=200,
        pattern=r"^[!-~]+([ ][!-~]+)*$",
        description="A page or a mail address, sent with each request, where owners of sites reach you.",
        json_schema_extra=operational(),
    )
    allow: tuple[str, ...] = Field(
        default=(),
        description='What is taken: "example.org", "*.example.org", "example.org/docs/", with * and $ as in '
        "robots.txt; none: the hosts of the seeds.",
        json_schema_extra=operational(),
    )
    deny: tuple[str, ...] = Field(
        default=(),
        description='What of that is left out, in the same form, or a path on any host: "/tag/".',
        json_schema_extra=operational(),
    )
    max_pages: int = Field(
        default=10_000,
        ge=1,
        description="At most so many pages are asked for in a night; what waits is asked for in the next.",
        json_schema_extra=operational(unit="pages"),
    )
    max_depth: int = Field(
        default=10,
        ge=0,
        description="At most so many links away from a seed; 0: the seeds alone.",
        json_schema_extra=operational(unit="links"),
    )
    max_bytes: int = Field(
        default=1024 * MIB,
        ge=1,
        description="At most so much is received in a night.",
        json_schema_extra=operational(unit="bytes"),
    )
    max_minutes: float = Field(
        default=60.0,
        gt=0,
        description="At most so long a night; less than resources.stage_deadline_minutes.",
        json_schema_extra=operational(unit="minutes"),
    )
    max_page_bytes: int = Field(
        default=4 * MIB,
        ge=1024,
        le=256 * MIB,
        description="A page that is larger, packed or unpacked, is not taken.",
        json_schema_extra=operational(unit="bytes"),
    )
    seconds_between_requests: float = Field(
        default=1.0,
        ge=0,
        description="Between an answer of a host and the next request to it, one at a time; longer where its "
        "robots.txt says so. Less than a second is for hosts of your own.",
        json_schema_extra=operational(unit="seconds"),
    )
    timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        le=600,
        description="An answer that takes longer, its body included, is given up.",
        json_schema_extra=operational(unit="seconds"),
    )
    allow_private: tuple[str, ...] = Field(
        default=(),
        description='Hosts that may have a private address: "localhost:8000", "wiki.intern".',
        json_schema_extra=operational(),
    )

    @field_validator("seeds")
    @classmethod
    def _are_addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for number, seed in enumerate(given, start=1):
            if has_secret(seed):
                raise ValueError(f"seed {number} carries a user, a password or another secret. Take it out")
            if canonical(seed) is None:
                raise ValueError(f"seed {number} is no address of a page. Write https://host/path")
        return given

    @field_validator("allow", "deny")
    @classmethod
    def _are_patterns(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for number, pattern in enumerate(given, start=1):
            try:
                split_pattern(pattern)
            except ValueError:
                raise ValueError(f"pattern {number} names no host. Write host, host/path, or (in deny) /path") from None
        return given

    @field_validator("allow_private")
    @classmethod
    def _are_hosts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for number, named in enumerate(given, start=1):
            try:
                split_port(named)
            except ValueError:
                raise ValueError(f"entry {number} is no host. Write host or host:port") from None
        return given

    @model_validator(mode="after")
    def _allows_a_host(self) -> Self:
        if any(pattern.startswith("/") for pattern in self.allow):
            raise ValueError("allow names hosts: a path alone would take the whole web. Write host/path")
        return self

    def land(self, before: Path | None, places: Path, folder: Path, max_gone_share: float, refused: Refused) -> Outcome:
        """Crawl, and write the pages that are new or changed since the landing before."""
        from pipeline_lib.ingest.crawl.frontier import Frontier
        from pipeline_lib.ingest.crawl.landing import NobodyAnswered, check_answered, read_known, write_landing
        from pipeline_lib.ingest.crawl.run import check_installed, run_crawl
        from pipeline_lib.ingest.landing import Landing
        from pipeline_lib.ingest.places import kept_beside

        check_installed(self.name)
        work, job = kept_beside(places), self._job()
        run_crawl(job, work, read_known(before, job.digest), "" if before is None else before.name)
        opened = Landing(self.name, job.digest, folder, before, places, refused)
        try:
            with Frontier(work) as frontier:
                check_answered(frontier, self.name)
                with opened as landing:
                    return write_landing(landing, frontier, folder, before, max_gone_share, refused)
        except (GuardStop, NobodyAnswered):  # the next night asks the hosts, and not this frontier
            shutil.rmtree(work, ignore_errors=True)
            raise

    def landed(self, landing: Path) -> FileSource:
        """The pieces of a landing."""
        from pipeline_lib.ingest.crawl.landed import LandedPages

        return LandedPages(landing)

    def _starts(self) -> list[str]:
        return [url for url in map(canonical, self.seeds) if url is not None]

    def _job(self) -> "CrawlJob":
        from pipeline_lib.ingest.crawl.job import CrawlJob

        own = tuple(dict.fromkeys(origin_of(url).partition("://")[2] for url in self._starts()))
        return CrawlJob(
            source=self.name,
            seeds=self._starts(),
            allow=self.allow or own,
            deny=self.deny,
            allow_private=self.allow_private,
            contact=self.contact,
            max_pages=self.max_pages,
            max_depth=self.max_depth,
            max_bytes=self.max_bytes,
            max_minutes=self.max_minutes,
            max_page_bytes=self.max_page_bytes,
            seconds_between_requests=self.seconds_between_requests,
            timeout_seconds=self.timeout_seconds,
        )
