"""What a crawl and its process say to each other: files in the work folder, never memory.

job.json         what to crawl, and how, from the source
frontier.sqlite  the addresses (frontier.py), and fetched.warc.gz the bodies
progress.json    how far it is (plan.py)
error.json       kind and message of an error of ours
crawl.log        what the process printed
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline_lib.store.artifact import digest_of
from pipeline_lib.store.files import read_json, write_json

FINISHED = "finished"  # the note of a frontier that is done
JOB_FILE, LOG_FILE = "job.json", "crawl.log"


@dataclass(frozen=True)
class CrawlJob:
    """What to crawl, and how."""

    source: str
    seeds: Sequence[str]  # canonical
    allow: Sequence[str]
    deny: Sequence[str]
    allow_private: Sequence[str]
    contact: str
    max_pages: int
    max_depth: int
    max_bytes: int
    max_minutes: float
    max_page_bytes: int
    seconds_between_requests: float
    timeout_seconds: float

    @property
    def digest(self) -> str:
        """Of all that says which addresses there are: a crawl that was killed goes on for the same ones only."""
        asked = asdict(self)
        paced = ("max_pages", "max_bytes", "max_minutes", "seconds_between_requests", "timeout_seconds")
        return digest_of(
            {name: list(v) if isinstance(v, tuple) else v for name, v in asked.items() if name not in paced}
        )


def write_job(work: Path, job: CrawlJob) -> None:
    """Leave the order for the process."""
    write_json(work / JOB_FILE, asdict(job))


def read_job(work: Path) -> CrawlJob:
    """The order that `write_job` left."""
    return CrawlJob(**read_json(work / JOB_FILE))
