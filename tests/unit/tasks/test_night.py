"""Who gets the workspace: a night waits for upkeep, and for nothing else."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import RunRecord, Workspace, new_run
from tasks import night
from tasks.night import Given, LogReporter, look_back, open_night, with_given
from tasks.runtime import UPKEEP, PlainRuntime
from tests.held import holder
from tests.tiny_night import tiny_settings

BUSY = "another run is at work here"


class Heard(LogReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """One line."""
        self.said.append(text)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return tiny_settings(tmp_path / "workspace", tmp_path)


@pytest.mark.parametrize("upkeep", UPKEEP)
def test_a_night_waits_for_upkeep(settings: Settings, upkeep: str) -> None:
    heard = Heard()
    with holder(Workspace(settings.workspace), "looking", flow=upkeep) as process:
        timer = threading.Timer(1.0, process.kill)
        timer.start()
        began = time.monotonic()
        with with_given(Given(heard)), open_night(settings, "nightly", PlainRuntime()):
            assert time.monotonic() - began > 0.9
        timer.join()
    assert heard.said[0] == f"waiting for {upkeep}, which is at work here"


@pytest.mark.parametrize(("flow", "other"), [("nightly", "nightly"), ("gc", "gc"), ("gc", "nightly"), ("nightly", "")])
def test_nobody_waits_for_a_night_nor_upkeep_for_anything(settings: Settings, flow: str, other: str) -> None:
    workspace = Workspace(settings.workspace)
    with holder(workspace, "train" if other else "", flow=other):
        began = time.monotonic()
        with (
            pytest.raises(WorkspaceBusy, match=BUSY),
            open_night(settings, flow, PlainRuntime()),
        ):
            pass
        assert time.monotonic() - began < 20


def test_nobody_waits_long_for_whom_this_machine_does_not_know(settings: Settings) -> None:
    """As on a disk that two machines share: the process that the lock names is not here."""
    workspace = Workspace(settings.workspace)
    with holder(workspace, "train"):
        (workspace.state / "lock").write_text(str(2**22 + 1))
        began = time.monotonic()
        with pytest.raises(WorkspaceBusy, match=BUSY), open_night(settings, "nightly", PlainRuntime()):
            pass
        assert time.monotonic() - began < 30


def test_a_night_does_not_wait_for_ever(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night, "UPKEEP_SECONDS", 0.1)
    with (
        holder(Workspace(settings.workspace), "looking", flow="gc"),
        pytest.raises(WorkspaceBusy, match=BUSY),
        open_night(settings, "nightly", PlainRuntime()),
    ):
        pass


class Reaping(PlainRuntime):
    """Remembers of which runs it was told, and answers that its server was."""

    def __init__(self, *, answers: bool) -> None:
        super().__init__()
        self.answers, self.told = answers, list[str]()

    def reap(self, record: RunRecord) -> bool:
        self.told.append(record.run_id)
        return self.answers


def test_runs_that_were_killed_or_stopped_are_told_once_prefect_answers(settings: Settings) -> None:
    workspace, heard = Workspace(settings.workspace), Heard()
    for name, state in (("one", "killed"), ("two", "stopped"), ("three", "completed"), ("four", "failed")):
        workspace.save_run(replace(new_run(name, "nightly", "tiny"), state=state, ended=1.0, message="killed; x"))
    for answers, told in ((False, {"one", "two"}), (True, {"one", "two"}), (True, set())):
        runtime = Reaping(answers=answers)
        look_back(workspace, runtime, heard)
        assert set(runtime.told) == told
    assert heard.said == ["nightly was killed; going on from there"] * 2
