"""Prefect and MLflow servers that are ours: started on ports that we hold, watched, ended with us.

A night without a standing server brings its own Prefect server, as Prefect would; ours starts while Prefect is still
being imported (1.5 s sooner), and it cannot be orphaned: Prefect's own temporary server lives on after a kill -9.
Both kinds use the same database in the workspace, so the UI shows last night's runs later.
Light to import: no Prefect, no MLflow.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.base.lifeline import spawn_guarded
from pipeline_lib.model.tracking import PAGES_VARIABLE, page_of
from pipeline_lib.store.files import write_json
from pipeline_lib.store.records import read_comfort
from pipeline_lib.store.workspace import ProcessId, Seconds, Workspace

START_SECONDS = 120.0
GRACE_SECONDS = 8.0  # of a server that is told to end
HOST = "127.0.0.1"
POOL = "nightshift"
WORKER = "Worker"

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Standing:
    """The servers that `nightshift up` started for a workspace."""

    process_id: ProcessId
    process_started: Seconds
    prefect_url: str  # http://127.0.0.1:4200
    mlflow_url: str
    mlflow_page: str  # the runs of the trainings

    @property
    def pages(self) -> tuple[str, str]:
        """Where a browser should open Prefect and MLflow."""
        return self.prefect_url, self.mlflow_page

    @property
    def is_alive(self) -> bool:
        """Whether the process that started them is still there: another one behind the same port is not ours."""
        try:
            return abs(psutil.Process(self.process_id).create_time() - self.process_started) < 1.0
        except psutil.Error:
            return False


@dataclass(frozen=True)
class Port:
    """A port of this machine that is ours before our server listens there: a socket of ours is bound to it.

    A port that was merely found free may be given to the next one who asks, or to a connection that goes out. On Linux
    two sockets that both allow it (SO_REUSEADDR, as our servers do) may be bound to a port on which nobody listens:
    ours stays, and the system gives the port to nobody else. Elsewhere they may not, so there it is let go.
    """

    number: int
    holder: socket.socket

    def release(self) -> None:
        """Give it back."""
        self.holder.close()


@dataclass
class Server:
    """A server process of ours."""

    name: str
    url: str
    process: "subprocess.Popen[bytes]"
    log_path: Path
    port: Port | None = None  # held until it is stopped

    def wait(self, health_path: str, seconds: float = START_SECONDS) -> None:
        """Return when it answers. Raises `UpstreamError`, with the last line of its log, when it ends or never does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise UpstreamError(
                    f"{self.name} server ended at its start: {_last_line(self.log_path)}. See {self.log_path}."
                )
            if answers(self.url + health_path) and self._is_listener():
                return
            time.sleep(0.05)
        raise UpstreamError(f"{self.name} server did not answer within {seconds:g} s. See {self.log_path}.")

    def ask_to_end(self) -> None:
        """Ask it, and all it started, to end; returns at once."""
        self.process.terminate()

    def stop(self) -> None:
        """End it and all it started; its supervisor sees to that when the grace is over."""
        self.ask_to_end()
        self.process.wait()
        if self.port is not None:
            self.port.release()

    def _is_listener(self) -> bool:
        """Whether it is ours that listens there, and not somebody who took the port a moment before."""
        port = int(self.url.rsplit(":", 1)[1])
        try:
            family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
            sockets = [found for process in family for found in process.net_connections("tcp")]
        except psutil.Error:
            return False
        return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in sockets)


def standing(workspace: Workspace) -> Standing | None:
    """The servers of a running `nightshift up`, if they are still ours and answer."""
    found = read_comfort(workspace.state / "up.json", Standing)
    return found if found is not None and found.is_alive and answers(f"{found.prefect_url}/api/health") else None


def remember(workspace: Workspace, servers: Standing) -> None:
    """Tell other commands of this workspace where the servers are."""
    write_json(workspace.state / "up.json", asdict(servers))


def forget(workspace: Workspace) -> None:
    """The servers are gone."""
    (workspace.state / "up.json").unlink(missing_ok=True)


def prefect_environment(workspace: Workspace) -> dict[str, str]:
    """What all Prefect processes of a workspace share: its database and settings lie in the workspace."""
    home = (workspace.root / "prefect").resolve()
    return {
        **QUIET,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
    }


def start_prefect(workspace: Workspace, *, port: Port | None = None, with_services: bool = False) -> Server:
    """Start a Prefect server; it is up when `wait("/api/health")` returns.

    Without its services (scheduler, triggers) it starts faster and lasts for one night; with them it is the server of
    `nightshift up`.
    """
    port = port or hold_port()
    url = f"http://{HOST}:{port.number}"
    services = {
        name: str(with_services).lower()
        for name in (
            "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED",
            "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED",
            "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED",
            "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED",
            "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED",
            "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED",
            "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED",
        )
    }
    env = {
        **os.environ,
        **prefect_environment(workspace),
        **services,
        "PREFECT_UI_API_URL": f"{url}/api",
        "PREFECT_API_URL": f"{url}/api",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "flows.prefect_app:create_app"]
    command += ["--host", HOST, "--port", str(port.number), "--log-level", "warning", "--timeout-keep-alive", "5"]
    return _start("Prefect", command, url, env, workspace, port=port)


def start_mlflow(workspace: Workspace, tracking_uri: str, *, port: Port | None = None) -> Server:
    """Start an MLflow server over the workspace's store; it is up when `wait("/health")` returns."""
    port = port or hold_port(5000)
    url = f"http://{HOST}:{port.number}"
    env = {
        **os.environ,
        **QUIET,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2.0 GB of helpers for features that are not used here
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    artifacts = (workspace.root / "mlartifacts").resolve()
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port.number)]
    command += ["--workers", "1", "--backend-store-uri", tracking_uri, "--default-artifact-root", artifacts.as_uri()]
    return _start("MLflow", command, url, env, workspace, port=port)


def start_worker(workspace: Workspace, prefect_url: str, mlflow_url: str) -> Server:
    """Start a process worker of the workspace's pool: it runs scheduled flows, each in a process of its own.

    It takes whatever comes: with a limit of 1 a second night would wait here, instead of being cancelled by its
    deployment. That only one run works in a workspace is seen to by the workspace's lock.
    """
    env = {
        **os.environ,
        **prefect_environment(workspace),
        "PREFECT_API_URL": f"{prefect_url}/api",
        PAGES_VARIABLE: mlflow_url,
        "PREFECT_WORKER_QUERY_SECONDS": "3",  # a run that is asked for in the UI should start soon
        "NIGHTSHIFT_WORKER": "1",  # flows end with it: see tasks/stages.py
    }
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    return _start(WORKER, [*command, "--name", "nightshift"], prefect_url, env, workspace)


def hold_port(wanted: int = 0) -> Port:
    """The wanted port if nobody listens there, else any free one; ours until it is released. 0: any one."""
    for candidate in (wanted, 0):
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that we left a minute ago is free
        try:
            holder.bind((HOST, candidate))
        except OSError:
            holder.close()
            continue
        port = Port(int(holder.getsockname()[1]), holder)
        if sys.platform != "linux":
            port.release()  # there its server could not listen on it while we are bound to it
        return port
    raise UpstreamError("no free port on this machine. Close some programs and run again.")


def experiment_page(mlflow_url: str, name: str, artifact_root: str | None) -> str:
    """The page of an experiment, made if need be; of all experiments, where MLflow wants to know who asks.

    Asked over HTTP: importing MLflow takes more than a second.
    """
    api = f"{mlflow_url}/api/2.0/mlflow/experiments"
    wanted = {"name": name} | ({"artifact_location": artifact_root} if artifact_root else {})
    create = urllib.request.Request(
        f"{api}/create", data=json.dumps(wanted).encode(), headers={"content-type": "application/json"}
    )
    with suppress(OSError):  # it is there already
        urllib.request.urlopen(create, timeout=10).close()
    try:
        with urllib.request.urlopen(f"{api}/get-by-name?{urlencode({'experiment_name': name})}", timeout=10) as answer:
            number = json.loads(answer.read())["experiment"]["experiment_id"]
    except (OSError, ValueError, KeyError):
        return page_of(mlflow_url)
    return page_of(mlflow_url, f"experiments/{number}")


def answers(url: str) -> bool:
    """Whether an HTTP server answers there with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _start(
    name: str,
    command: list[str],
    url: str,
    env: Mapping[str, str],
    workspace: Workspace,
    *,
    port: Port | None = None,
) -> Server:
    log_path = workspace.root / "logs" / f"{name.lower()}-server.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        process = spawn_guarded(command, env=env, stdout=log, stderr=log, grace_seconds=GRACE_SECONDS)
    return Server(name, url, process, log_path, port)


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no word"
