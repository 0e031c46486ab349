"""Prefect and MLflow servers that are ours: started on ports that we hold, watched, ended with us.

A night without a standing server brings its own Prefect server, as Prefect would; ours starts while Prefect is still
being imported (1.5 s sooner), and it cannot be orphaned: Prefect's own temporary server lives on after a kill -9.
Both kinds use the same database in the workspace, so the UI shows last night's runs later.
Light to import: no Prefect, no MLflow.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

import psutil

from flows.access import HOSTS_VARIABLE, auth_string, basic, mlflow_login
from flows.ports import HOST, Port, bound, hold_port
from flows.prefect_database import VARIABLE as DATABASE_VARIABLE
from flows.prefect_database import put_damaged_aside
from flows.standing import answers
from flows.working import Working
from pipeline_lib.base.environment import NO_TELEMETRY
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.base.lifeline import AT_ONCE, end_orphans, session_of, spawn_guarded
from pipeline_lib.model.tracking import PAGES_VARIABLE, page_of
from pipeline_lib.store.databases import sqlite_address
from pipeline_lib.store.files import is_full, no_space, write_atomically
from pipeline_lib.store.logs import rotate
from pipeline_lib.store.records import open_log
from pipeline_lib.store.workspace import Workspace

START_SECONDS = 120.0
IDLE_SECONDS = 8.0  # in which a server that starts uses no processor: it hangs
GRACE_SECONDS = 8.0  # of a server that is told to end
STUCK_SECONDS = GRACE_SECONDS + 10.0  # a supervisor that has not ended it by then is stopped itself
POOL = "nightshift"
EVERY_NIGHT = "every-night"  # the schedule of the night, in deployments/prefect.yaml
DATABASE = "prefect.db"
PREFECT, MLFLOW, WORKER = "Prefect", "MLflow", "Worker"
HEALTH = {PREFECT: "/api/health", MLFLOW: "/health"}  # what each answers when it is well; a worker is not asked
WORK = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
OF_A_WORKER = {
    "PREFECT_WORKER_QUERY_SECONDS": "3",  # a run that is asked for in the UI should start soon
    "NIGHTSHIFT_WORKER": "1",  # flows end with it: see tasks/stages.py
}

QUIET = {**NO_TELEMETRY, "PREFECT_LOGGING_SERVER_LEVEL": "ERROR"}


# Lines that end a log and do not say what was wrong; what an exception is called is said by one of the others.
SAYS_NOTHING = ("(Background on this error", "[SQL:", "[parameters:", "Traceback (")
IS_THE_END = "Application startup failed"
NAMES_AN_ERROR = re.compile(r"[\w.]*(Error|Exception)\b")
WORD_CHARACTERS = 300


@dataclass
class Server:
    """A server process of ours."""

    name: str
    url: str
    process: "subprocess.Popen[bytes]"
    log_path: Path
    port: Port | None = None  # held until it is stopped
    log_start: int = 0  # where its own lines begin: those of earlier starts are above
    again: Callable[[], "Server | None"] = lambda: None  # it once more, if what ended it at its start could be mended
    anew: Callable[[], "Server | None"] = lambda: None  # another process for the same

    def wait(self, health_path: str, seconds: float = START_SECONDS) -> None:
        """Return when it answers; what ended it at its start is mended, and it is started again, once.

        Raises `UpstreamError`, with what its log says last, when it ends, hangs or never answers.
        """
        deadline = time.monotonic() + seconds
        working = Working(self.process.pid)
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                mended = self.again()
                if mended is None:
                    raise self._ended()
                self._become(mended)
                working = Working(self.process.pid)
            if answers(self.url + health_path) and self._is_listener():
                return
            if working.seconds_idle() > IDLE_SECONDS:
                raise UpstreamError(f"{self.name} server hangs: it did nothing for {IDLE_SECONDS:g} s.")
            time.sleep(0.05)
        raise UpstreamError(f"{self.name} server did not answer within {seconds:g} s. See {self.log_path}.")

    def _ended(self) -> UpstreamError:
        """Why it ended at its start. Where the disk is full its log may hold no word, or that of a database."""
        if is_full(self.log_path):
            return no_space(self.log_path)
        said = last_word(self.log_path, self.log_start)
        return UpstreamError(f"{self.name} server ended at its start: {said}. See {self.log_path}.")

    def start_again(self) -> None:
        """Start it once more where it was, after it has ended, with what could be mended mended; returns at once."""
        self.end_orphans()
        mend = self.again
        other = mend() or self.anew()
        if other is not None:
            self._become(other)
            self.again = mend

    def _become(self, other: "Server") -> None:
        self.process, self.log_start, self.again = other.process, other.log_start, other.again

    def ask_to_end(self) -> None:
        """Ask it, and all it started, to end; returns at once."""
        self.process.terminate()

    def stop(self, *, at_once: bool = False) -> None:
        """End it and all it started; its supervisor sees to that when the grace is over. `at_once`: without a grace."""
        self.process.send_signal(AT_ONCE if at_once else signal.SIGTERM)
        try:
            self.process.wait(STUCK_SECONDS)
            self.end_orphans()
        except subprocess.TimeoutExpired:
            self.kill()
        if self.port is not None:
            self.port.release()

    def kill(self) -> None:
        """End it and all it started now: also what was stopped (SIGSTOP), which hears nothing else."""
        self.process.kill()
        self.process.wait()
        end_orphans(self.process.pid)

    def is_stopped(self) -> bool:
        """Whether a process of it is stopped (SIGSTOP), its supervisor included."""
        return any(_is_stopped(process_id) for process_id in session_of(self.process.pid))

    def end_orphans(self) -> None:
        """Where its supervisor was killed, the rest goes too."""
        if (self.process.returncode or 0) < 0:
            end_orphans(self.process.pid)

    def _is_listener(self) -> bool:
        """Whether it is ours that listens there, and not somebody who took the port a moment before."""
        port = int(self.url.rsplit(":", 1)[1])
        try:
            family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
            sockets = [found for process in family for found in process.net_connections("tcp")]
        except psutil.Error:
            return False
        return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in sockets)


def _is_stopped(process_id: int) -> bool:
    try:
        return bool(psutil.Process(process_id).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def prefect_environment(workspace: Workspace) -> dict[str, str]:
    """What all processes share that talk to the workspace's own Prefect server."""
    return {**prefect_home(workspace), "PREFECT_API_AUTH_STRING": auth_string(workspace.root)}


def prefect_home(workspace: Workspace) -> dict[str, str]:
    """What all Prefect processes of a workspace share: its database and settings lie in the workspace."""
    home = (workspace.root / "prefect").resolve()
    return {
        **QUIET,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": sqlite_address(home / DATABASE, driver="aiosqlite"),
    }


def start_prefect(
    workspace: Workspace,
    say: Callable[[str], None],
    *,
    port: Port | None = None,
    with_services: bool = False,
    name: str = HOST,
) -> Server:
    """Start a Prefect server; it is up when `wait("/api/health")` returns. `say` is told when its database was damaged.

    Without its services (scheduler, triggers) it starts faster and lasts for one night; with them it is the server of
    `nightshift up`. With a `name` other than HOST it listens for other machines too, who call this one so.
    """
    port = port or hold_port()
    shown = f"http://{name}:{port.number}"
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
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",  # a night lets Prefect say nothing: why it ends it should
        "PREFECT_SERVER_API_AUTH_STRING": auth_string(workspace.root),
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": shown,
        "PREFECT_UI_API_URL": f"{shown}/api",
        DATABASE_VARIABLE: str((workspace.root / "prefect").resolve() / DATABASE),
        HOSTS_VARIABLE: f"{os.environ.get(HOSTS_VARIABLE, '')},{name}:{port.number}",
        "PREFECT_API_URL": f"{url}/api",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "flows.prefect_app:create_app"]
    command += ["--host", bound(name), "--port", str(port.number)]
    command += ["--log-level", "warning", "--timeout-keep-alive", "5"]

    def again() -> Server | None:
        line = put_damaged_aside(workspace.root / "prefect" / DATABASE)
        if not line:
            return None
        say(line)
        return _start(PREFECT, command, url, env, workspace, port=port)

    return replace(_start(PREFECT, command, url, env, workspace, port=port), again=again)


def start_mlflow(
    workspace: Workspace, tracking_uri: str, *, port: Port | None = None, asks: bool = False, name: str = HOST
) -> Server:
    """Start an MLflow server over the workspace's store; it is up when `wait("/health")` returns.

    `asks`: it wants the user and password of `mlflow_login`. `name` as in `start_prefect`.
    """
    port = port or hold_port(5000)
    url = f"http://{HOST}:{port.number}"
    env = {
        **os.environ,
        **QUIET,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2.0 GB of helpers for features that are not used here
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        **(_mlflow_asks(workspace) if asks else {}),
    }
    artifacts = (workspace.root / "mlartifacts").resolve()
    command = [sys.executable, "-m", "mlflow", "server", "--host", bound(name), "--port", str(port.number)]
    command += ["--workers", "1", "--backend-store-uri", tracking_uri, "--default-artifact-root", artifacts.as_uri()]
    own = f"{name}:{port.number}"
    # Names of this machine with any port: a tunnel to here has another one. What comes from them is told by our doors.
    command += ["--app-name", "nightshift", "--allowed-hosts", f"{own},localhost:*,{HOST}:*,[::1]:*"]
    command += ["--cors-allowed-origins", f"http://{own}"]
    return _start(MLFLOW, command, url, env, workspace, port=port)


def _mlflow_asks(workspace: Workspace) -> dict[str, str]:
    """What MLflow's basic authentication needs: its one user is the admin, in a database of its own.

    MLflow keeps the first password it was given, so another auth string means another database.
    """
    folder = workspace.root / "mlflow"
    user, password = mlflow_login(workspace.root).split(":")
    database = folder.resolve() / f"auth-{hashlib.sha256(password.encode()).hexdigest()[:8]}.db"
    config = f"[mlflow]\ndefault_permission = READ\ndatabase_uri = {sqlite_address(database)}\n"
    write_atomically(folder / "auth.ini", config.replace("%", "%%").encode())
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str((folder / "auth.ini").resolve()),
        "MLFLOW_AUTH_ADMIN_USERNAME": user,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": password,
    }


def start_worker(workspace: Workspace, prefect_url: str, mlflow_url: str) -> Server:
    """Start a process worker of the workspace's pool: it runs scheduled flows, each in a process of its own.

    It takes whatever comes: with a limit of 1 a second night would wait here, instead of being cancelled by its
    deployment. That only one run works in a workspace is seen to by the workspace's lock.
    """
    env = {
        **os.environ,
        **prefect_environment(workspace),
        **OF_A_WORKER,
        "PREFECT_API_URL": f"{prefect_url}/api",
        PAGES_VARIABLE: mlflow_url,
    }
    return _start(WORKER, [*WORK, "--name", "nightshift"], prefect_url, env, workspace)


def become_worker(*, healthcheck: bool) -> NoReturn:
    """Go on as a worker of the server of PREFECT_API_URL. Raises `UpstreamError` when no server answers there."""
    url = os.environ.get("PREFECT_API_URL", "")
    if not url or not answers(f"{url}/health"):
        raise UpstreamError(
            f"no Prefect server answers{f' at {url}' if url else ''}. Set PREFECT_API_URL to that of your server; "
            "nightshift up brings one of its own."
        )
    words = [*WORK, "--with-healthcheck"] if healthcheck else WORK
    own = {"PREFECT_WORKER_WEBSERVER_HOST": HOST}  # its health check asks nobody
    env = {**QUIET, **own, **os.environ, **OF_A_WORKER}
    if sys.platform != "linux":  # there the file of the key is removed by this process, at its end
        sys.exit(spawn_guarded(words, env=env).wait())
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored, as in the background of a script, it could not be ended
    os.execve(words[0], words, env)


def experiment_page(mlflow_url: str, name: str, artifact_root: str | None, *, auth: str = "") -> str:
    """The page of an experiment, made if need be; of all experiments, where MLflow wants to know who asks.

    Asked over HTTP: importing MLflow takes more than a second.
    """
    headers = {"content-type": "application/json", **basic(auth)}
    api = f"{mlflow_url}/api/2.0/mlflow/experiments"
    wanted = {"name": name} | ({"artifact_location": artifact_root} if artifact_root else {})
    create = urllib.request.Request(f"{api}/create", data=json.dumps(wanted).encode(), headers=headers)
    get = urllib.request.Request(f"{api}/get-by-name?{urlencode({'experiment_name': name})}", headers=headers)
    with suppress(OSError):  # it is there already
        urllib.request.urlopen(create, timeout=10).close()
    try:
        with urllib.request.urlopen(get, timeout=10) as answer:
            number = json.loads(answer.read())["experiment"]["experiment_id"]
    except (OSError, ValueError, KeyError):
        return page_of(mlflow_url)
    return page_of(mlflow_url, f"experiments/{number}")


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
    rotate(log_path)
    with open_log(log_path) as log:
        start = log.tell()
        process = spawn_guarded(command, env=env, stdout=log, stderr=log, grace_seconds=GRACE_SECONDS)
    anew = partial(_start, name, command, url, env, workspace, port=port)
    return Server(name, url, process, log_path, port, start, anew=anew)


def last_word(path: Path, start: int) -> str:
    """What the log says last from that byte on: the error where it names one, else what else it says."""
    try:
        with path.open("rb") as log:
            log.seek(start)
            text = log.read().decode(errors="replace")
    except OSError:
        text = ""
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line[0].isspace()]
    said = [line for line in lines if not line.startswith(SAYS_NOTHING) and IS_THE_END not in line] or lines
    errors = [line for line in said if NAMES_AN_ERROR.match(line)]
    return (errors or said or ["no word"])[-1][:WORD_CHARACTERS].rstrip(".")
