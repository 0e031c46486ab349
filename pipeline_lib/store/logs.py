"""Logs of long-lived servers, bounded: a full one goes to a numbered file beside it, and the oldest of those goes.

A server holds its log open, so what is in it is copied away and the file emptied; who appends goes on at its start.
"""

import shutil
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 10 << 20
KEPT = 3  # prefect-server.log.1 is the newest


def rotate(path: Path, *, most_bytes: int = MOST_BYTES) -> bool:
    """Whether the log was full and is empty now. Where that cannot be, on a full disk, it stays as it is."""
    try:
        if path.stat().st_size < most_bytes:
            return False
        copied = path.with_name(f"{path.name}.new")
        shutil.copyfile(path, copied)
    except OSError:
        with suppress(OSError):
            path.with_name(f"{path.name}.new").unlink()
        return False
    for number in range(KEPT - 1, 0, -1):
        with suppress(FileNotFoundError):
            _numbered(path, number).replace(_numbered(path, number + 1))
    copied.replace(_numbered(path, 1))
    with path.open("r+b") as log:
        log.truncate()
    return True


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
