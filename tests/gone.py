"""Whether a process has ended."""

import time

import psutil


def is_gone(process_id: int, seconds: float = 10.0) -> bool:
    """Whether it ends in this time; one that nobody has asked for its end (a zombie) has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
