"""`nightshift up` as a user has it: a real process with real servers, asked over HTTP.

with up(workspace, corpus) as servers:
    servers.prefect("/flow_runs/filter", {...})
"""

import base64
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from flows.access import auth_string
from flows.servers import HEALTH, Server
from tests.tiny_night import arguments, environment, nightshift

START_SECONDS = 120
STOP_SECONDS = 30
CLIENT = "tests"
BUSY = 503  # what Prefect answers when SQLite is locked; its own client tries again too
# A shell that is not interactive starts what it puts into the background with SIGINT ignored.
IN_BACKGROUND = 'workspace=$1; shift; "$@" >"$workspace/up.out" 2>&1 & echo $!'


@dataclass(frozen=True)
class Up:
    """A running `nightshift up`."""

    process: psutil.Process
    workspace: Path
    prefect_url: str
    mlflow_url: str

    @property
    def out(self) -> str:
        """What it has said so far."""
        return (self.workspace / "up.out").read_text(encoding="utf-8")

    def prefect(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask Prefect's API; a POST when there is a body."""
        return _ask(f"{self.prefect_url}/api{path}", body, self.as_client(writes=body is not None))

    def as_client(self, *, writes: bool) -> dict[str, str]:
        """What Prefect's own client sends: the auth string, and with what may write a token of the server."""
        key = base64.b64encode(auth_string(self.workspace).encode()).decode()
        client = {"authorization": f"Basic {key}", "prefect-csrf-client": CLIENT}
        if not writes:
            return client
        token = _ask(f"{self.prefect_url}/api/csrf-token?client={CLIENT}", None, client)["token"]
        return {**client, "prefect-csrf-token": token}

    def mlflow(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask MLflow's API."""
        return _ask(f"{self.mlflow_url}/api/2.0/mlflow{path}", body)

    @property
    def links(self) -> dict[str, str]:
        """What `nightshift status` says a browser should open, by name of the server."""
        asked = nightshift("status", "--json", "--workspace", str(self.workspace))
        links: dict[str, str] = json.loads(asked.out)["servers"]
        return links

    def runs(self, flow: str, *, names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Its flow runs of that flow, the latest first; only those in states of these names."""
        query: dict[str, Any] = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"}
        if names:
            query["flow_runs"] = {"state": {"name": {"any_": list(names)}}}
        found: list[dict[str, Any]] = self.prefect("/flow_runs/filter", query)
        return found

    def trigger(self, name: str) -> str:
        """Ask for a run of a deployment now; its id."""
        deployment = self.prefect(f"/deployments/name/{name}/{name}")["id"]
        made = self.prefect(f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})
        return str(made["id"])

    def state(self, run_id: str) -> tuple[str, str]:
        """Name and message of the state of a flow run."""
        state = self.prefect(f"/flow_runs/{run_id}")["state"]
        return state["name"], state["message"] or ""

    def family(self) -> list[psutil.Process]:
        """It and all that it started, to the last grandchild."""
        return [self.process, *self.process.children(recursive=True)]

    def stop(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(STOP_SECONDS)


def start(workspace: Path, corpus: Path, *words: str, **changes: str) -> psutil.Process:
    """Start it in the background of a shell, as a script would."""
    workspace.mkdir(parents=True, exist_ok=True)
    if not {"--mlflow-login", "--open"} & set(words):
        words = (*words, "--no-mlflow-login")  # whoever else has an account on this machine
    cli = [sys.executable, "-c", "from flows.cli import main; main()", "up"]
    command = ["sh", "-c", IN_BACKGROUND, "sh", str(workspace), *cli, *words, *arguments(workspace, corpus, **changes)]
    started = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return psutil.Process(int(started.stdout))


@contextmanager
def up(workspace: Path, corpus: Path, *words: str, **changes: str) -> Iterator[Up]:
    """Start it, wait until it is ready, and see to it that it is gone in the end."""
    process = start(workspace, corpus, *words, **changes)
    try:
        yield _ready(process, workspace)
    finally:
        if process.is_running():
            process.terminate()
            psutil.wait_procs([process], STOP_SECONDS)


def _ready(process: psutil.Process, workspace: Path) -> Up:
    out, state = workspace / "up.out", workspace / "state" / "up.json"
    wait_until(lambda: "Ctrl-C" in out.read_text(encoding="utf-8") or not process.is_running(), START_SECONDS)
    assert process.is_running(), out.read_text(encoding="utf-8")
    found = json.loads(state.read_text(encoding="utf-8"))
    return Up(process, workspace, found["prefect_url"], found["mlflow_url"])


@contextmanager
def answered(server: Server) -> Iterator[Server]:
    """A server that was just started, once it answers; it is stopped with the block."""
    try:
        server.wait(HEALTH[server.name])
        yield server
    finally:
        server.stop()


def printed(servers: Up, name: str) -> str:
    """The link that `nightshift up` has printed for "Prefect" or "MLflow"."""
    return next(line.split()[1] for line in servers.out.splitlines() if line.startswith(f"{name}  "))


def wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    """Wait for something that must come true; not longer than that."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"still not so after {seconds:g} s"
        time.sleep(0.2)


def alive(processes: list[psutil.Process]) -> list[list[str]]:
    """The commands of those that still run."""
    return [process.cmdline() for process in processes if process.is_running() and process.status() != "zombie"]


def _ask(
    url: str,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str] = MappingProxyType({}),
    pauses: Sequence[float] = (0.2, 1.0, 3.0),
) -> Any:
    """The answer; asked again after each of the pauses, in seconds, while the server is busy or silent."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
    except (urllib.error.HTTPError, TimeoutError) as exc:
        if getattr(exc, "code", BUSY) != BUSY or not pauses:
            raise
    time.sleep(pauses[0])
    return _ask(url, body, headers, pauses[1:])
