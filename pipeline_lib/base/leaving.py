"""Leaving a process that has nothing left to do, while parts of it would wait for a server that is gone.

At the end of the interpreter Prefect waits until all its events and log lines are sent: a minute, where nobody takes
them. Once `do_not_wait` was said, `leave` ends the process at once. Where somebody else ends it (a Prefect worker's
process), it ends some seconds after its main thread.
"""

import os
import sys
import threading
import time
from typing import NoReturn

GRACE_SECONDS = 3.0

_waits = True


def do_not_wait(*, is_good: bool | None = None) -> None:
    """From now on nobody is waited for at the end. `is_good`: whether the process that somebody else ends did well."""
    global _waits
    _waits = False
    if is_good is not None:
        threading.Thread(target=_leave_after_main, args=(0 if is_good else 1,), name="leaving", daemon=True).start()


def is_waiting() -> bool:
    """Whether the end of this process waits for others."""
    return _waits


def _leave_after_main(status: int) -> None:
    threading.main_thread().join()
    time.sleep(GRACE_SECONDS)
    os._exit(status)


def leave(status: int | str | None) -> NoReturn:
    """End the process with this exit status."""
    if _waits or not (status is None or isinstance(status, int)):
        sys.exit(status)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)
