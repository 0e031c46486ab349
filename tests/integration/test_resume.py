"""Which killed nights `nightshift up` begins again: of a server that answers as Prefect does, with records of nights.

The whole of it, with Prefect, a worker and a night whose group is killed, is in `tests/e2e/test_up.py`.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

import flows.resume
from flows.resume import MOST_RESUMES, Resumer
from pipeline_lib.store.workspace import RunRecord, Workspace, new_run
from tests.answering import Healthy, answering

OURS = {"deployment_id": "d", "state_type": "CRASHED", "run_count": 1}


class _Prefect(Healthy):
    """Knows one run, and remembers what it is told."""

    run: ClassVar[dict[str, Any] | None] = OURS
    told: ClassVar[list[tuple[str, Any]]] = []
    fails: ClassVar[bool] = False

    def do_GET(self) -> None:
        self._say({"token": "x"} if "csrf" in self.path else self.run)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.fails:
            self.send_error(503)
            return
        self.told.append((self.path, body))
        self._say({})

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(404 if value is None else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(flows.resume, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(flows.resume, "TWICE_SECONDS", 0.0)
    monkeypatch.setattr(_Prefect, "told", [])
    with answering(_Prefect) as address:
        yield f"{address}/api"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With a night of which nobody has heard since."""
    workspace = Workspace(tmp_path)
    workspace.save_run(killed("one"))
    return workspace


def killed(run_id: str) -> RunRecord:
    return replace(new_run(run_id, "nightly", "tiny"), process_started=1.0, stage="train", flow_run_id="f")


def resumer(workspace: Workspace, url: str, said: list[str]) -> Resumer:
    def reap() -> None:
        for run in workspace.runs():
            if run.state == "killed":
                workspace.save_run(replace(run, is_reaped=True))

    return Resumer(workspace, url, say=said.append, reap=reap)


def test_a_killed_night_is_due_again_once_as_the_same_run(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    looked_after = resumer(workspace, url, said)
    looked_after.look()
    monkeypatch.setattr(_Prefect, "run", {**OURS, "state_type": "SCHEDULED"})
    looked_after.look()
    ((path, body),) = _Prefect.told
    assert path == "/api/flow_runs/f/set_state" and body["force"] is True
    assert body["state"]["type"] == "SCHEDULED" and "killed in train" in body["state"]["message"]
    (line,) = said
    assert line.startswith("nightly was killed in train at ") and line.endswith("; the worker begins it again (1 of 3)")


@pytest.mark.parametrize(("count", "is_resumed"), [(1, True), (MOST_RESUMES, True), (MOST_RESUMES + 1, False)])
def test_at_most_three_times(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch, count: int, is_resumed: bool
) -> None:
    monkeypatch.setattr(_Prefect, "run", {**OURS, "run_count": count})
    said: list[str] = []
    resumer(workspace, url, said).look()
    assert (len(_Prefect.told) == 1) == is_resumed
    assert is_resumed or said[0].endswith("for the 4th time; it is not begun again")


@pytest.mark.parametrize(
    "run",
    [{**OURS, "deployment_id": None}, {**OURS, "state_type": "CANCELLED"}, {**OURS, "state_type": "CANCELLING"}, None],
    ids=["started by hand", "cancelled", "being cancelled", "unknown to Prefect"],
)
def test_what_somebody_started_or_ended_by_hand_stays_ended(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch, run: dict[str, Any] | None
) -> None:
    monkeypatch.setattr(_Prefect, "run", run)
    resumer(workspace, url, []).look()
    assert _Prefect.told == [] and workspace.runs()[0].is_reaped


def test_the_worker_says_first_that_it_has_crashed(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said later, it would end the next try. A worker that was killed too says nothing: then it is not waited for."""
    monkeypatch.setattr(_Prefect, "run", {**OURS, "state_type": "RUNNING"})
    looked_after = resumer(workspace, url, [])
    looked_after.look()
    assert _Prefect.told == [] and not workspace.runs()[0].is_reaped
    monkeypatch.setattr(flows.resume, "WORKER_SECONDS", 0.0)
    looked_after.look()
    assert len(_Prefect.told) == 1


def test_a_worker_that_says_it_twice_is_waited_for_and_one_that_is_slow_does_not_end_the_next_try(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect's worker says so where it watches the process, and again where it has submitted it."""
    monkeypatch.setattr(flows.resume, "TWICE_SECONDS", 60.0)
    looked_after = resumer(workspace, url, [])
    looked_after.look()
    assert _Prefect.told == []
    monkeypatch.setattr(flows.resume, "TWICE_SECONDS", 0.0)
    looked_after.look()
    looked_after.look()  # it is said to have crashed once more, and has not begun
    assert len(_Prefect.told) == 2 and _Prefect.told[0] == _Prefect.told[1]
    monkeypatch.setattr(_Prefect, "run", {**OURS, "run_count": 2})
    looked_after.look()  # it has begun, and crashed for reasons of its own
    assert len(_Prefect.told) == 2


def test_one_that_prefect_was_not_told_of_is_left_for_the_next_look(workspace: Workspace, url: str) -> None:
    """What was told to it as crashed after that would end the run that it has begun."""
    said: list[str] = []
    Resumer(workspace, url, say=said.append, reap=lambda: None).look()
    assert _Prefect.told == [] and not workspace.runs()[0].is_reaped


def test_one_that_prefect_was_told_of_and_that_it_did_not_take_again_is_not_forgotten(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server failed between the two words; no other look would find the run, which is on record as told."""
    looked_after = resumer(workspace, url, [])
    monkeypatch.setattr(_Prefect, "fails", True)
    looked_after.look()
    assert _Prefect.told == [] and workspace.runs()[0].is_reaped
    monkeypatch.setattr(_Prefect, "fails", False)
    looked_after.look()
    ((_, body),) = _Prefect.told
    assert body["state"]["type"] == "SCHEDULED"


def test_without_its_server_nothing_is_done_yet(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(_Prefect) as address:
        pass
    resumer(workspace, f"{address}/api", []).look()
    assert not workspace.runs()[0].is_reaped


def test_single_stages_and_nights_that_ended_are_none_of_it(workspace: Workspace, url: str) -> None:
    run = killed("one")
    workspace.save_run(replace(run, state="stopped", ended=5.0))
    workspace.save_run(replace(run, run_id="two", flow="clean"))
    workspace.save_run(replace(run, run_id="three", flow_run_id=None))
    workspace.save_run(replace(run, run_id="four", is_reaped=True))
    resumer(workspace, url, []).look()
    assert _Prefect.told == []
