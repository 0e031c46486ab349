"""`nightshift up`: Prefect, MLflow, a worker and the deployments on this machine, until Ctrl-C."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

from flows.console import ConsoleReporter
from flows.servers import (
    Server,
    Standing,
    forget,
    free_port,
    prefect_environment,
    remember,
    standing,
    start_mlflow,
    start_prefect,
    start_worker,
)
from pipeline_lib.errors import UpstreamError, WorkspaceBusy
from pipeline_lib.settings import Settings
from pipeline_lib.state import Workspace
from pipeline_lib.tracking import place_of

CHECK_SECONDS = 0.5


def stay_up(settings: Settings, *, prefect_port: int, mlflow_port: int) -> None:
    """Start everything, say where it is, and stop it cleanly on Ctrl-C or SIGTERM."""
    workspace = Workspace(settings.workspace.resolve())
    reporter = ConsoleReporter()
    found = standing(workspace)
    if found is not None:
        raise WorkspaceBusy(
            f"{workspace.root}: nightshift up is running already (process {found.process_id}).\n"
            f"  Prefect  {found.prefect_url}\n  MLflow   {found.mlflow_url}"
        )
    with _stoppable() as stop_is_asked, _servers(settings, workspace, prefect_port, mlflow_port, reporter) as servers:
        reporter.say("")
        reporter.console.print(f"Prefect  {servers[0].url}\nMLflow   {servers[1].url}", style="bold")
        reporter.say("The nightly schedule is kept while this runs. Ctrl-C stops everything.")
        while not stop_is_asked():
            _check(servers)
            time.sleep(CHECK_SECONDS)
        reporter.say("stopping ...")
    reporter.say("stopped")


@contextmanager
def _servers(
    settings: Settings, workspace: Workspace, prefect_port: int, mlflow_port: int, reporter: ConsoleReporter
) -> Iterator[list[Server]]:
    place = place_of(settings.register.tracking_uri, workspace.root)
    servers: list[Server] = []
    try:
        reporter.say("starting Prefect and MLflow ...")
        servers.append(start_prefect(workspace, port=free_port(prefect_port), with_services=True))
        servers.append(start_mlflow(workspace, place.uri, port=free_port(mlflow_port)))
        os.environ.update(prefect_environment(workspace))
        os.environ["PREFECT_API_URL"] = f"{servers[0].url}/api"
        servers[0].wait("/api/health")
        servers[1].wait("/health")
        _tell_prefect(settings, workspace, reporter)
        servers.append(start_worker(workspace, servers[0].url))
        remember(workspace, Standing(os.getpid(), psutil.Process().create_time(), servers[0].url, servers[1].url))
        yield servers
    finally:
        forget(workspace)
        for server in reversed(servers):
            server.stop()


def _tell_prefect(settings: Settings, workspace: Workspace, reporter: ConsoleReporter) -> None:
    """The deployments, and which runs were killed while no server was there."""
    from flows.deploy import deploy_all
    from tasks.night import reap_killed_runs
    from tasks.stages import PrefectRuntime

    deploy_all(settings)
    reap_killed_runs(workspace, PrefectRuntime(), reporter)


def _check(servers: list[Server]) -> None:
    for server in servers:
        if server.process.poll() is not None:
            raise UpstreamError(f"the {server.name} process ended by itself; its last words are in {server.log_path}.")


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question that the loop asks."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
