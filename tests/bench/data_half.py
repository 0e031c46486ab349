"""`python -m tests.bench.data_half [CONFIG] [--SETTING VALUE ...]`: a night's data half, and what it costs.

Sources, plan, worker processes and tasks are those of `nightshift run`; without Prefect, whose seconds are the same
whatever a night has to do, and without a model. Prints {"cpu_seconds": of this process and of all its workers, from the
start of Python to the end of the last worker, "stages": wall time by stage, "documents": how many a training may read}.
"""

import json
import os
import sys
from pathlib import Path

from flows.cli.options import without_settings
from flows.halves import refresh_data
from pipeline_lib.base.imports import arrow_without_pandas
from pipeline_lib.plan.data import plan_data, plan_sealed_data
from pipeline_lib.plan.warm import warm
from pipeline_lib.run.engine import Engine
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace
from tasks.night import Given, LogReporter, open_night, with_given
from tasks.runtime import PlainRuntime


def main() -> None:
    """Print the result as the last line."""
    config, pairs = without_settings(sys.argv[1:])
    settings = resolve(Path(config[0]) if config else None, os.environ, pairs).settings
    stages = _night(settings)
    workspace = Workspace(settings.workspace.resolve())
    snapshot = workspace.store.read("tokenize", plan_sealed_data(settings, workspace).snapshot.whole.ref.fingerprint)
    times = os.times()  # the workers are counted since they have ended
    cpu = times.user + times.system + times.children_user + times.children_system
    print(json.dumps({"cpu_seconds": cpu, "stages": stages, "documents": snapshot.facts["num_documents"]}))


def _night(settings: Settings) -> dict[str, float]:
    """Do the data half as a night does, whose workers load what they need while it starts; seconds by stage."""
    workspace = Workspace(settings.workspace.resolve())
    arrow_without_pandas()
    with workspace.lock(), Engine(settings.resources.workers) as engine:
        plan = plan_data(settings, workspace)
        warm(engine, plan, settings)
        with (
            with_given(Given(LogReporter(), engine, plan)),
            open_night(settings, "refresh", PlainRuntime()) as night,
        ):
            refresh_data(night)
            return dict(night.stage_seconds)


if __name__ == "__main__":
    main()
