"""Who holds the lock of a workspace: told without trying to take it, which could turn away a night that begins.

The file of the lock names the process that took it, and is empty again when that lets it go. After a kill the name
stays: then its process is gone, or another one has got its id since.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

COMMAND_CHARACTERS = 80


@dataclass(frozen=True)
class Holder:
    """A process that works in a workspace."""

    process_id: int
    command: str  # as far as its first option
    since: float  # Unix seconds


def holder_of(lock: Path) -> Holder | None:
    """Who holds the lock in this file; None when nobody does."""
    try:
        process_id, since = int(lock.read_text(encoding="ascii")), lock.stat().st_mtime
        process = psutil.Process(process_id)
        if process.create_time() > since + 1.0 or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Holder(process_id, _short(process.cmdline()), since)
    except (OSError, ValueError, psutil.Error):
        return None


def name_holder(descriptor: int) -> None:
    """Write into the file of a lock, which this process has taken, that it did.

    On a full disk nobody is named, and the lock is held all the same: who makes room has to take it.
    """
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())


def _short(words: list[str]) -> str:
    """A command as people call it: `nightshift run`, not the folder it lies in, nor fifty settings."""
    first = next((number for number, word in enumerate(words) if word.startswith("--")), len(words))
    shown = " ".join([Path(words[0]).name, *words[1:first]]) if words else ""
    return " ".join(shown.split())[:COMMAND_CHARACTERS]
