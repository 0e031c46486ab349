"""Backups and restores that are killed, run out of space, are damaged, or are asked for what would do harm."""

import json
import os
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError, SettingsError, UpstreamError
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.keep.restore import verify
from pipeline_lib.keep.vault import open_vault
from pipeline_lib.past.made import last_of
from pipeline_lib.store.home import settle
from pipeline_lib.store.layout import RESTORING
from pipeline_lib.store.workspace import Workspace
from tests.backed_up import backed_up, files_of, restored
from tests.flips import flip
from tests.in_child import run_program
from tests.in_this_process import run_here
from tests.model_nights import foreseen
from tests.tiny_night import KEY, House, english, refresh, tiny_settings, write_lines

BACK_UP = """
import sys, time
from pathlib import Path
from pipeline_lib.keep.backup import back_up
from pipeline_lib.store.workspace import Workspace

back_up(Workspace(Path(sys.argv[1])), Path(sys.argv[2]), now=time.time(), keep=None, told=lambda *_: None, say=print)
"""
RESTORE = """
import sys
from pathlib import Path
from pipeline_lib.keep.restore import restore
from pipeline_lib.keep.vault import open_vault

vault = open_vault(Path(sys.argv[1]))
restore(vault, vault.heads()[0], Path(sys.argv[2]), is_partly=False, told=lambda *_: None)
"""


@pytest.mark.parametrize("at", ["before_piece:60", "before_head:1"])
def test_a_backup_that_is_killed_costs_nothing(home: House, tmp_path: Path, at: str) -> None:
    folder = tmp_path / "backups"
    ended = run_program(BACK_UP, home.workspace, folder, **{VARIABLE: f"backup:{at}"})
    assert ended.returncode < 0, ended.stderr
    assert open_vault(folder).heads() == []
    num_pieces = len(list((folder / "objects").glob("*/*")))
    before = files_of(home.workspace)
    made = backed_up(home, folder)
    assert len(list((folder / "objects").glob("*/*"))) >= num_pieces
    assert list((folder / "incoming").iterdir()) == []
    restored(folder, tmp_path / "copy", made.head)
    assert files_of(tmp_path / "copy") == before


@pytest.mark.parametrize("at", ["before_file:60", "before_end:1", "before_settling:1"])
def test_a_restore_that_is_killed_goes_on_and_until_then_nobody_works_there(
    home: House, tmp_path: Path, at: str
) -> None:
    folder, target = tmp_path / "backups", tmp_path / "copy"
    backed_up(home, folder)
    before = files_of(home.workspace)
    ended = run_program(RESTORE, folder, target, **{VARIABLE: f"restore:{at}"})
    assert ended.returncode < 0, ended.stderr
    if at == "before_settling:1":
        assert "second copy" in settle(target)
    else:
        with pytest.raises(DataError, match="Run the same nightshift restore again"):
            Workspace(target).check_layout()
        restored(folder, target)
        assert not (target / RESTORING).exists()
    assert files_of(target) == before
    night, twin = (foreseen(tiny_settings(workspace, home.corpus)) for workspace in (target, home.workspace))
    assert [len(step.work) for step in night.steps] == [len(step.work) for step in twin.steps]


def test_another_backup_may_take_the_place_of_one_whose_restore_was_cut_off(home: House, tmp_path: Path) -> None:
    folder, target = tmp_path / "backups", tmp_path / "copy"
    first, before = backed_up(home, folder).head, files_of(home.workspace)
    (home.workspace / "state" / "pins" / "newer.json").write_text("{}")
    gone = backed_up(home, folder).head
    assert run_program(RESTORE, folder, target, **{VARIABLE: "restore:before_end:1"}).returncode < 0
    (target / "mine.txt").write_text("put there by its user")
    restored(folder, target, first)
    assert files_of(target) == before
    assert (target / "mine.txt").exists()
    assert run_program(RESTORE, folder, tmp_path / "other", **{VARIABLE: "restore:before_end:1"}).returncode < 0
    open_vault(folder).remove([gone])
    with pytest.raises(SettingsError, match="is not here any more"):
        restored(folder, tmp_path / "other", first)


def test_a_full_disk_is_said_and_harms_no_backup_that_is_there(home: House, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    first, before = backed_up(home, folder), files_of(home.workspace)
    (home.workspace / "state" / "large").write_bytes(os.urandom(300_000))
    ended = run_program(BACK_UP, home.workspace, folder, max_file_bytes=200_000)
    assert "UpstreamError" in ended.stderr
    assert f"{folder}: cannot be written to" in ended.stderr
    assert "MB free on that disk" in ended.stderr
    assert open_vault(folder).heads() == [first.head]
    assert list((folder / "incoming").iterdir()) == []
    verify(open_vault(folder), first.head, lambda *_: None)
    ended = run_program(RESTORE, folder, tmp_path / "copy", max_file_bytes=10_000)
    assert "UpstreamError" in ended.stderr
    assert "no space left" in ended.stderr
    restored(folder, tmp_path / "copy")
    assert files_of(tmp_path / "copy") == before


def test_damage_is_named_by_file_with_the_ways_out_and_they_work(
    home: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    folder = tmp_path / "backups"
    first = backed_up(home, folder).head
    write_lines(home.corpus / "more.jsonl", {f"more-{n}": english(n) for n in range(900, 910)})
    refresh(tiny_settings(home.workspace, home.corpus))
    second, vault = backed_up(home, folder).head, open_vault(folder)
    (snapshot,) = last_of(Workspace(home.workspace), "tokenize-snapshot", "tokenize.snapshot")
    new = next(entry for entry in vault.files(second) if entry.name == f"artifacts/{snapshot}/shards.parquet")
    flip(vault.place(new.pieces[0]))
    for ask in (
        lambda: verify(vault, second, lambda *_: None),
        lambda: restored(folder, tmp_path / "copy"),
    ):
        with pytest.raises(DataError, match=new.name) as caught:
            ask()
        assert f"--at {first.id}" in str(caught.value)
        assert str(vault.place(new.pieces[0])) in str(caught.value)
    done = restored(folder, tmp_path / "copy", is_partly=True)
    assert done.left_out == (new.name,)
    store = Workspace(tmp_path / "copy").store
    assert {ref for ref in store.everything() if not store.is_present(ref)} == {snapshot}
    refresh(tiny_settings(tmp_path / "copy", home.corpus))
    assert (tmp_path / "copy" / new.name).read_bytes() == (home.workspace / new.name).read_bytes()
    restored(folder, tmp_path / "earlier", first)
    vault.place(new.pieces[0]).unlink()
    backed_up(home, folder)
    verify(vault, second, lambda *_: None)


def test_verify_tells_what_is_damaged_and_after_its_advice_all_is_whole(
    home: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "backups #1? 夜"
    made = backed_up(home, folder).head
    assert run_here("backup", str(folder), "--verify") == 0
    assert "all whole; 1 of 1 backups can be restored" in capsys.readouterr().out
    entry = next(entry for entry in open_vault(folder).files(made) if entry.name.endswith("manifest.json"))
    place = open_vault(folder).place(entry.pieces[0])
    flip(place)
    assert run_here("backup", str(folder), "--verify") == DataError.exit_code
    out = capsys.readouterr().out
    for told in (
        f"damaged: {place}",
        f"backup {made.id} cannot be restored whole",
        entry.name,
        "delete what is damaged",
    ):
        assert told in out
    assert run_here("backup", str(folder), "--verify", "--json") == DataError.exit_code
    told = json.loads(capsys.readouterr().out)
    assert told["damaged"] == [str(place)]
    assert [(one["id"], one["is_whole"], one["files"]) for one in told["backups"]] == [(made.id, False, [entry.name])]
    place.unlink()
    assert run_here("backup", str(folder), "--verify") == DataError.exit_code
    backed_up(home, folder)
    assert run_here("backup", str(folder), "--verify") == 0
    for more in (["--keep", "1"], ["--dry-run"]):
        with pytest.raises(SettingsError, match="--verify changes nothing"):
            run_here("backup", str(folder), "--verify", *more)


def test_a_damaged_list_is_named_and_the_backup_before_serves(home: House, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    first = backed_up(home, folder).head
    (home.workspace / "state" / "more").write_text("more")
    second, vault = backed_up(home, folder).head, open_vault(folder)
    flip(vault.place(next(digest for digest in second.list if digest not in first.list)))
    with pytest.raises(DataError, match=f"its list is damaged.*--at {first.id}"):
        restored(folder, tmp_path / "copy")
    restored(folder, tmp_path / "copy", first)
    third = backed_up(home, folder)
    verify(vault, third.head, lambda *_: None)


@pytest.mark.parametrize("place", ["workspace", "workspace/backups", "workspace/logs/backups", "link/backups", "."])
def test_a_folder_that_would_be_lost_with_the_workspace_is_refused(home: House, place: str) -> None:
    (home.workspace.parent / "link").symlink_to(home.workspace)
    before = sorted(home.workspace.rglob("*"))
    with pytest.raises(SettingsError, match="lies in"):
        backed_up(home, home.workspace.parent / place)
    assert sorted(home.workspace.rglob("*")) == before


def test_nothing_is_written_over(home: House, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    backed_up(home, folder)
    before = files_of(home.workspace)
    (tmp_path / "file").write_text("mine")
    for target in (home.workspace, home.corpus, tmp_path / "file", folder / "copy", folder):
        with pytest.raises(SettingsError, match="--to"):
            restored(folder, target)
    assert files_of(home.workspace) == before
    (tmp_path / "empty").mkdir()
    restored(folder, tmp_path / "empty")


def test_what_cannot_be_read_is_named_and_all_else_is_in_the_backup(
    home: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = next((home.workspace / "artifacts").glob("clean/*/ledger.parquet"))
    real = Path.open

    def failing(path: Path, *words: object, **more: object) -> object:
        if path == odd:
            raise OSError(5, "Input/output error", str(path))
        return real(path, *words, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", failing)
    made = backed_up(home, tmp_path / "backups")
    monkeypatch.undo()
    assert made.unread == (odd.relative_to(home.workspace).as_posix(),)
    assert len(made.unread) + made.head.num_files == backed_up(home, tmp_path / "backups").head.num_files - 1
    catalog = home.workspace / "state" / "catalog.json"
    monkeypatch.setattr(Path, "open", lambda path, *words, **more: _failing(path, catalog, real, words, more))
    with pytest.raises(UpstreamError, match=r"catalog\.json"):
        backed_up(home, tmp_path / "backups new")


def _failing(path: Path, odd: Path, real, words, more):  # type: ignore[no-untyped-def]
    if path == odd:
        raise OSError(5, "Input/output error", str(path))
    return real(path, *words, **more)
