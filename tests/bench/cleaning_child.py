"""`python -m tests.bench.cleaning_child CONFIG WARM FULL ...`: clean in workspaces of ingested documents.

Its works are made in this process, as a worker of a night makes them. The warm workspace goes first and does not count:
imports, compiled kernels, models. Prints {"seconds": [CPU seconds of each FULL], "makers": those of the last by maker,
"documents", "kept"}.
"""

import json
import os
import resource
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pipeline_lib.base.imports import arrow_without_pandas
from pipeline_lib.plan.data import plan_sealed_data
from pipeline_lib.run.execute import execute
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace
from tests.bench.one_core import stay_on_one_core


def main() -> None:
    """Print the result as the last line."""
    stay_on_one_core()
    arrow_without_pandas()
    settings = resolve(Path(sys.argv[1]), os.environ, ()).settings
    results = [cleaned(settings, Path(root)) for root in sys.argv[2:]]
    print(json.dumps({**results[-1], "seconds": [result["seconds"] for result in results[1:]]}))


def cleaned(settings: Settings, root: Path) -> dict[str, Any]:
    """Clean a workspace; what it took."""
    workspace = Workspace(root)
    seconds: Counter[str] = Counter()
    rows_in = rows_out = 0
    for step in plan_sealed_data(settings, workspace).steps("clean"):
        for work in step.missing(workspace.store):
            started = cpu_seconds()
            execute(work, workspace.root)
            seconds[work.maker.name] += cpu_seconds() - started
        manifest = workspace.store.read(step.whole.ref.stage, step.whole.ref.fingerprint)
        rows_in, rows_out = rows_in + manifest.rows_in, rows_out + manifest.rows_out
    return {"seconds": seconds.total(), "makers": dict(seconds), "documents": rows_in, "kept": rows_out}


def cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
