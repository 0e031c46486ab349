"""`nightshift up`: Prefect, MLflow, a worker and the deployments on this machine, until Ctrl-C.

Everything runs under supervisors (`pipeline_lib.base.lifeline`): also a `kill -9` of this process leaves nothing
behind. The worker ends first, while Prefect can still be told how the night that it ran was stopped; then both servers
at once.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import psutil

from flows.access import directory_of_people, mlflow_login, other_people
from flows.console import ConsoleReporter
from flows.delivery import close_abandoned
from flows.deploy import apply_deployments
from flows.keeper import Keeper
from flows.ports import HOST, Port, bound, hold_port
from flows.resume import Resumer
from flows.servers import (
    WORKER,
    Server,
    experiment_page,
    prefect_environment,
    start_mlflow,
    start_prefect,
    start_worker,
)
from flows.standing import Standing, forget, links, only_up, remember, settle_in
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.model.database import is_usable, ready
from pipeline_lib.model.tracking import pages_of, place_of
from pipeline_lib.plan.data import night_key
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.private import close_to_others
from pipeline_lib.store.workspace import Workspace

CHECK_SECONDS = 0.5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Wanted:
    """How the user would like both UIs: on which ports, for whom."""

    prefect_port: int
    mlflow_port: int
    open_as: str | None = None  # the name by which other machines call this one; None: they cannot
    mlflow_asks: bool | None = None  # for user and password; None: where somebody else could open its pages

    @property
    def name(self) -> str:
        """That of this machine in links."""
        return self.open_as or HOST


class _StopAsked(BaseException):
    """Ctrl-C or SIGTERM."""


def stay_up(settings: Settings, wanted: Wanted) -> None:
    """Start everything, say where it is, and stop it cleanly on Ctrl-C or SIGTERM."""
    _check_asks(wanted)
    workspace = Workspace(settings.workspace.resolve())
    night_key(settings, workspace)  # a missing one is told now, not by the first night
    reporter = ConsoleReporter()
    with only_up(workspace):
        settle_in(workspace, reporter.say)
        if line := close_to_others(workspace.root):
            reporter.say(line)
        with _until_asked():
            started = time.monotonic()
            with _running(settings, workspace, wanted, reporter) as (servers, found):
                _say_where(found, workspace, reporter, seconds=time.monotonic() - started)
                _keep(servers, settings, workspace, reporter)
    reporter.say("stopped; nothing is left running")


def _keep(servers: list[Server], settings: Settings, workspace: Workspace, reporter: ConsoleReporter) -> NoReturn:
    place = place_of(settings.of(RegisterSettings).tracking_uri, workspace.root)
    database = place.database if place.is_local else None
    keeper = Keeper(servers, settings, workspace, reporter.say, database=database)
    api_url = f"{servers[0].url}/api"
    resumer = Resumer(workspace, api_url, say=reporter.say, reap=lambda: _reap(workspace, reporter))
    while True:
        keeper.look()
        resumer.look()
        time.sleep(CHECK_SECONDS)


def _check_asks(wanted: Wanted) -> None:
    if wanted.open_as is not None and wanted.mlflow_asks is False:
        raise SettingsError(
            "up --open lets other machines in, so MLflow must ask who they are. Leave --no-mlflow-login out."
        )


def _say_where(found: Standing, workspace: Workspace, reporter: ConsoleReporter, *, seconds: float) -> None:
    reporter.say(f"ready after {seconds:.0f} s; logs are in {workspace.root / 'logs'}")
    where = "\nPrefect  {}\nMLflow   {}\n".format(*links(found, workspace))
    reporter.console.print(where, style="bold", soft_wrap=True)
    reporter.say("The link to Prefect lets one browser in; nightshift status prints a new one.")
    if found.name != HOST:
        reporter.say("Other machines may come in with these links. Nothing is encrypted on the way.")
    reporter.say("While this runs the nightly schedule is kept, and nightshift run uses these servers.")
    reporter.say("Ctrl-C stops everything.")


@contextmanager
def _running(
    settings: Settings, workspace: Workspace, wanted: Wanted, reporter: ConsoleReporter
) -> Iterator[tuple[list[Server], Standing]]:
    """The servers, and where they are; all of them are ended with the block."""
    servers: list[Server] = []
    try:
        found = _start(settings, workspace, wanted, reporter, servers)
        remember(workspace, found)
        yield servers, found
    finally:
        forget(workspace)
        _stop(servers, workspace, reporter)


def _start(
    settings: Settings, workspace: Workspace, wanted: Wanted, reporter: ConsoleReporter, servers: list[Server]
) -> Standing:
    """Start one after the other, each added to `servers` at once."""
    place = place_of(settings.of(RegisterSettings).tracking_uri, workspace.root)
    is_remote = place.uri.startswith("http")  # somebody else's MLflow, which needs no server of ours
    reporter.say("starting Prefect ..." if is_remote else "starting Prefect and MLflow ...")
    port = _port("Prefect", wanted.prefect_port, wanted, reporter)
    prefect = start_prefect(workspace, reporter.say, port=port, with_services=True, name=wanted.name)
    servers.append(prefect)
    asks = not is_remote and _mlflow_asks(wanted, reporter)
    if not is_remote:
        if place.is_own and not is_usable(place.database):
            ready(place.database)  # its server would make it in its place
        port = _port("MLflow", wanted.mlflow_port, wanted, reporter)
        servers.append(start_mlflow(workspace, place.uri, port=port, asks=asks, name=wanted.name))
    mlflow_url = (pages_of(place) or place.shown) if is_remote else servers[1].url
    os.environ.update(prefect_environment(workspace))
    os.environ["PREFECT_API_URL"] = f"{prefect.url}/api"
    prefect.wait("/api/health")
    reporter.say("Prefect answers; applying the deployments ...")
    apply_deployments(settings, os.environ)
    _reap(workspace, reporter)
    close_abandoned(workspace, f"{prefect.url}/api")
    for server in servers[1:]:
        server.wait("/health")
    reporter.say("starting the worker ...")
    login = mlflow_login(workspace.root) if asks else ""
    page = experiment_page(mlflow_url, settings.of(RegisterSettings).experiment, place.artifact_root, auth=login)
    us = os.getpid(), psutil.Process().create_time()
    found = Standing(*us, prefect.url, mlflow_url, page, wanted.name, asks, str(workspace.root))
    servers.append(start_worker(workspace, prefect.url, found.mlflow_pages))
    return found


def _mlflow_asks(wanted: Wanted, reporter: ConsoleReporter) -> bool:
    """Whether the pages of MLflow ask for a password: not where there is nobody else who could open them."""
    if wanted.mlflow_asks is not None:
        return wanted.mlflow_asks
    if wanted.open_as is not None:
        return True
    if people := other_people():
        reporter.say(f"other people have accounts on this machine ({len(people)}), so MLflow asks for a password")
        return True
    if directory := directory_of_people():
        reporter.say(f"people of a directory ({directory}) may have accounts here, so MLflow asks for a password")
    return bool(directory)


def _port(name: str, number: int, wanted: Wanted, reporter: ConsoleReporter) -> Port:
    port = hold_port(number, bound(wanted.name))
    if number and port.number != number:
        reporter.say(f"port {number} is taken by another program; {name} gets {port.number}")
    return port


def _stop(servers: list[Server], workspace: Workspace, reporter: ConsoleReporter) -> None:
    if servers:
        reporter.say("stopping ...")
    if servers and servers[-1].name == WORKER:
        servers[-1].stop()
        _reap(workspace, reporter)
    for server in servers:
        server.ask_to_end()
    for server in servers:
        server.stop()


def _reap(workspace: Workspace, reporter: ConsoleReporter) -> None:
    """Tell Prefect which runs were killed: here, or while no server was there."""
    from tasks.night import look_back
    from tasks.stages import PrefectRuntime

    look_back(workspace, PrefectRuntime(workspace.root), reporter)


@contextmanager
def _until_asked() -> Iterator[None]:
    """Leave the block, wherever it is, on the first Ctrl-C or SIGTERM; further ones do not disturb the stopping."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise _StopAsked

    before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    try:
        yield
    except _StopAsked:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
