"""The side that watches: a child that works, fails, hangs or is killed. The child here is a few lines of Python."""

import sys
import time
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError, SettingsError, StageTimeout, UpstreamError
from pipeline_lib.store.files import write_json
from pipeline_lib.train import stage
from pipeline_lib.train.checkpoints import put
from pipeline_lib.train.job import TrainInputs
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import Progress

ROW = '{"step": 1, "num_steps": 2, "phase": "trunk", "loss": 5.5, "seconds_left": 0.1}'
SUMMARY = dict.fromkeys(stage.FACTS, 1)


def finish(work: Path) -> None:
    """What a training that ended well leaves."""
    for name, files in {"result": ("training.json", "model/weights"), "trunk": ("trunk.json",)}.items():
        for file in files:
            (work / "tmp" / file).parent.mkdir(parents=True, exist_ok=True)
            write_json(work / "tmp" / file, SUMMARY)
        put(work / "tmp", work / name)


@pytest.fixture
def run(tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch):
    """Runs the stage with the given Python lines as its child; gives the outcome and the progress."""

    def _run(child: str, *, deadline_seconds: float = 20):
        monkeypatch.setattr(stage, "COMMAND", (sys.executable, "-c", f"import sys; work = sys.argv[1]\n{child}"))
        monkeypatch.setattr(stage, "POLL_SECONDS", 0.05)
        seen: list[Progress] = []
        (tmp_path / "out").mkdir(exist_ok=True)
        soon = settings.model_copy(update={"deadline_minutes": deadline_seconds / 60})
        outcome = stage.run(soon, inputs, tmp_path / "work", tmp_path / "out", on_progress=seen.append)
        return outcome, seen

    return _run


def test_the_stage_hands_on_progress_and_takes_the_result(run, tmp_path: Path) -> None:
    lines = f"""
open(work + '/metrics.jsonl', 'w').write('{ROW}\\n')
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import test_stage
test_stage.finish(Path(work))
"""
    outcome, seen = run(lines)
    assert [(progress.phase, progress.step, progress.loss) for progress in seen] == [
        ("starting", 0, None),
        ("trunk", 1, 5.5),
    ]
    assert (outcome.rows_in, outcome.rows_out, outcome.facts["num_steps"]) == (1, 1, 1)
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files == ["model/weights", "training.json", "trunk/trunk.json"]


def test_a_finished_work_folder_needs_no_child(run, tmp_path: Path) -> None:
    finish(tmp_path / "work")
    outcome, seen = run("sys.exit(1)")
    assert (outcome.rows_in, seen) == (1, [])


def test_an_error_of_the_child_is_raised_as_what_it_is(run) -> None:
    lines = """
open(work + '/error.json', 'w').write('{"kind": "SettingsError", "message": "train: too short."}')
sys.exit(1)
"""
    with pytest.raises(SettingsError, match=r"train: too short\."):
        run(lines)


def test_a_child_that_was_killed_may_be_tried_again(run) -> None:
    with pytest.raises(UpstreamError, match=r"ended from outside \(status 137"):
        run("import os; os.kill(os.getpid(), 9)")


def test_an_error_of_an_earlier_try_is_not_taken_for_this_ones(run, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    write_json(tmp_path / "work" / "error.json", {"kind": "DataError", "message": "old"})
    with pytest.raises(UpstreamError):
        run("sys.exit(7)")


def test_at_the_deadline_the_child_is_asked_to_end_and_its_checkpoint_is_waited_for(run, tmp_path: Path) -> None:
    lines = """
import signal, time
def end(*_):
    time.sleep(0.3); open(work + '/saved', 'w').write('x'); sys.exit(143)
signal.signal(signal.SIGTERM, end)
time.sleep(60)
"""
    started = time.monotonic()
    with pytest.raises(StageTimeout, match="passed its deadline"):
        run(lines, deadline_seconds=3)  # a busy machine starts a Python in a second or two
    assert (tmp_path / "work" / "saved").exists()
    assert time.monotonic() - started < 30


def test_a_result_that_was_damaged_is_refused(tmp_path: Path) -> None:
    finish(tmp_path)
    (tmp_path / "result" / "model" / "weights").write_text("{}")
    with pytest.raises(DataError, match=r"model/weights differs\. Delete"):
        stage._take(tmp_path / "result", tmp_path / "out")
