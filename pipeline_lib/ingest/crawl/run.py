"""Starts the crawl's process, follows it, and says how it ended."""

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from pipeline_lib.base.errors import NightshiftError, SettingsError, UpstreamError
from pipeline_lib.base.lifeline import end_orphans, spawn_guarded
from pipeline_lib.ingest.crawl.found import Found
from pipeline_lib.ingest.crawl.frontier import Frontier
from pipeline_lib.ingest.crawl.job import FINISHED, LOG_FILE, CrawlJob, write_job
from pipeline_lib.store.left_error import forget_error, left_error

COMMAND = (sys.executable, "-P", "-m", "pipeline_lib.ingest.crawl.worker")  # and the work folder
POLL_SECONDS = 0.05
SCRAPY = "scrapy>=2.19,<2.20"  # as in pyproject.toml
GRACE_SECONDS = 5.0
OVERTIME_SECONDS = 120.0  # what a crawl may take beyond its minutes, before it is ended
STARTED_FROM, BEGUN = "started_from", "begun"
MOST_AGE_SECONDS = 24 * 3600.0  # of what a killed crawl has: what is older says little of today


def check_installed(source: str) -> None:
    """Raises `SettingsError` where the libraries of the crawler are not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("scrapy", "protego")):
        raise SettingsError(
            f"ingest: source {source!r} crawls, which needs Scrapy, and that is not installed. Install it "
            f"(pip install '{SCRAPY}', which is the extra 'crawl'), or take the source out."
        )


def run_crawl(job: CrawlJob, work: Path, known: Iterable[Found], started_from: str) -> None:
    """Crawl until the frontier in the work folder is finished; one that was killed goes on.

    `known`: what is known of addresses from the landing `started_from`; another landing, other settings, and another
    day begin anew.
    """
    key = f"{job.digest} {started_from}"
    if not _goes_on(work, key):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
    with Frontier(work) as frontier:
        if frontier.note(FINISHED):
            return
        if frontier.note(STARTED_FROM) != key:
            frontier.add([*known, *(Found(url, 0) for url in job.seeds)])
            frontier.write_note(BEGUN, str(time.time()))
            frontier.write_note(STARTED_FROM, key)
    write_job(work, job)
    _run_child(job, work)


def _goes_on(work: Path, key: str) -> bool:
    try:
        with Frontier(work) as frontier:
            begun = float(frontier.note(BEGUN) or "-inf")
            return frontier.note(STARTED_FROM) == key and abs(time.time() - begun) < MOST_AGE_SECONDS
    except Exception:  # noqa: BLE001  # a frontier that cannot be read is none
        return False


def _run_child(job: CrawlJob, work: Path) -> None:
    forget_error(work)
    with (work / LOG_FILE).open("ab") as log:
        command = (*COMMAND, str(work.absolute()))
        child = spawn_guarded(command, stdout=log, stderr=log, grace_seconds=GRACE_SECONDS)
    try:
        status = _follow(child, time.monotonic() + job.max_minutes * 60 + OVERTIME_SECONDS)
    finally:
        _end(child)
    with Frontier(work) as frontier:
        if frontier.note(FINISHED):
            return
    raise _failure(work, job.source, status)


def _follow(child: "subprocess.Popen[bytes]", deadline: float) -> int | None:
    while (status := child.poll()) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return status


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
    if child.wait() < 0:
        end_orphans(child.pid)


def _failure(work: Path, source: str, status: int | None) -> NightshiftError:
    if (left := left_error(work)) is not None:
        return left
    how = "did not end in its time and was stopped" if status is None else f"was ended from outside (status {status})"
    return UpstreamError(
        f"ingest: the crawl of source {source!r} {how}. What it printed is in {work / LOG_FILE}. Run the same command "
        "again: it goes on where it was."
    )
