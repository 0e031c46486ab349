"""Backups and deletions take turns."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.store.still import LOCK, no_backup_beside, nothing_deleted_beside

HOLDER = """
import sys
from pathlib import Path
from pipeline_lib.store.still import no_backup_beside

with no_backup_beside(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def deleter(root: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that deletes until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_nothing_is_deleted_beside_a_backup(tmp_path: Path) -> None:
    with nothing_deleted_beside(tmp_path, wait_seconds=0, say=print):
        with pytest.raises(WorkspaceBusy, match="a backup is being made here"), no_backup_beside(tmp_path):
            pytest.fail("this is deleted beside it")
        assert (tmp_path / "state" / LOCK).read_text()
    assert (tmp_path / "state" / LOCK).read_text() == ""
    with no_backup_beside(tmp_path):
        pass


def test_a_backup_waits_for_who_deletes_and_says_so_once(tmp_path: Path) -> None:
    said: list[str] = []
    with deleter(tmp_path) as process:
        assert process.stdin is not None
        threading.Timer(1.0, process.stdin.close).start()
        with nothing_deleted_beside(tmp_path, wait_seconds=60, say=said.append):
            pass
    assert len(said) == 1
    assert f"process {process.pid}" in said[0]


def test_a_backup_gives_up_in_the_end(tmp_path: Path) -> None:
    waiting = nothing_deleted_beside(tmp_path, wait_seconds=0, say=print)
    with deleter(tmp_path), pytest.raises(WorkspaceBusy, match="Wait for its end"), waiting:
        pass


def test_who_was_killed_holds_nothing(tmp_path: Path) -> None:
    with deleter(tmp_path) as process:
        process.kill()
        process.wait()
        with nothing_deleted_beside(tmp_path, wait_seconds=0, say=print):
            pass
