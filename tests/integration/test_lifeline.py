"""Supervised children: they end when asked, when their grace is over, and with a parent that had no time to ask."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline_lib.base.lifeline import AT_ONCE, end_orphans, spawn_guarded
from tests.gone import is_gone

PYTHON = sys.executable

# A process that writes its id to argv[1], leaves SIGTERM aside when argv[2] says so, and stays for ten minutes.
STAY = """
import os, signal, sys, time
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1] + ".part", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""

# Starts a child that stays, waits for its id, and then does what argv[3] says.
MOTHER = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", os.environ["STAY"], sys.argv[1], sys.argv[2]])
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
if sys.argv[3] == "stay":
    time.sleep(600)
"""

PARENT = """
import sys, time
from pipeline_lib.base.lifeline import AT_ONCE, end_orphans, spawn_guarded
spawn_guarded(sys.argv[1:])
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAY", STAY)


def pid_in(path: Path) -> int:
    deadline = time.monotonic() + 30
    while not (written := path.read_text() if path.exists() else "") and time.monotonic() < deadline:
        time.sleep(0.01)  # there before it is written to
    return int(written)


@pytest.mark.parametrize(
    ("code", "status"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_it_ends_with_the_status_of_its_child(code: str, status: int) -> None:
    assert spawn_guarded([PYTHON, "-S", "-c", code]).wait(timeout=30) == status


def test_terminate_asks_the_child_which_may_end_in_its_own_way(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "open(sys.argv[1], 'w').write('1')\n"
        "time.sleep(600)"
    )
    supervisor = spawn_guarded([PYTHON, "-c", code, str(tmp_path / "ready")])
    pid_in(tmp_path / "ready")
    supervisor.terminate()
    assert supervisor.wait(timeout=30) == 7


def test_a_child_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    supervisor = spawn_guarded([PYTHON, "-c", STAY, str(tmp_path / "pid"), "deaf"], grace_seconds=0.3)
    child = pid_in(tmp_path / "pid")
    supervisor.terminate()
    assert supervisor.wait(timeout=30) == 137
    assert is_gone(child)


def test_a_child_that_does_not_listen_can_be_killed_at_once(tmp_path: Path) -> None:
    supervisor = spawn_guarded([PYTHON, "-c", STAY, str(tmp_path / "pid"), "deaf"], grace_seconds=600)
    child = pid_in(tmp_path / "pid")
    supervisor.send_signal(AT_ONCE)
    assert supervisor.wait(timeout=30) == 137
    assert is_gone(child)


ONLY_LINUX_TELLS_A_CHILD = (
    "only Linux tells a child of the end of its parent (PR_SET_PDEATHSIG); elsewhere what a killed supervisor leaves "
    "is found by its session, which the next test holds on every system"
)


@pytest.mark.skipif(sys.platform != "linux", reason=ONLY_LINUX_TELLS_A_CHILD)
def test_kill_9_of_the_supervisor_ends_the_child(tmp_path: Path) -> None:
    supervisor = spawn_guarded([PYTHON, "-c", STAY, str(tmp_path / "pid"), "deaf"])
    child = pid_in(tmp_path / "pid")
    supervisor.kill()
    supervisor.wait(timeout=10)
    assert is_gone(child)


def test_what_a_killed_supervisor_has_left_behind_is_found_by_its_session(tmp_path: Path) -> None:
    """Also grandchildren, of whom nobody tells the end of anybody."""
    supervisor = spawn_guarded([PYTHON, "-c", MOTHER, str(tmp_path / "pid"), "deaf", "stay"])
    grandchild = pid_in(tmp_path / "pid")
    supervisor.kill()
    supervisor.wait(timeout=10)
    end_orphans(supervisor.pid)
    assert is_gone(grandchild)


@pytest.mark.parametrize("hearing", ["hears", "deaf"])
def test_grandchildren_end_with_the_child_that_left_them(tmp_path: Path, hearing: str) -> None:
    supervisor = spawn_guarded([PYTHON, "-c", MOTHER, str(tmp_path / "pid"), hearing, "leave"])
    assert supervisor.wait(timeout=30) == 0
    assert is_gone(pid_in(tmp_path / "pid"))


def test_kill_9_of_the_parent_ends_child_and_deaf_grandchild(tmp_path: Path) -> None:
    command = [PYTHON, "-c", MOTHER, str(tmp_path / "pid"), "deaf", "stay"]
    parent = subprocess.Popen([PYTHON, "-c", PARENT, *command])
    grandchild = pid_in(tmp_path / "pid")
    child = psutil.Process(grandchild).ppid()
    supervisor = psutil.Process(child).ppid()
    assert psutil.Process(supervisor).ppid() == parent.pid
    parent.kill()
    parent.wait(timeout=10)
    assert is_gone(grandchild)
    assert is_gone(child)
    assert is_gone(supervisor)


def test_a_signal_to_our_process_group_does_not_reach_the_child(tmp_path: Path) -> None:
    """Ctrl-C at a terminal goes to the group: a training would lose its time to write a checkpoint."""
    supervisor = spawn_guarded([PYTHON, "-c", STAY, str(tmp_path / "pid"), "hears"])
    child = pid_in(tmp_path / "pid")
    assert os.getpgid(child) not in (os.getpgid(0), os.getpgid(supervisor.pid))
    assert os.getsid(child) == os.getsid(supervisor.pid) != os.getsid(0)
    supervisor.terminate()
    assert supervisor.wait(timeout=30) == 143


def test_a_child_hears_ctrl_c_although_a_shell_told_its_parent_not_to(tmp_path: Path) -> None:
    """A shell that starts a job in the background ignores SIGINT for it, and a Prefect worker ends by SIGINT."""
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with (tmp_path / "out").open("wb") as out:
            assert spawn_guarded([PYTHON, "-c", code], stdout=out).wait(timeout=30) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "out").read_text() == "True\n"
