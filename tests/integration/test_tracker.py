"""The tracker against a real MLflow store: runs that go on, points that arrive once, failures that are told."""

from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.model import tracking
from pipeline_lib.model.tracking import MlflowTracker, Place, connect, open_experiment, open_run, place_of


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One store for all tests here: making its tables takes seconds. Each test has an experiment of its own."""
    return place_of(None, tmp_path_factory.mktemp("tracked"))


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def test_a_tracker_goes_on_with_the_run_of_its_key(place: Place, experiment: str) -> None:
    ids = []
    for step, value in ((1, 3.0), (2, 2.5)):
        with MlflowTracker(place, experiment=experiment, key="night-1", name="night") as tracker:
            tracker.log_params({"hidden_size": 32 + step, "long": "好" * 7000})
            tracker.log_metrics({"loss": value}, step=step)
            ids.append(tracker.finish())
    assert ids[0] == ids[1]
    client = connect(place)
    run = client.get_run(ids[0])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"hidden_size": "33", "long": "好" * 6000}
    assert [(m.step, m.value) for m in client.get_metric_history(ids[0], "loss")] == [(1, 3.0), (2, 2.5)]


def test_all_points_arrive_once_when_mlflow_was_away(
    place: Place, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails before and after it has taken the points: nothing is lost and nothing doubled."""
    answers = iter(["down", "down", "lost answer"])

    def flaky(place: Place) -> Any:
        client = connect(place)
        state = next(answers, "up")
        if state == "down":
            raise ConnectionError(state)
        if state == "lost answer":
            original = client.log_batch

            def log_and_fail(*args: Any, **kwargs: Any) -> None:
                original(*args, **kwargs)
                raise ConnectionError(state)

            client.log_batch = log_and_fail
        return client

    monkeypatch.setattr(tracking, "connect", flaky)
    monkeypatch.setattr(tracking, "FIRST_BACK_OFF_SECONDS", 0.01)
    tracker = MlflowTracker(place, experiment=experiment, key="k", name="n")
    for step in range(2500):
        tracker.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
    run_id = tracker.finish()
    monkeypatch.undo()
    history = connect(place).get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(2500))


def test_a_file_is_put_beside_the_curves_and_one_that_is_not_taken_is_said(
    place: Place, experiment: str, caplog: pytest.LogCaptureFixture
) -> None:
    with MlflowTracker(place, experiment=experiment, key="k", name="n") as tracker:
        tracker.log_text("refresh.html", "<h1>灯笼</h1>")
        tracker.log_text("../outside.html", "no")
        tracker.log_metrics({"loss": 1.0}, step=0)
        run_id = tracker.finish()
    client = connect(place)
    assert [file.path for file in client.list_artifacts(run_id)] == ["refresh.html"]
    assert Path(client.download_artifacts(run_id, "refresh.html")).read_text(encoding="utf-8") == "<h1>灯笼</h1>"
    assert client.get_run(run_id).info.status == "FINISHED"
    assert "does not take ../outside.html" in caplog.text


def test_an_error_in_the_work_marks_the_run_as_failed(place: Place, experiment: str) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        MlflowTracker(place, experiment=experiment, key="k", name="n") as tracker,
    ):
        tracker.log_metrics({"loss": 1 / 0}, step=0)
    client = connect(place)
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    assert [run.info.status for run in client.search_runs([experiment_id])] == ["FAILED"]


def test_an_experiment_that_was_deleted_in_mlflow_is_restored_with_a_word(
    place: Place, experiment: str, caplog: pytest.LogCaptureFixture
) -> None:
    """MLflow gives its name to no other, and takes no run into it: each later night would end there."""
    client = connect(place)
    number = open_experiment(client, place, experiment)
    client.delete_experiment(number)
    run = open_run(client, place, experiment=experiment, key="night-1", name="night", tags={})
    assert (run.info.experiment_id, run.info.status) == (number, "RUNNING")
    assert caplog.messages == [f"the experiment {experiment} was deleted in MLflow; nights need it, so it is restored"]
    assert open_experiment(client, place, experiment) == number
    assert len(caplog.messages) == 1
