"""Leaving a process that has nothing left to do, while parts of it would wait for a server that is gone.

At the end of the interpreter Prefect waits until all its events and log lines are sent: a minute, where nobody takes
them. Once `do_not_wait` was said, `leave` ends the process at once. One that somebody else ends (a Prefect worker's)
ends by itself some seconds later, all of its work being done.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

GRACE_SECONDS = 10.0  # to return from the flow, and to say so to the worker

_waits = True
_last: list[Callable[[], object]] = []  # what is done at the end in any case


def at_the_end(do: Callable[[], object]) -> None:
    """Do this at the end of the process, also where nobody is waited for: it must be quick, and do no harm twice."""
    _last.append(do)
    atexit.register(do)


def do_not_wait(*, leaves_with: int | None = None) -> None:
    """From now on nobody is waited for at the end. `leaves_with`: the exit status of a process that somebody else ends,
    and that has nothing left to do but to return."""
    global _waits
    _waits = False
    if leaves_with is not None:
        threading.Thread(target=_leave_soon, args=(leaves_with,), name="leaving", daemon=True).start()


def is_waiting() -> bool:
    """Whether the end of this process waits for others."""
    return _waits


def _leave_soon(status: int) -> None:
    time.sleep(GRACE_SECONDS)
    _end(status)


def leave(status: int | str | None) -> NoReturn:
    """End the process with this exit status."""
    if _waits or not (status is None or isinstance(status, int)):
        sys.exit(status)
    _end(status or 0)


def _end(status: int) -> NoReturn:
    try:
        for do in _last:
            do()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
