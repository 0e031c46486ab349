"""What takes minutes is made once a session, also where several processes run its tests (pytest-xdist).

    root = made_once(tmp_path_factory, "finished", make)      the first one calls make(root), the others wait for it
    assert changed_since(root) == []                          all of it is still as it was made
Each worker of pytest-xdist has a temporary folder of its own; the one above it is common to the session.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WORKER_VARIABLE = "PYTEST_XDIST_WORKER"  # of its workers alone
Stamps = dict[str, list[int]]  # size and time of the last change, by path


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name, in which `make` has made everything. What a failed try left is removed first."""
    root = _common_folder(factory) / name
    with _alone(root.with_suffix(".lock")):
        if not _list(root).is_file():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            make(root)
            _list(root).write_text(json.dumps(_stamps(root)), encoding="utf-8")
    return root


def changed_since(root: Path) -> list[str]:
    """The files below `root` that are not as `make` left them, that are gone, or that have come."""
    was: Stamps = json.loads(_list(root).read_text(encoding="utf-8"))
    now = _stamps(root)
    return sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path))


def _common_folder(factory: pytest.TempPathFactory) -> Path:
    own = factory.getbasetemp()
    return own.parent if WORKER_VARIABLE in os.environ else own


def _list(root: Path) -> Path:
    return root.with_suffix(".made")


def _stamps(root: Path) -> Stamps:
    files = {path: path.lstat() for path in sorted(root.rglob("*")) if not path.is_dir()}
    return {str(path.relative_to(root)): [status.st_size, status.st_mtime_ns] for path, status in files.items()}


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
