"""What looks after the servers of `nightshift up`: with real processes that die, hang, are stopped and start again."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

import flows.keeper
import flows.servers
from flows.keeper import MOST_STARTS, Keeper
from flows.ports import Port, hold_port
from flows.servers import MLFLOW, PREFECT, WORKER, Server
from flows.standing import answers
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.base.lifeline import session_of, spawn_guarded
from pipeline_lib.store.workspace import Workspace
from tests.servers_up import alive, wait_until
from tests.tiny_night import tiny_settings

SERVE = """
import http.server, sys
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy).serve_forever()
"""
SILENT = """
import socket, sys, time
socket.create_server(("127.0.0.1", int(sys.argv[1]))).listen()
time.sleep(600)
"""
DIES = "import sys; sys.exit('RuntimeError: no such luck')"


@pytest.fixture
def port() -> Iterator[Port]:
    held = hold_port()
    yield held
    held.release()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is one at all, and no pause is long."""
    monkeypatch.setattr(flows.keeper, "HEALTH_SECONDS", 0.0)
    monkeypatch.setattr(flows.keeper, "FIRST_PAUSE_SECONDS", 0.001)


@dataclass
class Kept:
    """A server that is looked after."""

    server: Server
    keeper: Keeper
    said: list[str]

    @property
    def family(self) -> list[psutil.Process]:
        """Its supervisor, and all that this has started."""
        return [psutil.Process(process_id) for process_id in session_of(self.server.process.pid)]

    @property
    def is_well(self) -> bool:
        return answers(f"{self.server.url}/health") and not self.server.is_stopped()

    def look_until(self, is_so: Callable[[], bool]) -> None:
        def looked() -> bool:
            self.keeper.look()
            return is_so()

        wait_until(looked, 60)


@pytest.fixture
def keep(tmp_path: Path, port: Port) -> Iterator[Callable[..., Kept]]:
    made: list[Server] = []

    def start(name: str, program: str) -> Server:
        log = tmp_path / f"{name}.log"
        with log.open("ab") as stream:
            begin = stream.tell()
            process = spawn_guarded([sys.executable, "-c", program, str(port.number)], stderr=stream)
        url = f"http://127.0.0.1:{port.number}"
        return Server(name, url, process, log, port, begin, anew=partial(start, name, SERVE))

    def keep_it(name: str, program: str = SERVE, *, then: str = SERVE, database: Path | None = None) -> Kept:
        server = start(name, program)
        said: list[str] = []
        server.anew = partial(start, name, then)
        made.append(server)
        settings = tiny_settings(tmp_path / "workspace", tmp_path)
        keeper = Keeper([server], settings, Workspace(tmp_path / "workspace"), said.append, database=database)
        kept = Kept(server, keeper, said)
        if program == SERVE:
            wait_until(lambda: kept.is_well, 30)
        return kept

    yield keep_it
    for server in made:
        server.stop(at_once=True)


@pytest.mark.parametrize("name", [PREFECT, WORKER])
def test_what_is_killed_is_started_again_at_its_port(keep: Callable[..., Kept], name: str) -> None:
    kept = keep(name)
    before = kept.family
    before[-1].kill()
    kept.look_until(lambda: kept.server.process.pid != before[0].pid and kept.is_well)
    wait_until(lambda: alive(before) == [], 30)
    assert kept.said == [
        f"the {name} process ended by itself; starting it again (its log: {kept.server.log_path})",
    ]


def test_a_supervisor_that_is_killed_takes_its_server_with_it(keep: Callable[..., Kept]) -> None:
    kept = keep(MLFLOW)
    before = kept.family
    kept.server.process.kill()
    kept.look_until(lambda: kept.server.process.pid != before[0].pid and kept.is_well)
    wait_until(lambda: alive(before) == [], 30)


@pytest.mark.parametrize(("name", "which"), [(PREFECT, 0), (WORKER, -1)], ids=["its supervisor", "itself"])
def test_what_is_stopped_is_killed_and_started_again(keep: Callable[..., Kept], name: str, which: int) -> None:
    kept = keep(name)
    before = kept.family
    before[which].suspend()
    kept.look_until(lambda: kept.server.process.pid != before[0].pid and kept.is_well)
    wait_until(lambda: alive(before) == [], 30)
    log = kept.server.log_path
    assert kept.said == [f"the {name} process was stopped; it is killed and started again (its log: {log})"]


def test_what_goes_on_soon_is_left_alone(keep: Callable[..., Kept]) -> None:
    kept = keep(WORKER)
    kept.server.process.send_signal(signal.SIGSTOP)
    wait_until(kept.server.is_stopped, 30)
    kept.keeper.look()
    kept.server.process.send_signal(signal.SIGCONT)
    wait_until(lambda: not kept.server.is_stopped(), 30)
    for _ in range(2 * flows.keeper.MOST_STOPPED):
        kept.keeper.look()
    assert kept.said == []


def test_what_does_not_answer_any_more_is_killed_and_started_again(
    keep: Callable[..., Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is stopped: it hangs by itself."""
    monkeypatch.setattr(flows.keeper, "MOST_SILENT", 1)
    kept = keep(PREFECT, SILENT)
    kept.look_until(lambda: kept.is_well)
    (line,) = kept.said
    assert line.startswith("the Prefect process does not answer any more; it is killed and started again (its log: ")


def test_what_has_just_been_started_may_take_its_time(
    keep: Callable[..., Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.keeper, "MOST_SILENT", 1)
    kept = keep(PREFECT, then=SILENT)
    kept.server.kill()
    for _ in range(3):
        kept.keeper.look()
    assert len(kept.said) == 1
    monkeypatch.setattr(flows.keeper, "START_SECONDS", 0.0)
    kept.keeper.look()
    assert kept.said[1].startswith("the Prefect process did not answer after its start; it is killed and started")


def test_what_dies_again_and_again_ends_it_with_the_last_word(keep: Callable[..., Kept]) -> None:
    kept = keep(PREFECT, DIES, then=DIES)
    with pytest.raises(UpstreamError, match=r"ended 6 times in 10 minutes. It said last: RuntimeError: no such luck\."):
        kept.look_until(lambda: False)
    assert len(kept.said) == MOST_STARTS


def test_the_pauses_between_the_starts_double(keep: Callable[..., Kept], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start of this one would come after 20 minutes."""
    monkeypatch.setattr(flows.keeper, "FIRST_PAUSE_SECONDS", 600.0)
    kept = keep(PREFECT, DIES, then=DIES)
    kept.server.process.wait()
    kept.keeper.look()
    kept.server.process.wait()
    for _ in range(3):
        kept.keeper.look()
    assert len(kept.said) == 1


def test_mlflow_reads_another_database_that_takes_the_place_of_its_own(
    keep: Callable[..., Kept], tmp_path: Path
) -> None:
    database, other = tmp_path / "mlflow.db", tmp_path / "other.db"
    kept = keep(MLFLOW, database=database)
    first = kept.server.process.pid
    database.write_bytes(b"made by the server itself")
    kept.keeper.look()
    assert kept.server.process.pid == first
    other.write_bytes(b"the copy")
    os.replace(other, database)  # noqa: PTH105 - as whoever replaces it does
    kept.look_until(lambda: kept.is_well)
    assert kept.server.process.pid != first and len(kept.said) == 1
    database.unlink()
    kept.keeper.look()
    assert len(kept.said) == 1


def test_a_server_whose_supervisor_is_stopped_can_be_stopped(
    keep: Callable[..., Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`nightshift up` would wait for it for ever."""
    monkeypatch.setattr(flows.servers, "STUCK_SECONDS", 0.2)
    kept = keep(MLFLOW)
    family = kept.family
    family[0].suspend()
    kept.server.stop()
    wait_until(lambda: alive(family) == [], 30)
