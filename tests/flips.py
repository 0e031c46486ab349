"""Damage as disks do it: one bit is another one."""

import os
from pathlib import Path


def flip(path: Path) -> None:
    """The lowest bit of the byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_unseen(path: Path) -> None:
    """The same, with the times that the file had: only who opens it can tell."""
    times = path.stat()
    flip(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
