"""Children that never outlive us: a process group under a small supervisor, which ends it when its parent is gone.

`kill -9` gives a parent no chance to stop its children, and a signal to our process group does not reach children in
groups of their own. So each server and each training job runs below a supervisor (this module as a program) in a
session of its own, which looks every 0.2 s whether its parent is still the process that started it:

    nightshift -> supervisor (own session) -> child and all it starts

SIGTERM to the supervisor goes on to the child's group; what is still there after the grace is killed with SIGKILL.
`prctl(PR_SET_PDEATHSIG)` would be shorter, but fires when the *thread* that started the child ends, and is Linux only.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

POLL_SECONDS = 0.2
GRACE_SECONDS = 30.0


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

    `terminate()` sends SIGTERM to the child's group and SIGKILL after `grace_seconds`; `kill()` is noticed by nobody
    but the supervisor, so use `terminate()`.
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
    """Watch `parent` from a thread of this process and leave at once when it is gone. For pool workers."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os._exit(137)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _supervise(parent: int, grace_seconds: float, argv: Sequence[str]) -> int:
    # A shell that starts us in the background ignores SIGINT, and so would all children: a Prefect worker then never
    # ends on SIGTERM, since it turns that into a SIGINT for itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    child = subprocess.Popen(argv)
    wants_end = False

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        nonlocal wants_end
        wants_end = True

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    while child.poll() is None:
        if os.getppid() != parent:
            _end_group(child, 0.0)
        elif wants_end:
            _end_group(child, grace_seconds)
        time.sleep(POLL_SECONDS / 4)
    _kill_rest()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end_group(child: "subprocess.Popen[bytes]", grace_seconds: float) -> None:
    """SIGTERM to all of our session but us, then SIGKILL to whoever is left when the grace is over."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 4)
    if child.poll() is None:
        os.killpg(0, signal.SIGKILL)


def _kill_rest() -> None:
    """Grandchildren that outlived the child (a server's workers) end with it, and so does this process' group."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)


def main() -> None:
    """`lifeline.py PARENT_PID GRACE_SECONDS COMMAND [ARGUMENT ...]`"""
    sys.exit(_supervise(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))


if __name__ == "__main__":
    main()
