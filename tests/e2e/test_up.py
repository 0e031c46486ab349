"""`nightshift up` with its real servers: started once, used, killed, started again, stopped.

The tests of this file build on one another, in their order, since servers cost ten seconds each time.
"""

import json
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from flows.doctor.examine import CHECKS, examine
from flows.doctor.finding import Finding
from flows.standing import answers
from pipeline_lib.model.database import copy_of
from pipeline_lib.model.tracking import page_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.databases import copy_database
from pipeline_lib.store.workspace import RunRecord, Workspace
from tests.servers_up import Up, alive, printed, start, up, wait_until
from tests.tiny_night import Ended, arguments, artifacts, nightshift, tiny_settings, write_corpus

NIGHT_SECONDS = 240
STAGES = {"ingest", "clean", "dedup", "scrub", "tokenize", "train", "evaluate", "quantize", "register"}
SCHEDULE = {"schedule__cron": "30 3 * * *", "schedule__time_zone": "Asia/Shanghai"}
OF_SERVERS = [(name, check) for name, check in CHECKS if name in ("runs", "schedule")]
MANY_EPOCHS = 100  # a training that lasts until it is killed
ARTIFACTS = {
    "refresh-funnel": "table",
    "clean-steps": "table",
    "model-scores": "table",
    "gate-report": "markdown",
    "training-progress": "progress",
    "mlflow-model": "markdown",  # so does Prefect keep links
}


@dataclass(frozen=True)
class Place:
    """Where the tests of this file work."""

    workspace: Path
    corpus: Path
    taken_port: int


@dataclass(frozen=True)
class Night:
    """A night that a worker ran, and one that was asked for meanwhile."""

    run: dict[str, Any]
    second_id: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("up")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield Place(root / "workspace", write_corpus(root / "corpus"), listener.getsockname()[1])


@pytest.fixture(scope="module")
def servers(place: Place) -> Iterator[Up]:
    ports = "--prefect-port", str(place.taken_port), "--mlflow-port", "0"
    with up(place.workspace, place.corpus, *ports, **SCHEDULE) as started:
        yield started


@pytest.fixture(scope="module")
def night(servers: Up) -> Night:
    """One night by the worker, asked for over the API as the UI does it; another one while it runs."""
    first = servers.trigger("nightly")
    wait_until(lambda: servers.state(first)[0] == "Running", 60)
    second = servers.trigger("nightly")
    wait_until(lambda: servers.state(first)[0] in ("Completed", "Failed", "Crashed", "Cancelled"), NIGHT_SECONDS)
    return Night(servers.prefect(f"/flow_runs/{first}"), second)


@pytest.fixture(scope="module")
def nothing_new(servers: Up, place: Place, night: Night) -> Ended:
    """`nightshift run` after that night, while the servers stand."""
    return nightshift("run", *arguments(place.workspace, place.corpus))


def test_up_says_where_both_uis_are_and_avoids_a_taken_port(servers: Up, place: Place) -> None:
    said = servers.out.splitlines()
    assert (
        printed(servers, "Prefect").startswith(f"{servers.prefect_url}/enter#")
        and f"MLflow   {page_of(servers.mlflow_url, 'experiments/1')}" in said
    )
    assert any(f"port {place.taken_port} is taken" in line for line in said)
    assert not servers.prefect_url.endswith(f":{place.taken_port}")
    assert servers.prefect("/health") is True


def test_the_cron_makes_scheduled_runs(servers: Up) -> None:
    """With SQLAlchemy 2.1 the server starts as well, but makes none."""
    wait_until(lambda: len(servers.runs("nightly", names=("Scheduled",))) > 0, 60)
    planned = servers.runs("nightly", names=("Scheduled",))
    zone = ZoneInfo(SCHEDULE["schedule__time_zone"])
    starts = [datetime.fromisoformat(run["expected_start_time"]).astimezone(zone) for run in planned]
    assert {start.strftime("%H:%M") for start in starts} == {"03:30"}
    said = json.loads(nightshift("status", "--json", "--workspace", str(servers.workspace)).out)
    assert said["next_night"]["at"] == min(starts).isoformat(timespec="seconds")
    assert (said["next_night"]["cron"], said["at_work"], said["last_night"]) == ("30 3 * * *", None, None)


def test_the_parameters_of_a_deployment_are_a_typed_form(servers: Up) -> None:
    schema = servers.prefect("/deployments/name/nightly/nightly")["parameter_openapi_schema"]
    sections = schema["definitions"]["AllSettings"]["properties"]
    assert schema["properties"]["settings"]["$ref"].endswith("/AllSettings")
    assert {"ingest", "clean", "dedup", "scrub", "tokenize", "train", "evaluate", "quantize", "register"} < set(
        sections
    )
    steps = schema["definitions"]["TrainSettings"]["properties"]["batch_rows"]
    assert (steps["type"], steps["minimum"], steps["unit"]) == ("integer", 1, "rows")
    assert steps["description"] == "rows of tokens in one step"


def test_a_second_up_says_that_one_runs_already(servers: Up, place: Place) -> None:
    second = nightshift("up", *arguments(place.workspace, place.corpus))
    assert second.status == 6
    assert f"process {servers.process.pid}" in second.err and servers.mlflow_url in second.err


def test_a_worker_runs_a_night_to_its_end(night: Night) -> None:
    assert (night.run["state"]["name"], night.run["work_pool_name"]) == ("Completed", "nightshift")
    assert night.run["state"]["message"].startswith("version 1 promoted")


def test_the_name_of_a_run_says_profile_and_snapshot(servers: Up, night: Night) -> None:
    flow, profile, digest = night.run["name"].split("-")
    assert (flow, profile, len(digest)) == ("nightly", "tiny", 8)


@pytest.mark.parametrize(("flow", "said"), [("refresh", "no change"), ("retrain", "version 1 was promoted")])
def test_a_worker_runs_each_half_by_itself(servers: Up, night: Night, flow: str, said: str) -> None:
    run = servers.trigger(flow)
    wait_until(lambda: servers.state(run)[0] in ("Completed", "Failed", "Crashed"), 120)
    assert servers.state(run)[0] == "Completed" and said in servers.state(run)[1]
    [name] = [found["name"] for found in servers.runs(flow) if found["id"] == run]
    assert name == f"{flow}-tiny-{night.run['name'].split('-')[-1]}"


def test_a_second_night_meanwhile_is_cancelled(servers: Up, night: Night) -> None:
    wait_until(lambda: servers.state(night.second_id)[0] != "Scheduled", 30)
    assert servers.state(night.second_id)[0] == "Cancelled"


def test_a_night_leaves_artifacts_under_stable_keys(servers: Up, night: Night) -> None:
    latest = servers.prefect("/artifacts/latest/filter", {})
    assert {artifact["key"]: artifact["type"] for artifact in latest} == ARTIFACTS


def test_the_funnel_counts_what_the_corpus_holds(servers: Up, night: Night) -> None:
    """62 documents, 4 of them copies and 4 nearly."""
    rows = {row["stage"]: row for row in json.loads(_artifact(servers, "refresh-funnel"))}
    assert rows["ingest"]["documents in"] == 62
    assert (rows["dedup"]["dropped"], rows["dedup"]["documents out"]) == (8, 54)
    assert rows["tokenize"]["documents out"] == 54


def test_the_link_leads_to_the_version_in_this_mlflow(servers: Up, night: Night) -> None:
    assert page_of(servers.mlflow_url, "models/nightshift-tiny/versions/1") in _artifact(servers, "mlflow-model")


def test_mlflow_has_the_curve_and_the_champion(servers: Up, place: Place, night: Night) -> None:
    experiment = servers.mlflow("/experiments/get-by-name?experiment_name=nightshift")["experiment"]
    (run,) = servers.mlflow("/runs/search", {"experiment_ids": [experiment["experiment_id"]]})["runs"]
    curve = servers.mlflow(f"/metrics/get-history?run_id={run['info']['run_id']}&metric_key=train/loss")["metrics"]
    model = servers.mlflow("/registered-models/get?name=nightshift-tiny")["registered_model"]
    num_steps = trained(place.workspace).facts["num_steps"]
    assert num_steps > 2
    assert [point["step"] for point in curve] == list(range(1, num_steps + 1))
    assert {alias["alias"]: alias["version"] for alias in model["aliases"]}["champion"] == "1"


def test_a_run_uses_the_standing_servers_and_shows_each_task_as_cached(servers: Up, nothing_new: Ended) -> None:
    assert nothing_new.status == 0, nothing_new.err
    assert "starting a Prefect server" not in nothing_new.out and servers.prefect_url in nothing_new.out
    last = servers.runs("nightly", names=("Completed",))[0]
    cached = dict.fromkeys(STAGES, "Cached")
    wait_until(lambda: _states(servers, last["id"]) == cached, 10)  # the server writes them from a queue
    assert last["deployment_id"] is None


def test_servers_that_are_killed_are_started_again_while_the_night_goes_on(servers: Up, nothing_new: Ended) -> None:
    run = servers.trigger("nightly")
    wait_until(lambda: servers.state(run)[0] == "Running", 60)
    killed = [process for process in servers.family() if is_server(process)]
    for process in killed:
        process.kill()
    wait_until(lambda: _has_completed(servers, run), 120)
    assert servers.state(run)[1].startswith("version 1 was promoted")
    wait_until(lambda: _states(servers, run) == dict.fromkeys(STAGES, "Cached"), 30)
    for name in ("Prefect", "MLflow"):
        assert f"the {name} process ended by itself; starting it again" in " ".join(servers.out.split())
    wait_until(lambda: answers(f"{servers.mlflow_url}/health"), 120)
    assert servers.process.is_running() and not alive(killed)


def test_what_is_stopped_killed_or_reads_a_database_that_is_gone_is_started_again(
    servers: Up, place: Place, nothing_new: Ended
) -> None:
    """At its port, with its password: the links hold. The server of Prefect, the worker with its supervisor, MLflow."""
    links = servers.links
    prefect, worker = (_process_of(servers, words) for words in ("flows.prefect_app", "prefect worker"))
    prefect.suspend()
    worker.parent().kill()
    copy = copy_of(place.workspace / "mlflow.db")
    copy_database(place.workspace / "mlflow.db", copy)
    copy.replace(place.workspace / "mlflow.db")
    for words in ("Prefect process was stopped; it is killed", "Worker process ended by itself", "database was repl"):
        wait_until(lambda words=words: words in " ".join(servers.out.split()), 120)
    wait_until(lambda: _answers(servers), 120)
    assert servers.links.keys() == links.keys() and servers.links["mlflow"] == links["mlflow"]
    assert servers.mlflow("/experiments/get-by-name?experiment_name=nightshift")["experiment"]
    wait_until(lambda: alive([prefect, worker]) == [] and _process_of(servers, "prefect worker") is not None, 30)


def test_deploying_again_changes_what_differs_and_keeps_the_schedule(servers: Up, place: Place, night: Night) -> None:
    before = servers.prefect("/deployments/name/nightly/nightly")
    changed = {**SCHEDULE, "train__num_epochs": str(MANY_EPOCHS)}
    again = nightshift("deploy", *arguments(place.workspace, place.corpus, **changed))
    after = servers.prefect("/deployments/name/nightly/nightly")
    assert again.status == 0, again.err
    assert (after["id"], after["schedules"][0]["id"]) == (before["id"], before["schedules"][0]["id"])
    assert [before["parameters"]["settings"]["train"]["num_epochs"], len(after["schedules"])] == [1, 1]
    assert after["parameters"]["settings"]["train"]["num_epochs"] == MANY_EPOCHS


def test_a_worker_does_the_maintenance(servers: Up, place: Place, night: Night) -> None:
    run = servers.trigger("maintenance")
    wait_until(lambda: servers.state(run)[0] in ("Completed", "Failed", "Crashed"), 120)
    name, said = servers.state(run)
    assert (name, said.startswith("removed nothing; read "), said.endswith("all whole")) == ("Completed", True, True)
    assert "what the next night reads" in _artifact(servers, "maintenance")
    with Workspace(place.workspace).lock():  # as a night holds it
        beside = servers.trigger("maintenance")
        wait_until(lambda: servers.state(beside)[0] in ("Completed", "Skipped", "Failed", "Crashed"), 120)
    assert servers.state(beside)[0] == "Skipped"


def test_a_schedule_that_is_switched_off_in_prefect_is_found_by_doctor_and_switched_on(
    servers: Up, place: Place, night: Night
) -> None:
    settings, workspace = tiny_settings(place.workspace, place.corpus, **SCHEDULE), Workspace(place.workspace)
    wait_until(lambda: found_by_doctor(settings, workspace) == [], 60)
    paused = servers.prefect("/deployments/name/nightly/nightly")["id"]
    servers.prefect(f"/deployments/{paused}/pause_deployment", {})
    (off,) = found_by_doctor(settings, workspace)
    assert (off.level, "switched off in Prefect" in off.what) == ("error", True)
    servers.prefect(f"/flow_runs/{night.run['id']}/set_state", {"state": {"type": "RUNNING"}, "force": True})
    (open_run,) = found_by_doctor(settings, workspace, OF_SERVERS[:1])  # at once: the worker looks after such runs, too
    assert "Prefect shows 1 runs as running that no process works on" in open_run.what
    examine(settings, workspace, is_fixing=True, checks=OF_SERVERS)
    wait_until(lambda: found_by_doctor(settings, workspace) == [], 60)
    assert servers.state(night.run["id"])[0] == "Crashed"
    other = tiny_settings(
        place.workspace, place.corpus, schedule__cron="0 1 * * *", schedule__time_zone="Asia/Shanghai"
    )
    (differs,) = found_by_doctor(other, workspace)
    assert differs.command == "nightshift deploy"


def test_a_night_whose_whole_group_is_killed_is_begun_again_by_the_worker(
    servers: Up, place: Place, night: Night
) -> None:
    """The deployment now trains for a hundred epochs, as the test before has left it."""
    run = servers.trigger("nightly")
    wait_until(lambda: _in_training(place) is not None, 120)
    killed = _in_training(place)
    assert killed is not None and killed.flow_run_id == run
    os.killpg(os.getpgid(killed.process_id), signal.SIGKILL)
    wait_until(lambda: "the worker begins it again (1 of 3)" in " ".join(servers.out.split()), 90)
    wait_until(lambda: (again := _in_training(place)) is not None and again.process_id != killed.process_id, 120)
    again = _in_training(place)
    assert again is not None and again.flow_run_id == run and servers.state(run)[0] == "Running"


def test_kill_9_leaves_no_server_no_worker_and_no_night_behind(servers: Up, place: Place, night: Night) -> None:
    """The night of the test before is still at work."""
    at_work = _in_training(place)
    assert at_work is not None and at_work.flow_run_id is not None
    family = servers.family()
    assert any("prefect.engine" in " ".join(words) for words in alive(family))
    servers.process.kill()
    _, left = psutil.wait_procs(family, 10)
    assert alive(left) == []
    (place.workspace / "killed").write_text(at_work.flow_run_id, encoding="utf-8")


def test_the_next_up_tells_of_the_kill_and_ctrl_c_stops_all_of_it(place: Place) -> None:
    killed = (place.workspace / "killed").read_text(encoding="utf-8")
    with up(place.workspace, place.corpus, "--prefect-port", "0", "--mlflow-port", "0") as servers:
        name, message = servers.state(killed)
        family = servers.family()
        servers.stop()
        said = servers.out.splitlines()
    assert name == "Crashed" and message.startswith("killed in train at")
    assert said[-1] == "stopped; nothing is left running" and alive(family) == []
    assert not (place.workspace / "state" / "up.json").exists()


def test_ctrl_c_during_the_start_stops_what_has_started(place: Place, tmp_path: Path) -> None:
    process = start(tmp_path, place.corpus, "--prefect-port", "0", "--mlflow-port", "0")
    wait_until(lambda: len(process.children(recursive=True)) >= 4, 60)  # two servers, each with its supervisor
    family = [process, *process.children(recursive=True)]
    second = nightshift("up", *arguments(tmp_path, place.corpus))
    process.send_signal(signal.SIGINT)
    _, left = psutil.wait_procs(family, 20)
    assert alive(left) == []
    assert (tmp_path / "up.out").read_text(encoding="utf-8").endswith("stopped; nothing is left running\n")
    assert second.status == 6 and f"process {process.pid}" in second.err


def trained(workspace: Path) -> Manifest:
    """The one model."""
    (model,) = [manifest for name, manifest in artifacts(workspace).items() if name.startswith("train/")]
    return model


def found_by_doctor(settings: Settings, workspace: Workspace, checks: Sequence[Any] = OF_SERVERS) -> list[Finding]:
    """What the checks of the nights find."""
    return [one.finding for one in examine(settings, workspace, checks=checks).found]


def is_server(process: psutil.Process) -> bool:
    """Whether it is Prefect's or MLflow's server, not its supervisor."""
    words = " ".join(process.cmdline())
    return "lifeline.py" not in words and ("flows.prefect_app" in words or "mlflow server" in words)


def _has_completed(servers: Up, run: str) -> bool:
    """Whether the server answers, and says so."""
    try:
        return servers.state(run)[0] == "Completed"
    except OSError:
        return False


def _in_training(place: Place) -> RunRecord | None:
    """The night that is at work, once it trains."""
    runs = [run for run in Workspace(place.workspace).runs() if run.state == "running"]
    return runs[-1] if runs and runs[-1].stage == "train" else None


def _process_of(servers: Up, words: str) -> psutil.Process:
    """The process of `nightshift up` that was started with these words, not its supervisor."""
    found = [process for process in servers.family() if words in " ".join(process.cmdline())]
    return next(process for process in found if "lifeline.py" not in " ".join(process.cmdline()))


def _answers(servers: Up) -> bool:
    try:
        return bool(servers.prefect("/health") is True and servers.mlflow("/experiments/get?experiment_id=0"))
    except OSError:
        return False


def _states(servers: Up, flow_run: str) -> dict[str, str]:
    """The state of each stage's tasks in a flow run; several states of one stage stand beside each other."""
    states: dict[str, set[str]] = {}
    for task in servers.prefect("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}}):
        states.setdefault(task["name"].split()[0], set()).add(task["state_name"])
    return {stage: " ".join(sorted(names)) for stage, names in states.items()}


def _artifact(servers: Up, key: str) -> str:
    """The data of the latest artifact of that key, as it is stored."""
    latest = servers.prefect("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
    return str(latest[0]["data"])
