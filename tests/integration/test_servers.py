"""Ports, the record of standing servers, and the wait for a server: with real sockets and processes."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows import servers
from flows.ports import hold_port
from flows.prefect_database import put_damaged_aside
from flows.servers import Server, become_worker, last_word, prefect_environment, start_prefect
from flows.standing import Standing, forget, only_up, remember, standing, standing_open
from pipeline_lib.base.errors import UpstreamError, WorkspaceBusy
from pipeline_lib.store.workspace import Workspace
from tests.answering import Healthy, answering
from tests.servers_up import wait_until

PORTS_ARE_HELD_ON_LINUX_ALONE = (
    "only Linux lets a server listen on a port that another socket of ours is bound to; elsewhere a port is let go at "
    "once, which test_where_no_port_can_be_held_it_is_let_go_at_once holds on every machine"
)

SERVE = """
import http.server
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {port}), Healthy).serve_forever()
"""


ORDERED = """
from prefect.server.api import server
before = server.API_ROUTERS
from flows.doors import PrefectDoors
from flows.prefect_app import USED, create_app
assert isinstance(create_app(), PrefectDoors)
assert {router.prefix for router in server.API_ROUTERS[:len(USED)]} == set(USED)
assert set(map(id, server.API_ROUTERS)) == set(map(id, before))
"""

# Waits for a file, then tries to be the one `nightshift up` of a workspace; who is it stays.
ALONE = """
import os, pathlib, sys, time
from flows.standing import only_up
from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.store.workspace import Workspace
start = pathlib.Path(sys.argv[2])
start.with_name(f"start.{os.getpid()}").touch()
while not start.exists():
    time.sleep(0.001)
try:
    with only_up(Workspace(pathlib.Path(sys.argv[1]))):
        print("in", flush=True)
        time.sleep(600)
except WorkspaceBusy as exc:
    print("out", exc)
"""


@pytest.fixture
def somebody() -> Iterator[str]:
    """The address of a healthy server of somebody else: of this process."""
    with answering() as address:
        yield address


class _Asking(Healthy):
    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()


@pytest.fixture
def asking() -> Iterator[str]:
    """The address of a server that wants another auth string than ours."""
    with answering(_Asking) as address:
        yield address


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port on which nobody listens, and which nobody is given."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_port_on_which_nobody_listens_is_taken_as_wanted(nobody: int) -> None:
    port = hold_port(nobody)
    port.release()
    assert port.number == nobody


@pytest.mark.skipif(sys.platform != "linux", reason=PORTS_ARE_HELD_ON_LINUX_ALONE)
def test_two_who_want_the_same_port_in_one_second_have_two(nobody: int) -> None:
    """Nobody listens there yet, so the system would let both have it, and the server of the second would fail."""
    first, second = hold_port(nobody), hold_port(nobody)
    first.release()
    third = hold_port(nobody)
    for port in (second, third):
        port.release()
    assert (first.number, third.number) == (nobody, nobody) and second.number != nobody


def test_a_port_on_which_somebody_listens_is_left_alone(somebody: str) -> None:
    taken = int(somebody.rsplit(":", 1)[1])
    port = hold_port(taken)
    port.release()
    assert port.number != taken


@pytest.mark.skipif(sys.platform != "linux", reason=PORTS_ARE_HELD_ON_LINUX_ALONE)
def test_nobody_is_given_a_port_that_we_hold() -> None:
    """Neither another server nor a connection that goes out; the system gives each port of some 28,000 at random."""
    held = [hold_port() for _ in range(200)]
    assert len({port.number for port in held}) == len(held)
    with ExitStack() as open_sockets:
        given = set()
        for _ in range(400):
            other = open_sockets.enter_context(socket.socket())
            other.bind(("127.0.0.1", 0))
            given.add(other.getsockname()[1])
    assert not given & {port.number for port in held}
    for port in held:
        port.release()


def test_where_no_port_can_be_held_it_is_let_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server must be able to take it: on macOS and BSD it could not while we are bound to it."""
    monkeypatch.setattr(sys, "platform", "darwin")
    port = hold_port()
    assert port.holder.fileno() == -1
    with socket.socket() as server:
        server.bind(("127.0.0.1", port.number))
        server.listen()


def test_a_server_listens_on_the_port_that_we_hold_and_gives_it_back_when_it_stops(tmp_path: Path) -> None:
    port = hold_port()
    with _running(SERVE.format(port=port.number)) as process:
        server = Server("Prefect", f"http://127.0.0.1:{port.number}", process, tmp_path / "log", port)
        server.wait("/health", 20)
        server.stop()
    assert port.holder.fileno() == -1


def test_a_server_that_hangs_at_its_start_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "IDLE_SECONDS", 2.0)
    port = hold_port()
    with _running("import time; time.sleep(600)") as process:
        server = Server("Prefect", f"http://127.0.0.1:{port.number}", process, tmp_path / "log", port)
        with pytest.raises(UpstreamError, match="Prefect server hangs: it did nothing for 2 s"):
            server.wait("/health", 120)
    port.release()


def test_a_port_whose_server_has_just_ended_is_free_again() -> None:
    """Its last connections linger for a minute; `nightshift up` should still come back at the same address."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first lingers
            client.recv(1)
    again = hold_port(port)
    again.release()
    assert again.number == port


def test_standing_servers_are_found_by_other_commands(workspace: Workspace, somebody: str) -> None:
    servers = _of_this_process(somebody)
    remember(workspace, servers)
    assert standing(workspace) == servers
    forget(workspace)
    assert standing(workspace) is None


def test_of_several_that_start_in_the_same_second_one_is_let_in_and_the_others_say_who(tmp_path: Path) -> None:
    start = tmp_path / "start"
    words = [sys.executable, "-c", ALONE, str(tmp_path / "workspace"), str(start)]
    racers = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    wait_until(lambda: len(list(tmp_path.glob("start.*"))) == len(racers), 60)
    start.touch()
    said = {racer.stdout.readline(): racer for racer in racers if racer.stdout is not None}
    winner = said.pop("in\n")
    assert len(said) == 1 and f"(process {winner.pid})" in "".join(said)  # the others say the same
    winner.kill()
    for racer in racers:
        racer.wait()
    with only_up(Workspace(tmp_path / "workspace")):  # it ended with its process
        pass


def test_in_a_workspace_that_was_moved_away_from_it_the_other_is_named_with_where_it_was_started(
    tmp_path: Path, somebody: str
) -> None:
    """Its lock has moved along."""
    root, start = tmp_path / "workspace", tmp_path / "start"
    start.touch()
    words = [sys.executable, "-c", ALONE, str(root), str(start)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        begun = psutil.Process(other.pid).create_time()
        remember(Workspace(root), Standing(other.pid, begun, somebody, somebody, somebody, root=str(root)))
        root.rename(tmp_path / "moved")
        told = pytest.raises(WorkspaceBusy, match=f"was moved while nightshift up ran at {root}")
        with told, only_up(Workspace(tmp_path / "moved")):
            pass
        other.kill()


def test_servers_of_a_process_that_is_gone_do_not_stand(workspace: Workspace, somebody: str) -> None:
    """Even when somebody answers at their address."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    remember(workspace, Standing(ended.pid, 0.0, somebody, somebody, somebody))
    assert standing(workspace) is None


def test_a_process_id_that_was_given_anew_is_not_taken_for_ours(workspace: Workspace, somebody: str) -> None:
    remember(workspace, Standing(os.getpid(), psutil.Process().create_time() - 60, somebody, somebody, somebody))
    assert standing(workspace) is None


@pytest.mark.parametrize("text", ["{}", "3", "[", '{"process_id": "x"}', '{"process_id": -1}'])
def test_a_record_of_servers_that_cannot_be_understood_is_none(workspace: Workspace, somebody: str, text: str) -> None:
    remember(workspace, _of_this_process(somebody))
    path = workspace.state / "up.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | json.loads(text)) if "process_id" in text else text)
    assert standing(workspace) is None


def test_servers_that_do_not_answer_do_not_stand(workspace: Workspace, nobody: int) -> None:
    remember(workspace, _of_this_process(f"http://127.0.0.1:{nobody}"))
    assert standing(workspace) is None


def test_a_server_that_ends_at_its_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit('no such table')"], stderr=stream)
    with pytest.raises(UpstreamError, match=r"Prefect server ended at its start: no such table\. See .*server\.log"):
        Server("Prefect", "http://127.0.0.1:9", process, log).wait("/health", 20)


def test_a_server_that_ends_at_its_start_on_a_full_disk_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says there, if it can, is of a database."""
    log = tmp_path / "server.log"
    monkeypatch.setattr("flows.servers.is_full", lambda path: path == log)
    with pytest.raises(UpstreamError, match=r"server\.log: no space left for this file .* Free some space and run"):
        Server("Prefect", "http://127.0.0.1:9", _ended("", log), log).wait("/health", 20)


def test_a_server_that_ended_is_started_again_once_if_that_was_mended(tmp_path: Path) -> None:
    log, port, mended = tmp_path / "server.log", hold_port(), []
    url = f"http://127.0.0.1:{port.number}"

    def again() -> Server:
        mended.append(1)
        start = log.stat().st_size
        return Server("Prefect", url, _ended("RuntimeError: twice", log), log, log_start=start)

    with pytest.raises(UpstreamError, match="ended at its start: RuntimeError: twice"):
        Server("Prefect", url, _ended("RuntimeError: once", log), log, again=again).wait("/health", 20)
    with _running(SERVE.format(port=port.number)) as process:
        server = Server("Prefect", url, _ended("first", log), log, again=lambda: Server("Prefect", url, process, log))
        server.wait("/health", 20)
        assert server.process is process
    port.release()
    assert mended == [1]


def _ended(said: str, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as stream:
        process = subprocess.Popen([sys.executable, "-c", f"import sys; sys.exit({said!r})"], stderr=stream)
    process.wait()
    return process


LAST_WORDS = {
    "": "no word",
    "INFO: started\nno such table\n\n": "no such table",
    'Traceback (most recent call last):\n  File "a.py"\na.b.DatabaseError: malformed\n(Background on this error)\n'
    "\n01:58 | ERROR | uvicorn.error - Application startup failed. Exiting.\n": "a.b.DatabaseError: malformed",
    "ValueError: one\nOperationalError: locked.\n[SQL: select 1]\n[parameters: ('a',)]\n": "OperationalError: locked",
    "ERROR: Application startup failed. Exiting.\n": "ERROR: Application startup failed. Exiting",
}


@pytest.mark.parametrize("text", LAST_WORDS)
def test_the_last_word_of_a_log_is_what_this_start_said_was_wrong(tmp_path: Path, text: str) -> None:
    log = tmp_path / "server.log"
    before = b"RuntimeError: of an earlier start\n"
    log.write_bytes(before + text.encode())
    assert last_word(log, len(before)) == LAST_WORDS[text]
    assert last_word(tmp_path / "none.log", 0) == "no word"


def test_a_database_of_a_newer_prefect_is_no_damage_and_the_message_says_what_is_wrong(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a night, which lets Prefect write nothing on the terminal."""
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    database = workspace.root / "prefect" / "prefect.db"
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("create table alembic_version (version_num text)")
        opened.execute("insert into alembic_version values ('of a newer one')")
    said: list[str] = []
    server = start_prefect(workspace, said.append)
    with pytest.raises(UpstreamError, match=r"ended at its start: .*Can't locate revision"):
        server.wait("/api/health")
    server.stop()
    assert (said, [path.name for path in database.parent.glob("*.db*") if "-" not in path.name]) == ([], ["prefect.db"])


def _database(folder: Path) -> Path:
    with closing(sqlite3.connect(folder / "some.db")) as opened, opened:
        opened.execute("create table some (what text)")
        opened.executemany("insert into some values (?)", [("x" * 500,)] * 200)
    return folder / "some.db"


def _spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    match how:
        case "random":
            path.write_bytes(os.urandom(len(content)))
        case "random, with its parts":
            for part in ("", "-wal", "-shm"):
                path.with_name(path.name + part).write_bytes(os.urandom(40_000))
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "cut in its header":
            path.write_bytes(content[:50])
        case "inside":
            path.write_bytes(content[:4096] + os.urandom(len(content) - 8192) + content[-4096:])
        case "text":
            path.write_text("somebody's notes, which are longer than the header of a database: " + "x" * 100)
        case "folder":
            path.unlink()
            path.mkdir()
        case "link to itself":
            path.unlink()
            path.symlink_to(path.name)


SPOILED = ("random", "random, with its parts", "cut", "cut in its header", "inside", "text", "folder", "link to itself")


@pytest.mark.parametrize("how", SPOILED)
def test_a_damaged_database_is_put_aside_and_nothing_of_it_deleted(tmp_path: Path, how: str) -> None:
    path = _database(tmp_path)
    _spoil(path, how)
    held = path.read_bytes() if path.is_file() else b""
    line = put_damaged_aside(path)
    (aside,) = tmp_path.glob("some.db.*")
    assert line.startswith(f"{path} was damaged and is kept as {aside.name}")
    assert not os.path.lexists(path) and (aside.read_bytes() if aside.is_file() else b"") == held
    assert put_damaged_aside(path) == ""
    assert put_damaged_aside(_database(tmp_path)) == ""


def test_a_database_that_is_busy_or_empty_is_left_as_it_is(tmp_path: Path) -> None:
    path = _database(tmp_path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("begin exclusive")
        assert put_damaged_aside(path) == ""
    path.write_bytes(b"")
    assert put_damaged_aside(path) == ""


def test_somebody_else_who_answers_is_not_taken_for_our_server(tmp_path: Path, somebody: str) -> None:
    with _running("import time; time.sleep(60)") as process, pytest.raises(UpstreamError, match="did not answer"):
        Server("Prefect", somebody, process, tmp_path / "log").wait("/health", 0.5)


def test_prefect_keeps_its_database_in_the_workspace_and_tells_nobody(workspace: Workspace) -> None:
    env = prefect_environment(workspace)
    assert env["PREFECT_HOME"] == str(workspace.root / "prefect")
    assert env["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == f"sqlite+aiosqlite:///{workspace.root}/prefect/prefect.db"
    assert (env["PREFECT_SERVER_ANALYTICS_ENABLED"], env["DO_NOT_TRACK"]) == ("false", "1")


def test_in_our_prefect_server_the_parts_that_a_night_uses_come_first_and_all_are_there(workspace: Workspace) -> None:
    env = {**os.environ, **prefect_environment(workspace), "PREFECT_SERVER_API_AUTH_STRING": "nightshift:x"}
    done = subprocess.run([sys.executable, "-c", ORDERED], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_our_prefect_server_does_not_start_where_it_would_let_everybody_in(workspace: Workspace) -> None:
    env = {**os.environ, **prefect_environment(workspace)}
    done = subprocess.run([sys.executable, "-c", ORDERED], env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "would let everybody in" in done.stderr


def test_a_standing_server_with_another_auth_string_is_told(workspace: Workspace, asking: str) -> None:
    remember(workspace, _of_this_process(asking))
    with pytest.raises(UpstreamError, match=r"lets nobody in with the auth string of .* start it again"):
        standing_open(workspace)


def _of_this_process(url: str) -> Standing:
    return Standing(os.getpid(), psutil.Process().create_time(), url, url, url)


@contextmanager
def _running(program: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A Python program for the time of the block."""
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("healthcheck", [True, False])
def test_what_tells_how_a_worker_is_listens_on_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch, healthcheck: bool
) -> None:
    """Prefect's own default is every address, and its page asks nobody."""
    became: list[Any] = []
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.execve", lambda *process: became.append(process))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with answering() as address:
        monkeypatch.setenv("PREFECT_API_URL", address)
        become_worker(healthcheck=healthcheck)  # which comes back only here
    ((_, words, env),) = became
    assert ("--with-healthcheck" in words) == healthcheck
    assert env["PREFECT_WORKER_WEBSERVER_HOST"] == "127.0.0.1"
