"""A workspace is its owner's: texts with addresses in them, keys, models. Nobody else reads it.

What Nightshift and its servers write is private from the start (the command line sets the umask, and children inherit
it). What was made otherwise, or opened since, is closed by the next night.
"""

import os
from collections.abc import Iterator
from pathlib import Path

OTHERS = 0o077  # the rights of group and others
NO_OTHERS = 0o700


def close_to_others(root: Path) -> str:
    """Take all rights on a workspace from others; one line about it, "" where there was nothing to do.

    While its root is closed nothing inside is looked at: nobody comes through. Links are left as they are. Where rights
    cannot be changed (a share, a volume), the line says so.
    """
    mode = root.stat().st_mode & 0o777
    if not mode & OTHERS:
        return ""
    try:
        root.chmod(mode & NO_OTHERS)
        failed = sum(not _close(path) for path in _inside(root)) if not _is_open(root) else 1
    except OSError:
        failed = 1
    if failed:
        return (
            f"{root}: others may read this workspace (mode {mode:04o}), and its rights cannot all be changed here. "
            "Texts and keys lie in it: put it where only you can read, or close the folder above it."
        )
    return f"{root}: others could read this workspace (mode {mode:04o}); now only its owner can"


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & OTHERS)


def _inside(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if not path.is_symlink():
                yield path


def _close(path: Path) -> bool:
    """Whether only its owner can read it now, or it is gone."""
    try:
        path.chmod(path.stat().st_mode & NO_OTHERS)
        return not _is_open(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
