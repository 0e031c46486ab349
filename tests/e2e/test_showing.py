"""Prefect's server dies, hangs and never comes: the nights go on to their ends, and Prefect shows them later.

One workspace, three nights with a server that is disturbed, and a fourth in which all is told.
"""

import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil
import pytest

from pipeline_lib.store.outbox import Outbox
from tests.e2e.conftest import House
from tests.e2e.test_kill import Night, assert_nobody_is_left, digests, prefect_runs, start, weights
from tests.tiny_night import KEY, NIGHT_SECONDS, Ended, artifacts, run_night

MOST_SECONDS = 60.0  # from the end of the work to that of the command, on a machine that is busy; it took 204 and more
NOT_SHOWN = "the night goes on, and is shown later"
PAGES_OF_ALL = {"refresh-funnel", "model-scores", "gate-report", "mlflow-model"}
PAGES = {*PAGES_OF_ALL, "clean-steps", "training-progress"}


@dataclass(frozen=True)
class Disturbed:
    """A night whose server was disturbed."""

    status: int
    out: str
    err: str
    seconds: float  # from the end of its work to its own


def server_of(night: Night) -> psutil.Process | None:
    """Prefect's server of this night, not its supervisor."""
    for process in psutil.Process(night.process.pid).children(recursive=True):
        try:
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "flows.prefect_app" in words and "lifeline" not in words:
            return process
    return None


def disturbed(house: House, number: signal.Signals, when: Callable[[Night], object]) -> Disturbed:
    """A night whose server gets this signal once it is so."""
    night = start(house)
    night.wait_until(lambda: server_of(night) is not None and when(night))
    server = server_of(night)
    assert server is not None
    server.send_signal(number)
    out, err = night.process.communicate(timeout=NIGHT_SECONDS)
    seconds = time.time() - (night.workspace.runs()[-1].ended or 0.0)
    assert_nobody_is_left(house.workspace)
    return Disturbed(night.process.returncode, " ".join(out.split()), err, seconds)


@dataclass(frozen=True)
class Story:
    """What became of one workspace."""

    house: House
    nights: Sequence[Disturbed]  # killed in the training; stopped at its start; killed before it answered
    kept: Sequence[str]  # the parcels before the last night
    last: Ended


@pytest.fixture(scope="module")
def story(finished_night: House, tmp_path_factory: pytest.TempPathFactory) -> Story:
    house = House(tmp_path_factory.mktemp("showing") / "workspace", finished_night.corpus)
    nights = [
        disturbed(house, signal.SIGKILL, lambda night: night.is_in("train")),
        disturbed(house, signal.SIGSTOP, lambda night: len(night.workspace.runs()) > 1),
        disturbed(house, signal.SIGKILL, lambda night: True),
    ]
    parcels = Outbox(house.workspace, "prefect").folder.glob("*.jsonl")
    kept = [path.read_text(encoding="utf-8") for path in parcels]
    return Story(house, nights, kept, run_night(house.workspace, house.corpus))


def test_no_night_fails_or_waits_for_its_server(story: Story) -> None:
    for night in story.nights:
        assert night.status == 0, night.err
        assert night.err == ""
        assert "version 1 " in night.out
    assert [NOT_SHOWN in night.out for night in story.nights] == [True, True, False]
    assert "Prefect cannot show this night: Prefect server ended at its start" in story.nights[2].out
    assert max(night.seconds for night in story.nights) < MOST_SECONDS


def test_the_artifacts_are_those_of_an_undisturbed_night(story: Story, finished_night: House) -> None:
    made, undisturbed = artifacts(story.house.workspace), artifacts(finished_night.workspace)
    assert digests(made) == digests(undisturbed)
    assert weights(made) == weights(undisturbed)


def test_the_next_night_tells_prefect_how_all_of_them_went(story: Story) -> None:
    assert len(story.kept) == len(story.nights)
    assert story.last.status == 0 and "told Prefect how 3 earlier runs went" in story.last.out, story.last.err
    assert Outbox(story.house.workspace, "prefect").is_empty()
    runs = prefect_runs(story.house.workspace, "flow")
    assert [(name.split("-")[0], state) for name, state, _ in runs] == [("nightly", "COMPLETED")] * 4
    assert all(message.startswith("version 1 ") for _, _, message in runs)


def test_every_task_ends_as_it_did_and_none_is_missing(story: Story) -> None:
    """The third night ran without Prefect: it has no tasks there."""
    tasks = prefect_runs(story.house.workspace, "task")
    assert {state for _, state, _ in tasks} == {"COMPLETED"}
    names = Counter(name for name, _, _ in tasks)
    assert names["train model"] == names["register gate"] == 3
    assert all("ended with its run" not in message for _, _, message in tasks)


def test_the_pages_of_all_nights_are_there(story: Story) -> None:
    """But for how far a training was, which is worth nothing later: it is there where it was shown in time.

    What steps of clean did is shown where they did something.
    """
    with sqlite3.connect(f"file:{story.house.workspace / 'prefect' / 'prefect.db'}?mode=ro", uri=True) as database:
        pages = database.execute("select key, flow_run_id from artifact").fetchall()
    of_runs: dict[str, set[str]] = {}
    for key, run in pages:
        of_runs.setdefault(run, set()).add(key)
    assert None not in of_runs and len(of_runs) == 4
    assert all(PAGES_OF_ALL <= shown <= PAGES for shown in of_runs.values())
    assert PAGES in of_runs.values()


def test_prefect_keeps_no_results(story: Story) -> None:
    """They are in our own records; Prefect's would be a file more each night, and a page without a name."""
    assert list((story.house.workspace / "prefect").glob("storage/*")) == []


def test_what_is_kept_holds_no_document_and_no_secret(story: Story) -> None:
    secret = (story.house.workspace / "prefect" / "auth_string").read_text().strip().split(":")[1]
    assert "version 1 " in "".join(story.kept)
    for text in story.kept:
        assert secret not in text and KEY not in text and "lantern" not in text and "@example.com" not in text
