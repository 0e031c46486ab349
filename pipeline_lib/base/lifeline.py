"""Children that never outlive us: a process group under a small supervisor, which ends it when its parent is gone.

`kill -9` gives a parent no chance to stop its children, and a signal to our process group does not reach children in
groups of their own. So each server and each training job runs below a supervisor (this module as a program), which
looks 20 times a second whether its parent is still the process that started it:

    nightshift -> supervisor (own session) -> child and all it starts (own group)

SIGTERM to the supervisor goes on to the child's group; what is still there after the grace is killed with SIGKILL.
`prctl(PR_SET_PDEATHSIG)` would be shorter, but it is Linux only, takes no grandchildren along and fires when the
*thread* that started the child ends. Pool workers use it beside a watch of their own, for native code that holds the
interpreter lock; and what a supervisor starts, for when that is killed itself.
"""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0
REST_SECONDS = 2.0
AT_ONCE = signal.SIGUSR1  # to a supervisor: end the child without a grace
PR_SET_PDEATHSIG = 1


def spawn_guarded(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    cwd: Path | None = None,
    grace_seconds: float = GRACE_SECONDS,
) -> subprocess.Popen[bytes]:
    """Start `argv` under a supervisor. The process returned ends with the child's exit status.

    `terminate()` sends SIGTERM to the child's group and SIGKILL after `grace_seconds`; the signal AT_ONCE spares the
    grace. `kill()` leaves the supervisor no time for anything: `end_orphans` of its process id does the rest.
    """
    supervisor = [sys.executable, "-S", "-E", str(Path(__file__).resolve()), str(os.getpid()), str(grace_seconds)]
    return subprocess.Popen(
        [*supervisor, *argv],
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        start_new_session=True,
    )


def exit_with_parent(parent: int) -> None:
    """Leave at once when `parent` is gone. For pool workers, and other processes that cannot have a supervisor."""
    if sys.platform == "linux":
        import ctypes  # servers and their supervisors do without it

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os._exit(137)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _supervise(parent: int, grace_seconds: float, argv: Sequence[str]) -> int:
    # A shell that starts us in the background ignores SIGINT, and so would all children: a Prefect worker then never
    # ends on SIGTERM, since it turns that into a SIGINT for itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wants_end = False

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal wants_end, grace_seconds
        wants_end = True
        if number == AT_ONCE:
            grace_seconds = 0.0

    signal.signal(signal.SIGTERM, ask)
    signal.signal(AT_ONCE, ask)
    child = subprocess.Popen(argv, process_group=0, preexec_fn=_end_with_supervisor(os.getpid()))
    signal.signal(signal.SIGINT, ask)
    ends_at = math.inf
    while child.poll() is None and os.getppid() == parent and time.monotonic() < ends_at:
        if wants_end and ends_at == math.inf:
            ends_at = time.monotonic() + grace_seconds
            _signal(child.pid, signal.SIGTERM)
        time.sleep(POLL_SECONDS)
    if child.poll() is not None:
        _ask_rest(child.pid)
    _signal(child.pid, signal.SIGKILL)
    child.wait()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end_with_supervisor(supervisor: int) -> Callable[[], None] | None:
    """What a child does before it runs its command: see to it that it ends when the supervisor is killed. Linux only;
    elsewhere, and for what the child has started, `end_orphans` does."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # it was quicker
            os._exit(137)

    return arrange


def session_of(supervisor: int) -> list[int]:
    """The processes of a supervisor's session: itself, and what it has started, also where it is gone."""
    import psutil  # a supervisor does without it

    found = []
    for process_id in psutil.pids():
        with suppress(OSError):
            if os.getsid(process_id) == supervisor:
                found.append(process_id)
    return found


def end_orphans(supervisor: int) -> None:
    """Kill what a supervisor that was killed has left behind: it led the session of all of them."""
    for process_id in session_of(supervisor):
        with suppress(OSError):
            os.kill(process_id, signal.SIGKILL)


def _ask_rest(group: int) -> None:
    """Those who outlive the child (a server's workers) may end by themselves, in two seconds: one may be a zombie."""
    ends_at = time.monotonic() + REST_SECONDS
    while _signal(group, signal.SIGTERM) and time.monotonic() < ends_at:
        time.sleep(POLL_SECONDS)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; whether there still is one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """`lifeline.py PARENT_PID GRACE_SECONDS COMMAND [ARGUMENT ...]`"""
    sys.exit(_supervise(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))


if __name__ == "__main__":
    main()
