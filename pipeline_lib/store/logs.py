"""Logs of long-lived servers, bounded: a full one goes to a numbered file beside it, and the oldest of those goes.

A server holds its log open, so what is in it is copied away and the file emptied; who appends goes on at its start.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 10 << 20
KEPT = 3  # prefect-server.log.1 is the newest


def rotate(path: Path, *, most_bytes: int = MOST_BYTES) -> bool:
    """Whether the log was full and is empty now. Where that cannot be (a full disk, something odd in the way) it stays
    as it is: a log is no reason to end what is logged."""
    copied = path.with_name(f"{path.name}.new")
    try:
        if path.stat().st_size < most_bytes:
            return False
        shutil.copyfile(path, copied)
        for number in range(KEPT - 1, 0, -1):
            with suppress(FileNotFoundError):
                _numbered(path, number).replace(_numbered(path, number + 1))
        copied.replace(_numbered(path, 1))
        os.truncate(path, 0)
    except OSError:
        with suppress(OSError):
            copied.unlink()
        return False
    return True


def rotated(folder: Path) -> list[Path]:
    """The full logs in a folder that were put beside their successors."""
    return [path for path in sorted(folder.glob("*.log.*")) if path.suffix[1:].isdecimal() and path.is_file()]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
