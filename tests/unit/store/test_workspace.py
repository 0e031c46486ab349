"""What a workspace remembers: batches, pins, and runs as they really are."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.ingest.packed import Placed
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.ingest.stage import keep
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.holder import holder_of
from pipeline_lib.store.workspace import KEPT_RUNS, Batch, RunRecord, Workspace, new_run
from tests.held import HOLDER, gone_run, holder
from tests.in_child import run_program

ON_A_FULL_DISK = """
import sys
from pathlib import Path
from pipeline_lib.store.files import make_private
from pipeline_lib.store.still import no_backup_beside
from pipeline_lib.store.workspace import Workspace

root = Path(sys.argv[1])
with no_backup_beside(root), Workspace(root).lock():
    print("held", flush=True)
make_private(root / "keys" / "any.key", "secret")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_batches_pins_and_last_fingerprints_come_back_as_they_were_saved(workspace: Workspace) -> None:
    assert (workspace.batches(), workspace.pin("tokenizer", Ref), workspace.last("clean-x")) == ([], None, [])
    batches = [Batch(1, "docs", "aa"), Batch(2, "mail", "bb")]
    workspace.save_batches(batches)
    workspace.save_pin("tokenizer", Ref("tokenize", "cc"))
    workspace.save_last("clean-x", ["dd", "ee"])
    assert workspace.batches() == batches
    assert batches[1].name == "0002-mail"
    assert workspace.pin("tokenizer", Ref) == Ref("tokenize", "cc")
    assert workspace.last("clean-x") == ["dd", "ee"]


def test_last_fingerprints_that_did_not_change_are_not_written_again(workspace: Workspace) -> None:
    workspace.save_last("clean-x", ["dd"])
    path = workspace.state / "last" / "clean-x.json"
    inode = path.stat().st_ino
    workspace.save_last("clean-x", ["dd"])
    assert path.stat().st_ino == inode
    workspace.save_last("clean-x", ["ee"])
    assert path.stat().st_ino != inode


def test_a_run_of_this_process_is_running_and_runs_come_oldest_first(workspace: Workspace) -> None:
    record = new_run("b", "nightly", "demo")
    workspace.save_run(record)
    workspace.save_run(replace(record, run_id="a", started=record.started + 1))
    assert [(run.run_id, run.state, run.process_id) for run in workspace.runs()] == [
        ("b", "running", os.getpid()),
        ("a", "running", os.getpid()),
    ]


def test_a_run_whose_process_is_gone_was_killed_at_its_last_sign_of_life(workspace: Workspace) -> None:
    at = time.mktime((2026, 3, 1, 2, 14, 0, 0, 0, -1))
    record = replace(gone_run(), stage="dedup", started=at - 7200, stage_started=at - 3600)
    workspace.save_run(record)
    workspace.beat("r1")
    path = workspace.state / "runs" / "r1.json"
    assert abs(path.stat().st_mtime - time.time()) < 60
    os.utime(path, (at, at))
    (run,) = workspace.runs()
    assert run.state == "killed"
    assert run.message == "killed in dedup at 02:14; nightshift run goes on from there"
    assert run.ended == at


def test_a_run_killed_before_its_first_stage_was_killed_in_its_start(workspace: Workspace) -> None:
    workspace.save_run(gone_run())
    assert workspace.runs()[0].message.startswith("killed in its start at ")


@pytest.mark.parametrize("state", ["completed", "failed", "stopped", "killed"])
def test_how_a_run_ended_by_itself_stays(workspace: Workspace, state: str) -> None:
    workspace.save_run(replace(gone_run(), state=state, message="m"))
    assert [(run.state, run.message) for run in workspace.runs()] == [(state, "m")]


def test_another_process_with_the_same_id_does_not_keep_a_run_alive(workspace: Workspace) -> None:
    record = new_run("r1", "nightly", "demo")
    assert record.is_alive
    assert not replace(record, process_started=record.process_started - 60).is_alive


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    started = psutil.Process(process.pid).create_time()
    record = replace(new_run("r1", "nightly", "demo"), process_id=process.pid, process_started=started)
    assert record.is_alive
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    assert not record.is_alive
    process.wait()


def test_a_sign_of_life_of_a_run_without_a_record_is_nothing(workspace: Workspace) -> None:
    workspace.beat("unknown")
    assert workspace.runs() == []


@pytest.mark.parametrize(("stage", "where"), [("clean", "clean"), ("", "its start")])
def test_a_second_process_is_told_who_is_at_work_and_where(workspace: Workspace, stage: str, where: str) -> None:
    with holder(workspace, stage) as other:
        with pytest.raises(WorkspaceBusy) as caught, workspace.lock():
            pass
        assert str(caught.value) == (
            f"{workspace.root}: another run is at work here (process {other.pid}, in {where}). "
            "Wait for it (nightshift status shows it), or use another workspace."
        )
        assert caught.value.exit_code == 6


def test_a_dead_process_holds_no_lock(workspace: Workspace) -> None:
    with holder(workspace, "clean") as other:
        other.kill()
        other.wait()
        with workspace.lock():
            assert (workspace.state / "lock").read_text() == str(os.getpid())


def test_who_holds_the_lock_is_told_while_it_does(workspace: Workspace) -> None:
    lock = workspace.state / "lock"
    assert holder_of(lock) is None
    with holder(workspace, "clean") as other:
        found = holder_of(lock)
        assert found is not None and found.process_id == other.pid and found.command.split()[1] == "-c"
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
        assert holder_of(lock) is None
        other.wait()
        assert holder_of(lock) is None
    with workspace.lock():
        pass
    assert (holder_of(lock), lock.read_text()) == (None, "")


def test_who_makes_room_on_a_full_disk_gets_the_locks_and_no_key_is_half_written(workspace: Workspace) -> None:
    with workspace.lock():
        pass
    ended = run_program(ON_A_FULL_DISK, workspace.root, max_file_bytes=0)
    assert ended.stdout == "held\n", ended.stderr
    assert "UpstreamError" in ended.stderr and "no space left for this file" in ended.stderr
    assert list((workspace.root / "keys").iterdir()) == []


def test_a_process_that_got_the_id_of_a_killed_holder_is_none(workspace: Workspace) -> None:
    lock = workspace.state / "lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(str(os.getpid()))
    os.utime(lock, (0, psutil.Process().create_time() - 60))
    assert holder_of(lock) is None


@pytest.mark.parametrize("text", ["", "x", "-1", "99999999999999999999", "\xff"])
def test_a_lock_of_which_nothing_is_understood_is_held_by_nobody(workspace: Workspace, text: str) -> None:
    lock = workspace.state / "lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(text)
    assert holder_of(lock) is None


def test_the_process_that_holds_the_lock_may_take_it_again_and_keeps_it_until_the_outer_end(
    workspace: Workspace,
) -> None:
    command = [sys.executable, "-c", HOLDER.replace("time.sleep(600)", ""), str(workspace.root), ""]
    with workspace.lock():
        with workspace.lock():
            pass
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_lock_does_not_pass_to_children(workspace: Workspace) -> None:
    with workspace.lock():
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], close_fds=False)
    with holder(workspace):
        pass
    child.kill()
    child.wait()


def test_a_sweep_removes_what_kills_left_and_nothing_else(workspace: Workspace) -> None:
    workspace.save_batches([Batch(1, "docs", "aa")])
    workspace.save_last("clean-x", ["dd"])
    leftovers = [
        workspace.state / ".catalog.json.77.tmp",
        workspace.state / ".clean-x.json.77.tmp",
        workspace.state / "pins" / ".a.json.77.tmp",
        workspace.state / "closed" / ".1f0c.json.77.tmp",
    ]
    for path in leftovers:
        path.parent.mkdir(exist_ok=True)
        path.write_text("[{")
    draft = workspace.store.root / ".incoming" / "clean-abc-77-1"
    aside = workspace.store.root / ".incoming" / ".abc.77.old"
    plans = [workspace.state / name for name in (".abc.77.tmp", ".abc.77.old", "plans/abc")]
    for folder in (draft, aside, *plans):
        folder.mkdir(parents=True)
        (folder / "documents.parquet").touch()
    (plans[0] / ".plan.json.77.tmp").write_text("{")
    workspace.sweep()
    assert not any(path.exists() for path in (*leftovers, draft, aside, *plans[:2]))
    assert (plans[2] / "documents.parquet").is_file()
    assert workspace.batches() == [Batch(1, "docs", "aa")]
    assert workspace.last("clean-x") == ["dd"]


def test_what_is_kept_of_each_batch_is_written_where_a_sweep_looks(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are cut off before their last step, the rename; folders of something of each batch are never listed."""
    workspace.save_batches([])

    def killed(*_paths: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    monkeypatch.setattr("pipeline_lib.ingest.plan_files.replace_folder", killed)
    with pytest.raises(KeyboardInterrupt):
        workspace.save_last("clean-x", ["dd"])
    with pytest.raises(KeyboardInterrupt):
        keep(BatchPlan("docs", "r", "", (), Placed.read([]), (), {}, 0, 0), workspace.root)
    workspace.sweep()
    left = {path.relative_to(workspace.state).as_posix() for path in workspace.state.rglob("*")}
    assert left == {"layout.json", "catalog.json", "last"}


def test_the_newest_records_of_runs_are_kept_and_no_others(workspace: Workspace) -> None:
    for number in range(KEPT_RUNS + 5):
        workspace.save_run(RunRecord(f"r{number}", "nightly", 1, 1.0, float(number), "completed"))
    workspace.forget_runs(workspace.runs())
    assert [run.run_id for run in workspace.runs()] == [f"r{number}" for number in range(5, KEPT_RUNS + 5)]
