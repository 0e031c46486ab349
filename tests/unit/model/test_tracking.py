"""Tracking addresses, and a tracker whose MLflow is down."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.model import tracking
from pipeline_lib.model.tracking import MlflowTracker, Place, check_answers, place_of, unreachable
from tests.answering import Healthy, answering


def test_the_default_store_is_a_file_of_the_workspace_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = place_of(None, Path("ws"))
    assert place == Place(f"sqlite:///{tmp_path}/ws/mlflow.db", f"file://{tmp_path}/ws/mlartifacts")
    assert place.is_local


@pytest.mark.parametrize("name", ["ws", "a b", "a#b", "100% a%20b", "夜班", "a?b", "file:a?b", "a?b%3F"])
def test_its_path_may_hold_anything(tmp_path: Path, name: str) -> None:
    place = place_of(None, tmp_path / name)
    assert place.is_local
    assert place.database == tmp_path / name / "mlflow.db"
    assert ("?" in place.uri) == ("?" in name)


def test_of_an_address_with_a_query_the_path_is_told() -> None:
    assert Place("sqlite:////x/mlflow.db?timeout=5").database == Path("/x/mlflow.db")


def test_a_configured_server_keeps_its_own_artifacts() -> None:
    assert place_of("http://mlflow:5000", Path("ws")) == Place("http://mlflow:5000", None)


def test_only_a_server_has_pages() -> None:
    assert (
        Place("http://h:5000/").link("1", "abc")
        == "http://h:5000/#/experiments/1/runs/abc?workflowType=machine_learning"
    )
    assert Place("sqlite:////x/mlflow.db").link("1", "abc") is None


def test_a_password_is_not_shown() -> None:
    message = str(unreachable(Place("postgresql://user:secret@db:5432/mlflow")))
    assert "postgresql://db:5432/mlflow" in message
    assert "secret" not in message
    assert "user:" not in message


class _Asking(Healthy):
    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()


@pytest.mark.parametrize("how", [Healthy, _Asking])
@pytest.mark.parametrize("address", ["http://{}", "http://{}/", "http://{}/mlflow", "http://me:se%40cret@{}/mlflow/"])
def test_a_server_that_answers_is_there_whatever_its_address_says(how: type[Healthy], address: str) -> None:
    """A user and a password among it, as MLflow's own client takes them."""
    with answering(how) as url:
        check_answers(Place(address.format(url.removeprefix("http://"))))


def test_one_that_is_gone_is_told_without_the_password_of_its_address() -> None:
    with answering() as url:
        pass
    place = Place(url.replace("http://", "http://me:secret@"))
    with pytest.raises(UpstreamError, match=f"MLflow at {url} cannot be reached"):
        check_answers(place)


def test_a_tracker_that_is_down_is_noticed_only_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(place: Place) -> None:
        raise ConnectionError("down")

    monkeypatch.setattr(tracking, "connect", down)
    tracker = MlflowTracker(Place("http://h"), experiment="e", key="k", name="n", patience_seconds=0.0)
    tracker.log_params({"a": 1})
    tracker.log_metrics({"loss": 2.0}, step=1)
    with pytest.raises(UpstreamError, match="http://h cannot be reached"):
        tracker.finish()


def test_the_error_that_ended_the_work_is_the_one_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(place: Place) -> None:
        raise ConnectionError("down")

    monkeypatch.setattr(tracking, "connect", down)
    with (
        pytest.raises(ValueError, match="the work"),
        MlflowTracker(Place("http://h"), experiment="e", key="k", name="n", patience_seconds=0.0),
    ):
        raise ValueError("the work")


def test_a_point_that_is_logged_while_others_are_sent_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    class Client:
        def log_batch(self, run_id: str, metrics: list[Any]) -> None:
            sent.extend(metric.step for metric in metrics)
            if sent == [1]:
                tracker.log_metrics({"loss": 1.0}, step=2)

        def set_terminated(self, run_id: str, status: str) -> None:
            assert status == "FINISHED"

    run = SimpleNamespace(info=SimpleNamespace(run_id="r", experiment_id="e"))
    monkeypatch.setattr(tracking, "connect", lambda place: Client())
    monkeypatch.setattr(tracking, "FIRST_BACK_OFF_SECONDS", 0.01)
    monkeypatch.setattr(tracking, "open_run", lambda *args, **kwargs: run)
    tracker = MlflowTracker(Place("http://h"), experiment="e", key="k", name="n")
    tracker.log_metrics({"loss": 2.0}, step=1)
    assert tracker.finish() == "r"
    assert sent == [1, 2]
