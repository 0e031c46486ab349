"""`python -m tests.bench.large_files_child ...`: see large_files.py.

clean CONFIG [--SETTING VALUE ...]
ingest CONFIG ...
scan FOLDER
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from flows.cli.options import without_settings
from flows.halves import ingest
from pipeline_lib.base.imports import arrow_without_pandas
from pipeline_lib.plan.batches import keep_plans
from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.warm import warm
from pipeline_lib.run.engine import Engine
from pipeline_lib.run.execute import execute
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace
from tasks.night import Given, LogReporter, open_night, with_given
from tasks.runtime import PlainRuntime
from tasks.steps import do_stage
from tests.bench.one_core import stay_on_one_core
from tests.source_nights import House

NUM_FILES, NUM_FOLDERS = 100_000, 100
LOOKS = 3
WAIT_SECONDS = 2.5  # until files are no longer so young that they are read again


def main() -> None:
    """Print one JSON value as the last line."""
    what, *words = sys.argv[1:]
    arrow_without_pandas()
    print(json.dumps({"clean": _clean, "ingest": _ingest, "scan": _scan}[what](words)))


def _settings(words: list[str]) -> Settings:
    config, pairs = without_settings(words)
    return resolve(Path(config[0]), os.environ, pairs).settings


def _clean(words: list[str]) -> dict[str, Any]:
    """Wall seconds of ingest and clean, by workers that have loaded all before."""
    settings = _settings(words)
    with Workspace(settings.workspace.resolve()).lock(), Engine(settings.resources.workers) as engine:
        plan = plan_data(settings, Workspace(settings.workspace.resolve()))
        warm(engine, plan, settings)
        with with_given(Given(LogReporter(), engine, plan)), open_night(settings, "refresh", PlainRuntime()) as night:
            ingest(plan, night)
            do_stage("clean", plan, night)
            return {"stages": dict(night.stage_seconds)}


def _ingest(words: list[str]) -> dict[str, Any]:
    """CPU seconds of a look at a source and of ingest, in this process on one core: of the last of several configs.

    Those before it load what the last one needs.
    """
    stay_on_one_core()
    return {"seconds": [_ingested(_settings([config])) for config in words][-1]}


def _ingested(settings: Settings) -> float:
    started = time.process_time()
    workspace = Workspace(settings.workspace.resolve())
    plan = plan_data(settings, workspace)
    keep_plans(plan.found.opened, workspace.root)
    for step in plan.steps("ingest"):
        for work in step.missing(workspace.store):
            execute(work, workspace.root)
    return time.process_time() - started


def _scan(words: list[str]) -> dict[str, Any]:
    """Wall seconds of a look at many files, the fastest of a few."""
    house = House(Path(words[0]))
    for number in range(NUM_FILES):
        house.write(f"{number % NUM_FOLDERS:02d}/{number:05d}.txt", f"file {number}")
    time.sleep(WAIT_SECONDS)
    house.night()
    seconds = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        if house.look().plan is not None:
            raise AssertionError("nothing has changed")
        seconds.append(time.perf_counter() - started)
    return {"seconds": min(seconds)}


if __name__ == "__main__":
    main()
