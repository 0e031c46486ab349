"""While a backup is made nothing of its workspace is deleted; while something is deleted no backup is begun.

    state/backup.lock    held by a backup, and by whoever deletes what nights have made (gc)

Nights do not take it: what they add bothers no backup, and what they put in the place of damage is the same once more.
The lock is the operating system's: it ends with the process that holds it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.store.files import open_lock, took_lock
from pipeline_lib.store.holder import holder_of, name_holder

LOCK = "backup.lock"
LOOK_SECONDS = 0.2


@contextmanager
def nothing_deleted_beside(root: Path, *, wait_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """For a backup: wait until nobody deletes here or makes another backup, and keep others from it.

    Raises `WorkspaceBusy` when that takes longer than `wait_seconds`.
    """
    with _taken(root, wait_seconds, say):
        yield


@contextmanager
def no_backup_beside(root: Path) -> Iterator[None]:
    """For whoever deletes. Raises `WorkspaceBusy` at once while a backup is made."""
    with _taken(root, 0.0, lambda _line: None):
        yield


@contextmanager
def _taken(root: Path, wait_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    path, ends_at = root / "state" / LOCK, time.monotonic() + wait_seconds
    descriptor, is_told = open_lock(path), False
    try:
        while not took_lock(descriptor):
            if time.monotonic() >= ends_at:
                raise WorkspaceBusy(f"{root}: {_who(path)}. Wait for its end, and run again.")
            if not is_told:
                say(f"waiting: {_who(path)}")
                is_told = True
            time.sleep(LOOK_SECONDS)
        name_holder(descriptor)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)  # nobody holds it
    finally:
        os.close(descriptor)


def _who(path: Path) -> str:
    holder = holder_of(path)
    who = f"process {holder.process_id}: {holder.command}" if holder is not None else "a process that begins just now"
    return f"a backup is being made here, or something is being deleted ({who})"
