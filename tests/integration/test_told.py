"""A move of the champion shown in Prefect: by a real server, and not, by one that is gone, hangs or refuses."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows import told
from flows.access import auth_string
from flows.approvals import refuse_by_hand
from flows.asked import Asked
from flows.moves import promote_by_hand, rollback_by_hand
from flows.servers import start_prefect
from flows.standing import Standing, remember
from pipeline_lib.base.errors import GateRefused, SettingsError, Untrusted
from pipeline_lib.plan.basis import WAITING, Waiting
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace
from tests.registered import chain, shelve
from tests.servers_up import answered, wait_until

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A workspace with two registered versions; the tests build on one another."""
    workspace = tmp_path_factory.mktemp("workspace")
    found = resolve(None, {}, [("workspace", str(workspace)), ("profile", "tiny")]).settings
    registry = registry_of(found.of(RegisterSettings), workspace)
    for number in (1, 2):
        shelve(registry, f"told-{number}")
    return found


def stands_at(settings: Settings, url: str) -> None:
    """As `nightshift up` leaves it: of this process."""
    me = psutil.Process()
    remember(Workspace(settings.workspace), Standing(me.pid, me.create_time(), url, "http://127.0.0.1:9", ""))


def moves(settings: Settings) -> list[tuple[str, int, int | None]]:
    return chain(registry_of(settings.of(RegisterSettings), settings.workspace))


def test_a_move_appears_in_the_server_of_the_workspace_as_a_run_a_table_and_an_event(
    settings: Settings, capsys: Captured
) -> None:
    workspace = Workspace(settings.workspace)
    with answered(start_prefect(workspace, print)) as server:
        stands_at(settings, server.url)
        promote_by_hand(settings, 1, reason="first", is_dry=False)
        promote_by_hand(settings, 2, reason="更好", is_dry=False)
        rollback_by_hand(settings, reason="bad answers", is_dry=False)
        assert "is not shown there" not in capsys.readouterr().out
        runs = asked(server.url, workspace, "flow_runs/filter", {"sort": "START_TIME_ASC"})
        assert sorted((run["name"], run["state"]["name"], run["parameters"]) for run in runs) == [
            ("promote-tiny-version-1", "Completed", {"version": 1, "reason": "first"}),
            ("promote-tiny-version-2", "Completed", {"version": 2, "reason": "更好"}),
            ("rollback-tiny", "Completed", {"reason": "bad answers"}),
        ]
        flows = {run["flow_id"] for run in runs}
        assert len(flows) == 2
        tables = asked(server.url, workspace, "artifacts/filter", {"artifacts": {"key": {"any_": ["champion-moves"]}}})
        assert {table["flow_run_id"] for table in tables} == {run["id"] for run in runs}
        last = max(tables, key=lambda table: table["created"])
        assert last["description"] == "rollback to version 1: bad answers"
        assert [row["version"] for row in json.loads(last["data"])] == [1, 2, 1]
        wanted = {"filter": {"event": {"prefix": ["nightshift.model."]}}}
        wait_until(lambda: len(asked(server.url, workspace, "events/filter", wanted)["events"]) == 3, 30)
        events = asked(server.url, workspace, "events/filter", wanted)["events"]
        assert {(event["event"], event["resource"]["prefect.resource.id"]) for event in events} == {
            ("nightshift.model.promoted", "nightshift.model.nightshift-demo"),
            ("nightshift.model.rolled-back", "nightshift.model.nightshift-demo"),
        }
        assert all(run["end_time"] is not None for run in runs)


def test_a_form_that_waits_for_what_is_decided_by_now_is_closed(settings: Settings, capsys: Captured) -> None:
    workspace = Workspace(settings.workspace)
    with answered(start_prefect(workspace, print)) as server:
        stands_at(settings, server.url)
        flow = asked(server.url, workspace, "flows/", {"name": "approval"})["id"]

        def form() -> str:
            state = {"type": "PAUSED", "name": "Suspended"}
            return str(asked(server.url, workspace, "flow_runs/", {"flow_id": flow, "state": state})["id"])

        def states() -> dict[str, str]:
            runs = asked(server.url, workspace, "flow_runs/filter", {"flows": {"name": {"any_": ["approval"]}}})
            return {run["id"]: run["state"]["name"] for run in runs}

        first = form()
        promote_by_hand(settings, 2, reason="by hand", is_dry=False)
        assert states() == {first: "Decided"}
        second = form()
        registry = registry_of(settings.of(RegisterSettings), settings.workspace)
        workspace.save_pin(WAITING, Waiting(registry.name, 1, 2, "accepted"))
        refuse_by_hand(settings, workspace, None)
        assert states() == {first: "Decided", second: "Decided"}
        assert "stays open" not in capsys.readouterr().out
    workspace.save_pin(WAITING, Waiting(registry.name, 1, 2, "accepted"))
    refuse_by_hand(settings, workspace, None)
    assert "the refusal is on record, and its form there stays open" in " ".join(capsys.readouterr().out.split())
    rollback_by_hand(settings, reason="back", is_dry=False)


def asked(url: str, workspace: Workspace, path: str, body: Any) -> Any:
    """What the API answers to our own client."""
    asked = Asked(f"{url}/api", auth_string(workspace.root), seconds=30)
    asked.take_token()
    return asked.send("POST", path, body)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "PATIENCE_SECONDS", 0.3)


@contextmanager
def hanging() -> Iterator[str]:
    """A server that is stopped: the system takes connections for it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def gone() -> Iterator[str]:
    """Nobody listens there any more."""
    with hanging() as url:
        pass
    yield url


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that says the same to all."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def babbling() -> Iterator[str]:
    """Something else listens there by now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def babble() -> None:
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b"220 ready\r\n")
            connection.close()

        threading.Thread(target=babble, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (hanging(), "does not answer"),
        (gone(), "does not answer"),
        (babbling(), "does not answer"),
        (answering(401, b"{}"), "answers with status 401"),
        (answering(200, b"<html>"), "does not answer"),
        (answering(200, b"[]"), "does not answer"),
        (answering(200, b"{}"), "does not answer"),
    ],
    ids=["hangs", "gone", "another", "refuses", "no JSON", "a list", "empty"],
)
def test_a_move_is_made_although_it_cannot_be_shown(
    settings: Settings, server: Any, why: str, impatient: None, capsys: Captured
) -> None:
    before = len(moves(settings))
    with server as url:
        stands_at(settings, url)
        promote_by_hand(settings, 1, reason="", is_dry=False)
    assert len(moves(settings)) == before + 1
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("nightshift-demo: champion ")
    assert out.endswith(
        f"the Prefect server of nightshift up {why}: the move is made and on record, and is not shown there"
    )


def test_without_a_standing_server_nothing_is_said_of_one(settings: Settings, capsys: Captured) -> None:
    (settings.workspace / "state" / "up.json").unlink(missing_ok=True)
    promote_by_hand(settings, 1, reason="", is_dry=False)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_version_of_another_workspace_moves_only_when_it_is_named(
    settings: Settings, tmp_path: Path, capsys: Captured
) -> None:
    """As the dry run foretells."""
    (settings.workspace / "state" / "up.json").unlink(missing_ok=True)
    registry = registry_of(settings.of(RegisterSettings), settings.workspace)
    number = shelve(replace(registry, folder=tmp_path, workspace=tmp_path), "of another")
    promote_by_hand(settings, number, reason="", is_dry=True)
    assert f"-> {number}; it would be refused: {registry.name} version {number} is signed by a key" in said(capsys)
    before = moves(settings)
    with pytest.raises(Untrusted, match=f"nightshift promote {number} --unsigned {number}"):
        promote_by_hand(settings, number, reason="", is_dry=False)
    with pytest.raises(SettingsError, match="--unsigned 1: names another version"):
        promote_by_hand(settings, number, reason="", is_dry=True, unsigned=1)
    promote_by_hand(settings, number, reason="", is_dry=True, unsigned=number)
    assert said(capsys).endswith(f"-> {number}; its files are whole")
    assert moves(settings) == before
    promote_by_hand(settings, number, reason="", is_dry=False, unsigned=number)
    assert moves(settings)[-1][:2] == ("promote", number)


def said(capsys: Captured) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_dry_run_in_an_empty_workspace_leaves_nothing_there(tmp_path: Path) -> None:
    settings = resolve(None, {}, [("workspace", str(tmp_path / "empty"))]).settings
    with pytest.raises(GateRefused, match="nightshift-demo has no previous champion to go back to"):
        rollback_by_hand(settings, reason="", is_dry=True)
    with pytest.raises(SettingsError, match=r"has no version 1\. There are: none yet\."):
        promote_by_hand(settings, 1, reason="", is_dry=True)
    assert not (tmp_path / "empty").exists()
