"""A workspace that another process holds, as a night does; and the record of a run whose process has ended."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pipeline_lib.store.workspace import RunRecord, Workspace, new_run

# Another process that holds the lock, with a record of its own when argv[2] names a stage.
HOLDER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from pipeline_lib.store.workspace import Workspace, new_run

workspace = Workspace(Path(sys.argv[1]))
with workspace.lock():
    if sys.argv[2]:
        workspace.save_run(replace(new_run("other", sys.argv[3], "demo"), stage=sys.argv[2]))
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(workspace: Workspace, stage: str = "", *, flow: str = "nightly") -> Iterator["subprocess.Popen[str]"]:
    """The process, once it holds the lock; it is killed with the block. With a `stage` it has a record of a run."""
    command = [sys.executable, "-c", HOLDER, str(workspace.root), stage, flow]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def gone_run(run_id: str = "r1") -> RunRecord:
    """A run of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return replace(new_run(run_id, "nightly", "demo"), process_id=process.pid)
