"""Curves and a real MLflow server that hangs and dies: the work ends in time, and all of it is there later, once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.servers import Server, start_mlflow
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.model.curves import deliver
from pipeline_lib.model.tracking import MlflowTracker, Place, check_answers, connect, place_of
from pipeline_lib.store.outbox import Outbox
from pipeline_lib.store.workspace import Workspace
from tests.servers_up import answered, wait_until

PATIENCE_SECONDS = 5.0
BUSY_SECONDS = 40.0  # what a machine that is busy may add to anything here
EXPERIMENT = "nightshift"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("curves"))


@pytest.fixture(scope="module")
def server(workspace: Workspace) -> Iterator[Server]:
    """MLflow over HTTP; the tests build on one another."""
    with answered(start_mlflow(workspace, place_of(None, workspace.root).uri)) as started:
        yield started


@pytest.fixture(scope="module")
def place(server: Server) -> Place:
    return Place(server.url)


def signalled(server: Server, number: signal.Signals) -> None:
    """To all of the server, its supervisor aside."""
    for process in psutil.Process(server.process.pid).children(recursive=True):
        process.send_signal(number)


def tracker_of(key: str, workspace: Workspace, place: Place) -> MlflowTracker:
    outbox = Outbox(workspace.root, "mlflow")
    return MlflowTracker(
        place, experiment=EXPERIMENT, key=key, name=key, outbox=outbox, patience_seconds=PATIENCE_SECONDS
    )


def sent(place: Place, key: str) -> tuple[Any, list[int]]:
    """The run of that key, and the steps of its curve as they are stored."""
    client = connect(place)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    (run,) = client.search_runs([experiment], filter_string=f"tags.`nightshift.key` = '{key}'")
    return run, sorted(point.step for point in client.get_metric_history(run.info.run_id, "loss"))


def ended_in_time(tracker: MlflowTracker) -> str | None:
    started = time.monotonic()
    ended = tracker.finish()
    assert time.monotonic() - started < PATIENCE_SECONDS + BUSY_SECONDS
    return ended


def test_a_server_that_hangs_costs_seconds_and_no_point(server: Server, place: Place, workspace: Workspace) -> None:
    tracker = tracker_of("hangs", workspace, place)
    tracker.log_params({"hidden_size": 32})
    for step in range(1, 51):
        tracker.log_metrics({"loss": 1.0 / step}, step=step)
    wait_until(lambda: not tracker._points, BUSY_SECONDS)
    signalled(server, signal.SIGSTOP)
    for step in range(51, 101):
        tracker.log_metrics({"loss": 1.0 / step}, step=step)
    time.sleep(2)  # its thread waits for an answer
    assert ended_in_time(tracker) is None
    with pytest.raises(UpstreamError, match="cannot be reached"):
        check_answers(place)
    assert deliver(workspace.root, place) == 0
    signalled(server, signal.SIGCONT)
    assert deliver(workspace.root, place) == 1
    run, steps = sent(place, "hangs")
    assert steps == list(range(1, 101))
    assert (run.info.status, run.data.params["hidden_size"]) == ("FINISHED", "32")
    assert Outbox(workspace.root, "mlflow").is_empty()


def test_a_server_that_is_killed_gets_all_when_it_is_back(server: Server, place: Place, workspace: Workspace) -> None:
    tracker = tracker_of("killed", workspace, place)
    signalled(server, signal.SIGKILL)
    server.process.wait()
    tracker.log_params({"hidden_size": 64, "long": "好" * 7000})
    tracker.log_metrics({"loss": 0.5, "odd": float("nan")}, step=1)
    assert ended_in_time(tracker) is None
    assert deliver(workspace.root, place) == 0
    assert deliver(workspace.root, Place("http://127.0.0.1:9")) == 0
    server.start_again()
    server.wait("/health")
    assert deliver(workspace.root, Place(server.url.replace("127.0.0.1", "localhost"))) == 0  # not where it belongs
    assert deliver(workspace.root, place) == 1
    run, steps = sent(place, "killed")
    assert (steps, run.info.status, run.data.params["long"]) == ([1], "FINISHED", "好" * 6000)
    assert deliver(workspace.root, place) == 0


def test_a_local_store_needs_no_server(tmp_path: Path) -> None:
    check_answers(place_of(None, tmp_path))
