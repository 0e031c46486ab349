"""What the training process leaves behind when it fails."""

import errno
import os
from pathlib import Path

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.store.files import read_json
from pipeline_lib.train import worker


@pytest.fixture
def fail_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the program with a training that raises; gives what it left in error.json."""
    monkeypatch.setattr(worker, "_torchrun", os.getppid)
    monkeypatch.setattr(worker, "exit_with_parent", lambda parent: None)
    monkeypatch.setattr("sys.argv", ["worker", str(tmp_path)])

    def _fail_with(error: Exception, leaves: type[BaseException]) -> dict[str, str]:
        def train(_work: Path, _started: float) -> None:
            raise error

        monkeypatch.setattr(worker, "_train", train)
        with pytest.raises(leaves):
            worker.main()
        return read_json(tmp_path / "error.json")

    return _fail_with


def test_an_error_of_ours_is_kept_as_it_is(fail_with) -> None:
    left = fail_with(SettingsError("train: too short."), SystemExit)
    assert left == {"kind": "SettingsError", "message": "train: too short."}


def test_a_full_disk_may_recover(fail_with) -> None:
    left = fail_with(OSError(errno.ENOSPC, "No space left on device"), SystemExit)
    assert left["kind"] == "UpstreamError"
    assert "no space left" in left["message"]


def test_a_full_disk_that_a_library_in_rust_has_met_is_one(fail_with) -> None:
    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    left = fail_with(RuntimeError(said), SystemExit)
    assert left["kind"] == "UpstreamError"
    assert "no space left" in left["message"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_want_of_memory_is_named_with_what_to_lower(fail_with, error: Exception) -> None:
    left = fail_with(error, SystemExit)
    assert left == {"kind": "UpstreamError", "message": worker.OUT_OF_MEMORY}


def test_anything_else_keeps_its_first_line_and_its_traceback(fail_with) -> None:
    left = fail_with(RuntimeError("shapes do not match\nids: 1 2 3"), RuntimeError)
    assert left == {"kind": "DataError", "message": "train: RuntimeError: shapes do not match"}


@pytest.mark.parametrize("parent", ["somebody else", "nobody"])
def test_a_process_that_torchrun_did_not_start_leaves_at_once(monkeypatch: pytest.MonkeyPatch, parent: str) -> None:
    """The first process of a container has no parent."""
    if parent == "nobody":
        monkeypatch.setattr("os.getppid", lambda: 0)
    with pytest.raises(SystemExit) as left:
        worker._torchrun()
    assert left.value.code == 137
