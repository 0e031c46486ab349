"""What is kept for Prefect, told to a real server: of its own runs, of none, of others, and in odd shapes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.access import auth_string
from flows.asked import Asked
from flows.delivery import close_abandoned, close_lost, deliver
from flows.doctor import nights
from flows.doctor.finding import ERROR, Patient
from flows.servers import EVERY_NIGHT, POOL, Server, start_prefect
from flows.show.around import NIGHTLY
from flows.show.status import show_status
from flows.standing import Standing, forget, remember
from pipeline_lib.store.outbox import Outbox
from pipeline_lib.store.workspace import Workspace
from tasks import delivery
from tasks.kept import KeptRuntime
from tests.servers_up import answered, wait_until
from tests.tiny_night import tiny_settings

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("delivery"))


@pytest.fixture(scope="module")
def server(workspace: Workspace) -> Iterator[Server]:
    with answered(start_prefect(workspace, print)) as started:
        yield started


@pytest.fixture(scope="module")
def asked(server: Server, workspace: Workspace) -> Asked:
    client = Asked(f"{server.url}/api", auth_string(workspace.root), seconds=300)
    client.take_token()
    return client


@pytest.fixture
def outbox(workspace: Workspace) -> Outbox:
    return Outbox(workspace.root, "prefect")


def made_run(asked: Asked, state: str, *, flow: str = "nightly") -> str:
    flow_id = asked.send("POST", "flows/", {"name": flow})["id"]
    run = {"flow_id": flow_id, "name": "made", "state": {"type": state}}
    return str(asked.send("POST", "flow_runs/", run)["id"])


def made_task(asked: Asked, run: str, state: str) -> str:
    task = {"flow_run_id": run, "task_key": "train", "dynamic_key": "0", "name": "train", "state": {"type": state}}
    return str(asked.send("POST", "task_runs/", task)["id"])


def state_of(asked: Asked, kind: str, name: str) -> str:
    return str(asked.send("GET", f"{kind}/{name}")["state"]["type"])


def ends(run: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "path": f"flow_runs/{run}/set_state",
        "body": {"state": {"type": "COMPLETED", "name": "Completed", "message": "version 1"}, "force": True},
    }


def test_a_run_that_was_left_running_ends_and_its_tasks_with_it(
    server: Server, workspace: Workspace, asked: Asked, outbox: Outbox
) -> None:
    """Also behind requests that the server refuses, and a line that was torn."""
    run = made_run(asked, "RUNNING")
    task = made_task(asked, run, "RUNNING")
    refused = [{"method": "POST", "path": "artifacts/", "body": {"key": "No Such Key!", "data": "x"}}]
    refused += [{"method": "POST", "path": "no/such/path", "body": None}]
    outbox.keep(run, refused)
    with (outbox.folder / f"{run}.jsonl").open("ab") as file:
        file.write(b'{"method": "POST", "pa')
    outbox.keep(run, [ends(run)])
    assert deliver(workspace, f"{server.url}/api") == 1
    assert (state_of(asked, "flow_runs", run), state_of(asked, "task_runs", task)) == ("COMPLETED", "COMPLETED")
    assert outbox.is_empty()


def test_whoever_asks_how_things_are_delivers_what_is_kept(
    server: Server, workspace: Workspace, asked: Asked, outbox: Outbox, capsys: pytest.CaptureFixture[str]
) -> None:
    run, own = made_run(asked, "RUNNING"), psutil.Process()
    outbox.keep(run, [ends(run)])
    remember(workspace, Standing(own.pid, own.create_time(), server.url, server.url, server.url))
    show_status(tiny_settings(workspace.root, workspace.root), workspace, as_json=True)
    forget(workspace)
    assert (state_of(asked, "flow_runs", run), outbox.is_empty()) == ("COMPLETED", True)
    assert json.loads(capsys.readouterr().out)["servers"] is not None


def test_a_run_of_another_server_waits_for_it(server: Server, workspace: Workspace, outbox: Outbox) -> None:
    outbox.keep(UNKNOWN, [ends(UNKNOWN)])
    assert deliver(workspace, f"{server.url}/api") == 0
    (before,) = [path.stat() for path in outbox.folder.glob("*.jsonl")]
    assert deliver(workspace, f"{server.url}/api") == 0
    (after,) = [path.stat() for path in outbox.folder.glob("*.jsonl")]
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # `up` looks every five seconds
    assert deliver(workspace, "http://127.0.0.1:9/api") == 0
    with outbox.parcels() as (parcel,):
        assert (parcel.key, parcel.take()) == (UNKNOWN, [ends(UNKNOWN)])
        parcel.done()


def test_what_can_be_told_of_no_run_goes(server: Server, workspace: Workspace, outbox: Outbox) -> None:
    """Nothing of it was understood: a file that is empty, or torn in its one line."""
    for number, text in enumerate((b"", b"\n", b'{"method"')):
        (outbox.folder / f"{number}.jsonl").write_bytes(text)
    assert deliver(workspace, f"{server.url}/api") == 0
    assert outbox.is_empty()


def test_a_night_without_a_server_becomes_a_run_with_its_pages(
    server: Server, workspace: Workspace, asked: Asked
) -> None:
    runtime = KeptRuntime(workspace.root, "nightly")
    runtime.name("nightly-tiny-0123")
    runtime.table("scores", [{"model": "challenger", "bits": 1.5}], "on the same documents")
    runtime.progress("bar", 50, "steps")
    assert deliver(workspace, f"{server.url}/api") == 0  # it is still at work
    runtime.event("nightshift.model.promoted", "nightshift.model.m", {"version": 1})
    runtime.end("Failed", "a guard stopped it")
    assert deliver(workspace, f"{server.url}/api") == 1
    (run,) = asked.send("POST", "flow_runs/filter", {"flow_runs": {"name": {"any_": ["nightly-tiny-0123"]}}})
    assert (run["state"]["type"], run["state"]["message"]) == ("FAILED", "a guard stopped it")
    pages = asked.send("POST", "artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert [(page["key"], page["description"]) for page in pages] == [("scores", "on the same documents")]
    wanted = {"filter": {"event": {"name": ["nightshift.model.promoted"]}}}
    wait_until(lambda: len(asked.send("POST", "events/filter", wanted)["events"]) == 1, 30)


def test_what_a_lost_server_has_left_open_is_closed(
    server: Server, workspace: Workspace, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks of runs that have ended, as these did; and, where no night is at work, runs that never began.

    Not at once: how a task ended may be on its way still, and would not be taken behind a later word.
    """
    over, pending, foreign = (
        made_run(asked, "FAILED"),
        made_run(asked, "PENDING"),
        made_run(asked, "RUNNING", flow="of somebody else"),
    )
    task = made_task(asked, over, "RUNNING")
    assert not close_lost(workspace, f"{server.url}/api")
    assert state_of(asked, "task_runs", task) == "RUNNING"
    monkeypatch.setattr(delivery, "SETTLED_SECONDS", 0.0)
    assert close_lost(workspace, f"{server.url}/api")
    assert state_of(asked, "task_runs", task) == "FAILED"
    with workspace.lock():
        pass
    close_abandoned(workspace, f"{server.url}/api")
    assert (state_of(asked, "flow_runs", pending), state_of(asked, "flow_runs", foreign)) == ("CRASHED", "RUNNING")
    assert not close_lost(workspace, "http://127.0.0.1:9/api")
    close_abandoned(workspace, "http://127.0.0.1:9/api")


def test_doctor_says_which_part_of_a_schedule_is_missing_until_a_night_is_planned_and_a_worker_waits_for_it(
    server: Server, workspace: Workspace, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"{server.url}/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", auth_string(workspace.root))
    settings = tiny_settings(workspace.root, workspace.root, schedule__cron="30 3 * * *")

    def found() -> dict[str, str]:
        told = list(nights.schedule(Patient(settings, workspace, time.time())))
        assert all(one.level == ERROR for one in told)
        return {one.what: one.command for one in told}

    def found_unplanned() -> dict[str, str]:
        for run in asked.send("POST", "flow_runs/filter", planned_of(made)):  # the minute of the server came before
            asked.send("DELETE", f"flow_runs/{run['id']}")
        return found()

    assert found() == {"Prefect has no deployment of the night": "nightshift deploy"}
    asked.send("POST", "work_pools/", {"name": POOL, "type": "process"})
    flow = asked.send("POST", "flows/", {"name": NIGHTLY})["id"]
    made = asked.send("POST", "deployments/", {"name": NIGHTLY, "flow_id": flow, "work_pool_name": POOL})["id"]
    assert found() == {f"the deployment of the night has no schedule {EVERY_NIGHT}": "nightshift deploy"}
    cron = {"cron": settings.schedule.cron, "timezone": settings.schedule.time_zone}
    schedule = {"slug": EVERY_NIGHT, "active": True, "schedule": cron}
    asked.send("POST", f"deployments/{made}/schedules", [schedule])
    no_plan, no_worker = next(told for told in iter(found_unplanned, {}) if len(told) == 2).items()
    assert "Prefect has planned no night" in no_plan[0] and no_plan[1] == "nightshift deploy"
    assert "no worker answers" in no_worker[0] and no_worker[1] == "nightshift worker"
    asked.send("POST", f"deployments/{made}/schedule", {"min_runs": 1})
    assert asked.send("POST", "flow_runs/filter", planned_of(made))
    assert dict([no_worker]) == found()
    asked.send(
        "POST", f"work_pools/{POOL}/workers/heartbeat", {"name": "of the test", "heartbeat_interval_seconds": 60}
    )
    assert found() == {}


def planned_of(deployment: str) -> dict[str, Any]:
    """The question for the runs of a deployment that are planned."""
    return {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }


def test_nothing_is_asked_where_nothing_is_kept(tmp_path: Path) -> None:
    assert deliver(Workspace(tmp_path), "http://127.0.0.1:9/api") == 0
    assert not (tmp_path / "prefect").exists()
