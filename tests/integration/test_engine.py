"""The pool of worker processes: order, errors, deadlines, and that no worker is ever left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline_lib.base.errors import StageTimeout, UpstreamError
from pipeline_lib.run.engine import Engine
from tests.gone import is_gone

WHAT = "clean 0001-docs"


def own_pid(_job: int) -> int:
    return os.getpid()


def wait_for(path: Path) -> int:
    """Return the process id once the file is there."""
    while not path.exists():
        time.sleep(0.01)
    return os.getpid()


def fail_beside_another(folder: Path) -> None:
    """The first job fails once the second has begun, the second ends after that, the others leave a mark."""
    number = int(folder.name)
    if number == 0:
        wait_for(folder.parent / "began")
        raise ValueError("broken shard")
    if number == 1:
        (folder.parent / "began").touch()
        time.sleep(0.5)
        (folder.parent / "ended").touch()
    (folder.parent / f"mark-{number}").touch()


def say_pid_and(path: Path) -> None:
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path)


def sleep_long(path: Path) -> None:
    say_pid_and(path)
    time.sleep(600)


def compute_long(path: Path) -> None:
    """Native code that never lets go of the interpreter lock: no thread and no signal handler of Python runs."""
    say_pid_and(path)
    sum(range(10**12))


def die(_job: int) -> None:
    os._exit(3)


def test_results_come_with_their_index_in_the_order_of_completion_from_workers_that_stay(tmp_path: Path) -> None:
    with Engine(2) as engine:
        for name in "bc":
            (tmp_path / name).touch()
        jobs = [tmp_path / name for name in "abc"]
        results = engine.map(wait_for, jobs, deadline_seconds=60, what=WHAT)
        first = dict([next(results), next(results)])
        (tmp_path / "a").touch()
        last = dict(results)
        again = engine.call(own_pid, 0, deadline_seconds=60, what=WHAT)
    assert sorted(first) == [1, 2]
    assert list(last) == [0]
    pids = {*first.values(), *last.values(), again}
    assert len(pids) <= 2
    assert os.getpid() not in pids
    assert all(is_gone(pid) for pid in pids)


def test_an_error_is_raised_as_it_is_after_the_running_jobs_ended_and_no_other_begins(tmp_path: Path) -> None:
    jobs = [tmp_path / str(number) for number in range(40)]
    with Engine(2) as engine:
        with pytest.raises(ValueError, match=r"^broken shard$"):
            list(engine.map(fail_beside_another, jobs, deadline_seconds=60, what=WHAT))
        assert (tmp_path / "ended").exists()
        marks = len(list(tmp_path.glob("mark-*")))
        engine.call(own_pid, 0, deadline_seconds=60, what=WHAT)
        assert len(list(tmp_path.glob("mark-*"))) == marks < 10


@pytest.mark.parametrize("hang", [sleep_long, compute_long])
def test_a_job_that_hangs_is_killed_at_the_deadline_and_the_engine_goes_on(hang, tmp_path: Path) -> None:
    with Engine(1) as engine:
        engine.call(own_pid, 0, deadline_seconds=60, what=WHAT)
        with pytest.raises(StageTimeout, match=r"^clean 0001-docs: not done after 0\.02 minutes and stopped\."):
            engine.call(hang, tmp_path / "pid", deadline_seconds=1.2, what=WHAT)
        assert is_gone(int((tmp_path / "pid").read_text()))
        assert engine.call(own_pid, 0, deadline_seconds=60, what=WHAT) != os.getpid()


def test_a_worker_that_dies_is_an_upstream_error_and_the_engine_goes_on() -> None:
    with Engine(1) as engine:
        with pytest.raises(UpstreamError, match=r"^clean 0001-docs: a worker process died"):
            engine.call(die, 0, deadline_seconds=60, what=WHAT)
        worker = engine.call(own_pid, 0, deadline_seconds=60, what=WHAT)
        os.kill(worker, signal.SIGKILL)  # while it has nothing to do
        assert is_gone(worker)
        time.sleep(0.2)  # until the pool has seen it
        with pytest.raises(UpstreamError, match="a worker process died"):
            engine.call(own_pid, 0, deadline_seconds=60, what=WHAT)
        assert engine.call(own_pid, 0, deadline_seconds=60, what=WHAT) != worker


def test_leaving_with_an_error_does_not_wait_for_a_hanging_worker(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    with pytest.raises(KeyboardInterrupt), Engine(2) as engine:
        for _ in engine.map(touch_or_hang, [tmp_path / "go", tmp_path / "pid"], deadline_seconds=600, what=WHAT):
            wait_for(tmp_path / "pid")
            raise KeyboardInterrupt
    assert is_gone(int((tmp_path / "pid").read_text()))


def touch_or_hang(path: Path) -> None:
    if path.name == "pid":
        sleep_long(path)


PARENT = """
import sys
from pathlib import Path
from pipeline_lib.run.engine import Engine
from tests.integration.test_engine import compute_long, sleep_long

if __name__ == "__main__":
    with Engine(2) as engine:
        paths = [Path(sys.argv[1]), Path(sys.argv[2])]
        engine.call(compute_long, paths[0], deadline_seconds=600, what="x")
"""


def test_a_worker_in_native_code_ends_with_a_parent_that_is_killed_with_9(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "pid"), str(tmp_path / "b")])
    wait_for(tmp_path / "pid")
    parent.kill()
    assert parent.wait(timeout=10) == -9
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_no_jobs_need_no_worker() -> None:
    with Engine(1) as engine:
        assert list(engine.map(own_pid, [], deadline_seconds=0.0, what=WHAT)) == []


def leave_pid(folder: Path) -> None:
    """Takes its time, so that a job that did not wait would run elsewhere."""
    time.sleep(0.3)
    (folder / str(os.getpid())).touch()


def fail_to_load(_job: int) -> None:
    raise ImportError("not installed")


def test_first_jobs_run_where_workers_have_warmed_up(tmp_path: Path) -> None:
    with Engine(2) as engine:
        engine.warm(leave_pid, tmp_path, 1)
        pids = {str(engine.call(own_pid, number, deadline_seconds=60, what=WHAT)) for number in range(3)}
        assert pids == {path.name for path in tmp_path.iterdir()}


def test_no_more_workers_warm_up_than_there_may_be(tmp_path: Path) -> None:
    with Engine(2) as engine:
        engine.warm(leave_pid, tmp_path, 8)
        assert engine.call(own_pid, 0, deadline_seconds=60, what=WHAT)
        assert len(list(tmp_path.iterdir())) == 2


def test_a_warm_up_that_fails_is_nobodys_concern() -> None:
    with Engine(1) as engine:
        engine.warm(fail_to_load, 0, 1)
        assert engine.call(own_pid, 0, deadline_seconds=60, what=WHAT)
