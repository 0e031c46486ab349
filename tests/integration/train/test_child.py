"""The real training process: started by torchrun, killed with -9, started again."""

import hashlib
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.train import stage
from pipeline_lib.train.job import is_finished, write_job
from tests.tiny_training import TINY

SETTINGS = TINY.model_copy(update={"deadline_minutes": 2.0})
NUM_STEPS = 10


def run(work: Path, inputs: stage.TrainInputs) -> dict[str, str]:
    """Train; the digests of all files of the artifact."""
    out = work / "out"
    out.mkdir(parents=True)
    order = replace(inputs, num_rows=NUM_STEPS * SETTINGS.batch_rows)
    stage.run(SETTINGS, order, work / "work", out, on_progress=lambda progress: None)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, inputs: stage.TrainInputs) -> dict[str, str]:
    return run(tmp_path_factory.mktemp("undisturbed"), inputs)


def processes_about(work: Path) -> list[int]:
    """Processes whose command line names the work folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(str(work) in part for part in process.info["cmdline"] or []):
            found.append(process.pid)
    return found


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(condition())


@pytest.mark.parametrize("place", ["before_checkpoint:2", "step:9"])
def test_a_training_process_killed_with_9_is_an_upstream_error_and_resumes_to_the_same_bytes(
    undisturbed: dict[str, str],
    tmp_path: Path,
    inputs: stage.TrainInputs,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    monkeypatch.setenv(VARIABLE, f"train:{place}")
    with pytest.raises(UpstreamError, match="ended from outside"):
        run(tmp_path / "first", inputs)
    monkeypatch.delenv(VARIABLE)
    (tmp_path / "second").mkdir()
    (tmp_path / "first" / "work").rename(tmp_path / "second" / "work")
    assert run(tmp_path / "second", inputs) == undisturbed


NIGHT = """
import sys
from pathlib import Path
from pipeline_lib.train import stage
from pipeline_lib.train.job import read_job

folder = Path(sys.argv[1])
settings, inputs = read_job(folder / "order")
stage.run(settings, inputs, folder / "work", folder, on_progress=lambda progress: None)
"""


def test_a_night_killed_with_9_leaves_no_process_behind(tmp_path: Path, inputs: stage.TrainInputs) -> None:
    """The training that is left alone has half a minute of work before it."""
    write_job(
        tmp_path / "order",
        SETTINGS.model_copy(update={"num_epochs": 100, "num_layers": 8}),
        replace(inputs, num_rows=100_000),
    )
    environment = {**os.environ, VARIABLE: "train:progress:3"}
    night = subprocess.Popen([sys.executable, "-c", NIGHT, str(tmp_path)], env=environment, start_new_session=True)
    assert wait_until(lambda: len(processes_about(tmp_path / "work")) >= 2, 60)
    assert night.wait(timeout=60) == -9
    assert wait_until(lambda: not processes_about(tmp_path), 10)
    assert not is_finished(tmp_path / "work")


def test_a_training_asks_nobody_and_answers_nobody(tmp_path: Path, inputs: stage.TrainInputs) -> None:
    """torch looks up the name of each address that it is connected to, its own, too."""
    num_processes, addresses = [], set()

    def look(_progress: stage.Progress) -> None:
        about = processes_about(tmp_path / "work")
        num_processes.append(len(about))
        for pid in about:
            with suppress(psutil.Error):  # it has just ended
                addresses.update(one.laddr.ip for one in psutil.Process(pid).net_connections())

    (tmp_path / "out").mkdir()
    order = replace(inputs, num_rows=NUM_STEPS * SETTINGS.batch_rows)
    stage.run(SETTINGS, order, tmp_path / "work", tmp_path / "out", on_progress=look)
    assert max(num_processes) >= 2
    assert addresses <= {"127.0.0.1"}  # gloo's, in any case


def test_a_training_leaves_nothing_among_the_temporary_files(
    tmp_path: Path, inputs: stage.TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    run(tmp_path / "here", inputs)
    assert list(temporary.iterdir()) == []
