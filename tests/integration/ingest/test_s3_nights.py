"""Nights of a bucket by the command line: what a kill costs, and what stays in the workspace."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline_lib.forget.find import seek
from pipeline_lib.past.names import documents
from pipeline_lib.store.workspace import Workspace
from tasks.forget import forget
from tests.found_in import places_of
from tests.s3_store import BUCKET, USER, S3Store
from tests.tiny_night import (
    KEY,
    arguments,
    english,
    environment,
    night_here,
    nightshift,
    refresh,
    tiny_settings,
)

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


def test_a_record_that_was_forgotten_lands_with_its_object_and_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects land whole. What is taken in of them has it never again."""
    for name, value in {**USER, "NIGHTSHIFT_SCRUB_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    rows = {f"r-{number}": english(number) for number in range(10, 34)}
    wanted = {"line": rows["r-21"].splitlines()[0].encode()}
    with S3Store() as store:
        source = {"kind": "s3", "name": "docs", "url": f"s3://{BUCKET}/docs", "endpoint": store.url}
        settings = tiny_settings(
            tmp_path / "workspace", tmp_path, ingest__sources=json.dumps([source | {"region": "us-east-1"}])
        )
        store.put("docs/a.jsonl", _lines(rows))
        refresh(settings)
        with night_here(settings) as here:
            forget(here, seek(here.workspace, "a.jsonl#r-21", None), is_now=True)
        assert places_of(settings.workspace, wanted) == {}
        store.put("docs/a.jsonl", _lines(rows | {"r-40": english(40)}))
        refresh(settings)
    workspace = Workspace(settings.workspace)
    assert list(documents(workspace, "a.jsonl#r-21")) == []
    assert len(list(documents(workspace, "a.jsonl#r-40"))) == 1
    batch = workspace.store.read("ingest", workspace.batches()[-1].fingerprint)
    assert batch.dropped["forgotten"] == 1
    (landed,) = {place.partition(":")[0] for place in places_of(settings.workspace, wanted)["line"]}
    assert workspace.store.read("ingest", landed.split("/")[2]).maker == "ingest.land"


def _lines(rows: Mapping[str, str]) -> str:
    return "".join(f"{json.dumps({'id': name, 'text': text})}\n" for name, text in rows.items())


def _left(workspace: Path) -> list[Path]:
    """What a killed night left fetched."""
    return list((workspace / "work" / "landings" / "docs").glob("*.object"))


def _wait(is_so: Callable[[], bool], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)
