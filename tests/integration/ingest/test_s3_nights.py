"""Nights of a bucket by the command line: what a kill costs, and what stays in the workspace."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from tests.s3_store import BUCKET, USER, S3Store
from tests.tiny_night import arguments, english, environment, nightshift

NUM_OBJECTS = 24
SETTLED_SECONDS = 2.5  # younger objects are fetched again


def test_a_night_that_is_killed_fetches_the_rest_and_the_next_one_nothing(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    with S3Store() as store:
        for number in range(NUM_OBJECTS):
            store.put(f"docs/{number}.txt", english(number))
        time.sleep(SETTLED_SECONDS)
        source = {"kind": "s3", "name": "docs", "url": f"s3://{BUCKET}/docs", "endpoint": store.url}
        source |= {"region": "us-east-1", "max_connections": 1}
        words = ["ingest", *arguments(workspace, tmp_path, ingest__sources=json.dumps([source]))]
        store.pause_seconds = 0.05
        command = [sys.executable, "-c", "from flows.cli import main; main()", *words]
        night = subprocess.Popen(
            command,
            env=environment(**USER),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait(lambda: len(store.fetched()) >= 6)
        os.killpg(night.pid, signal.SIGKILL)
        night.wait()
        _wait(lambda: len(_left(workspace)) >= 4)
        num_kept = len(_left(workspace))
        store.log.clear()
        store.pause_seconds = 0
        done = nightshift(*words, **USER)
        assert done.status == 0, done.err
        assert len(store.fetched()) == NUM_OBJECTS - num_kept
        assert not (workspace / "work" / "landings" / "docs").exists()
        store.log.clear()
        assert nightshift(*words, **USER).status == 0
        assert store.fetched() == []
    documents = [path for path in (workspace / "artifacts").rglob("documents.parquet") if "ingest" in path.parts]
    assert sum(pq.read_metadata(path).num_rows for path in documents) == NUM_OBJECTS


def _left(workspace: Path) -> list[Path]:
    """What a killed night left fetched."""
    return list((workspace / "work" / "landings" / "docs").glob("*.object"))


def _wait(is_so: Callable[[], bool], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)
