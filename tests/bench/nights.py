"""The demo's nights from the shell: the first one, the plan, nothing new, nothing new with servers running.

The first night starts from an empty workspace and compiles its kernels anew, as after an installation without make.
Each of the others is the median of three, after the first night, and trains nothing (`train.budget_minutes = 0`): what
the first night's budget has left unread would be read on. The peer of a night with nothing new is Prefect itself: as
many empty tasks (plain_prefect.py), by turns with ours, with a server of its own and against the running one.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from flows.access import auth_string
from flows.standing import Standing, standing
from pipeline_lib.store.workspace import RunRecord, Workspace
from tests.bench.figures import ROOT, Figure
from tests.bench.workbench import NIGHTSHIFT, BenchFailed, Workbench

FIGURES = (
    Figure("demo_first_night_seconds", "s", "lower", "first night of the demo, from an empty workspace", 300),
    Figure("orchestration_overhead_seconds", "s", "lower", "of that night, outside its stages"),
    Figure("plan_seconds", "s", "lower", "`nightshift plan`, nothing new", 2),
    Figure("demo_second_night_seconds", "s", "lower", "a night with nothing new, its own Prefect server", 10),
    Figure("second_night_vs_plain_prefect", "ratio", "lower", "that over as many empty tasks of Prefect alone"),
    Figure("second_night_running_server_seconds", "s", "lower", "the same while `nightshift up` runs", 4),
    Figure("second_night_running_server_vs_plain_prefect", "ratio", "lower", "that over Prefect alone, same server"),
)
NO_TRAINING = ("--train.budget_minutes", "0")
REPEATS = 3
UP_SECONDS = 180


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    workspace = bench.root / "nights"
    fresh = {"NUMBA_CACHE_DIR": str(bench.root / "kernels")}

    def command(name: str) -> Callable[[], float]:
        return lambda: bench.nightshift(name, *NO_TRAINING, workspace=workspace, extra=fresh)

    bench.say("the demo's first night (some minutes)")
    wall = bench.nightshift("run", workspace=workspace, extra=fresh)
    yield "demo_first_night_seconds", wall
    yield "orchestration_overhead_seconds", wall - sum(stage_seconds(last_run(workspace)).values())
    yield "plan_seconds", median(command("plan")() for _ in range(REPEATS))
    bench.say("nights with nothing new")
    own, plain = _by_turns(command("run"), lambda: _plain(bench, {"PREFECT_HOME": str(bench.root / "plain")}))
    bench.say(f"{own:.2f} s, Prefect alone {plain:.2f} s")
    yield "demo_second_night_seconds", own
    yield "second_night_vs_plain_prefect", own / plain
    bench.say("nights with nothing new, beside nightshift up")
    with servers_up(bench, workspace) as found:
        client = {"PREFECT_API_URL": f"{found.prefect_url}/api", "PREFECT_API_AUTH_STRING": auth_string(workspace)}
        own, plain = _by_turns(command("run"), lambda: _plain(bench, client))
    bench.say(f"{own:.2f} s, Prefect alone {plain:.2f} s")
    yield "second_night_running_server_seconds", own
    yield "second_night_running_server_vs_plain_prefect", own / plain


def _by_turns(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    """Medians of both."""
    pairs = [(ours(), theirs()) for _ in range(REPEATS)]
    return median(own for own, _ in pairs), median(other for _, other in pairs)


def _plain(bench: Workbench, extra: dict[str, str]) -> float:
    return bench.command([sys.executable, "-m", "tests.bench.plain_prefect"], extra)


def last_run(workspace: Path) -> RunRecord:
    """The record of the newest run. Raises `BenchFailed` when it did not end well."""
    run = Workspace(workspace).runs()[-1]
    if run.state != "completed":
        raise BenchFailed(f"{workspace}: the newest run is {run.state}: {run.message}")
    return run


def stage_seconds(run: RunRecord) -> dict[str, float]:
    """Wall time that the run spent inside stages: reading, working and sealing, the start of their processes too."""
    return dict(run.stage_seconds or {})


@contextmanager
def servers_up(bench: Workbench, workspace: Path) -> Iterator[Standing]:
    """`nightshift up` for the time of the block."""
    argv = [NIGHTSHIFT, "up", "--workspace", str(workspace), "--no-mlflow-login"]
    up = subprocess.Popen(argv, cwd=ROOT, env=bench.environment, stdout=subprocess.DEVNULL)
    try:
        _wait_until(up, workspace / "state" / "up.json")
        found = standing(Workspace(workspace))
        if found is None:
            raise BenchFailed("nightshift up does not answer")
        yield found
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(timeout=UP_SECONDS)


def _wait_until(up: "subprocess.Popen[bytes]", is_up: Path) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while not is_up.is_file():
        if up.poll() is not None or time.monotonic() > deadline:
            raise BenchFailed("nightshift up did not come up")
        time.sleep(0.2)
