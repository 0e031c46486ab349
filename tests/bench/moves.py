"""A rollback from the shell, from the start of Python to its end: without a Prefect server, and beside one that hangs.

The registry is a workspace's own, with two versions of the size of the demo's package, which each rollback verifies.
What hangs is a socket that takes connections and never answers, as a stopped server does. Medians of five.
"""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

from flows.standing import Standing, forget, remember
from pipeline_lib.register.promotion import promote
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.workspace import Workspace
from tests.bench.figures import Figure
from tests.bench.workbench import Workbench
from tests.registered import shelve

FIGURES = (
    Figure("rollback_seconds", "s", "lower", "`nightshift rollback`, no Prefect server", 5),
    Figure("rollback_hanging_server_seconds", "s", "lower", "the same while Prefect's server hangs", 5),
)
PACKAGE_BYTES = 14_000_000  # of the demo
REPEATS = 5


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    workspace = bench.root / "moves"
    _promote_two(workspace)
    bench.say("rollbacks")
    yield "rollback_seconds", _rollback(bench, workspace)
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        me, url = psutil.Process(), f"http://127.0.0.1:{hanging.getsockname()[1]}"
        remember(Workspace(workspace), Standing(me.pid, me.create_time(), url, url, url))
        yield "rollback_hanging_server_seconds", _rollback(bench, workspace)
        forget(Workspace(workspace))


def _promote_two(workspace: Path) -> None:
    registry = registry_of(AllSettings().of(RegisterSettings), workspace)
    for number in (1, 2):
        version = shelve(registry, str(number), num_bytes=PACKAGE_BYTES)
        promote(registry, version, expected_champion="anybody", reason="", now=datetime.now(UTC))


def _rollback(bench: Workbench, workspace: Path) -> float:
    return median(bench.nightshift("rollback", workspace=workspace) for _ in range(REPEATS))
