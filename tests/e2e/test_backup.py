"""A backup restores to a workspace in which nights, promotions and MLflow's links go on: whatever went on meanwhile,
was killed, ran out of space or was damaged."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mlflow
import pytest

from flows.gc import collect_garbage
from pipeline_lib.base.errors import DataError, SettingsError, UpstreamError, WorkspaceBusy
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.keep import backup as making
from pipeline_lib.keep.backup import BackedUp, back_up, foresee
from pipeline_lib.keep.noted import backups_noted
from pipeline_lib.keep.restore import Restored, chosen, restore, verify
from pipeline_lib.keep.vault import Head, open_vault
from pipeline_lib.past.made import last_of
from pipeline_lib.plan.last import kept_of
from pipeline_lib.register.ledger import last_version
from pipeline_lib.register.moves import begun
from pipeline_lib.register.opened import is_intact
from pipeline_lib.register.registry import CHAMPION, Registry, aliases, versions
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import BY_WORD
from pipeline_lib.store.addresses import MLFLOW
from pipeline_lib.store.databases import sqlite_address
from pipeline_lib.store.files import sha256_of
from pipeline_lib.store.home import home_of, settle
from pipeline_lib.store.layout import RESTORING
from pipeline_lib.store.still import nothing_deleted_beside
from pipeline_lib.store.workspace import Workspace
from tasks.moves import registry_for, roll_back
from tasks.runtime import PlainRuntime
from tests.flips import flip
from tests.in_child import run_program
from tests.model_nights import FAST, foreseen, whole_night
from tests.tiny_night import (
    KEY,
    House,
    arguments,
    artifacts,
    copy_house,
    english,
    environment,
    nightshift,
    refresh,
    tiny_settings,
    write_lines,
)

ODD = "night shift #1? 100% a%20b 夜班"
ODD_FOLDER = "backups #1? 100% a%20b 备份"
MOST_RESTORED = 8
LEFT_OUT = (".verified.json", ".lock")

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


def backed_up(house: House, folder: Path, *, keep: int | None = None) -> BackedUp:
    told: list[tuple[float, float, str]] = []
    return back_up(
        Workspace(house.workspace), folder, now=time.time(), keep=keep, told=lambda *step: told.append(step), say=print
    )


def restored(folder: Path, target: Path, head: Head | None = None, *, is_partly: bool = False) -> Restored:
    vault = open_vault(folder)
    return restore(vault, head or vault.heads()[0], target, is_partly=is_partly, told=lambda *_: None)


def files_of(workspace: Path) -> dict[str, str]:
    """What a backup is to hold of what no server writes to."""
    paths = [path for path in sorted(workspace.rglob("*")) if path.is_file()]
    named = {path.relative_to(workspace).as_posix(): path for path in paths}
    return {
        name: sha256_of(path)
        for name, path in named.items()
        if name.startswith(("artifacts/", "mlartifacts/", "state/", "keys/"))
        and not name.endswith(LEFT_OUT)
        and name not in ("state/lock", "state/backups.json", "state/home.json", "state/promotions/mlflow.db")
    }


def settings_of(house: House) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST)


def some(heads: Sequence[Head]) -> list[Head]:
    """The first, the last and some between: a busy machine makes many during a night."""
    steps = min(len(heads), MOST_RESTORED) - 1
    return [heads[round(step * (len(heads) - 1) / steps)] for step in range(steps + 1)]


def check_whole(settings: Settings) -> Registry:
    """What state, ledger and MLflow name is there, and whole."""
    workspace, registry = Workspace(settings.workspace), registry_for(settings)
    for ref in workspace.store.everything():
        assert workspace.store.condition(ref).reason == "", ref
    for step in workspace.remembered():
        if step.partition("-")[0] in BY_WORD:
            assert all(workspace.store.is_present(kept.ref) for kept in kept_of(workspace, step)), step
    for batch in workspace.batches():
        assert workspace.store.path("ingest", batch.fingerprint).is_dir()
    for version in versions(registry):
        assert is_intact(registry, version.number)
    if begun(registry) is None:
        assert aliases(registry).get(CHAMPION) == last_version(registry)
    return registry


def test_a_restored_workspace_takes_the_place_of_its_original_at_any_path(judged_house: House, tmp_path: Path) -> None:
    house = House(judged_house.workspace.with_name(ODD), judged_house.corpus)
    judged_house.workspace.rename(house.workspace)
    folder = tmp_path / ODD_FOLDER
    made = backed_up(house, folder)
    before, home = files_of(house.workspace), home_of(house.workspace)
    assert home is not None
    shutil.rmtree(house.workspace)
    target = tmp_path / f"restored {ODD}"
    assert "was moved here from" in restored(folder, target).line
    assert files_of(target) == before
    own = home_of(target)
    assert own is not None
    assert (own.id, own.copy_of) == (home.id, home.copy_of)
    house = House(target, house.corpus)
    assert foreseen(settings_of(house)).is_nothing_new
    mlflow.set_tracking_uri(sqlite_address(target / MLFLOW))
    name = settings_of(house).of(RegisterSettings).model_name
    assert Path(mlflow.artifacts.download_artifacts(f"models:/{name}@{CHAMPION}", dst_path=str(tmp_path))).exists()
    write_lines(house.corpus / "more.jsonl", {f"more-{n}": english(n) for n in range(900, 930)})
    night = whole_night(settings_of(house))
    assert night.training is not None and night.parent is not None
    registry = check_whole(settings_of(house))
    if aliases(registry)[CHAMPION] == 2:
        assert roll_back(settings_of(house), "to see", PlainRuntime())["version"] == 1
    assert backed_up(house, folder).head.num_files > made.head.num_files, "its backups go on in the same folder"


def test_beside_its_original_it_is_a_second_copy_with_backups_of_its_own(home: House, tmp_path: Path) -> None:
    folder, target = tmp_path / "backups", tmp_path / "copy"
    backed_up(home, folder)
    assert "second copy" in restored(folder, target).line
    with pytest.raises(SettingsError, match="another workspace, or of the one that this was copied from"):
        backed_up(House(target, home.corpus), folder)
    shutil.copytree(home.workspace, tmp_path / "by cp", symlinks=True)
    with pytest.raises(SettingsError, match="another workspace"):
        backed_up(House(tmp_path / "by cp", home.corpus), folder)
    backed_up(home, folder)
    backed_up(House(target, home.corpus), tmp_path / "others")


def test_backups_beside_a_night_are_whole_each_of_them(judged_house: House, tmp_path: Path) -> None:
    house, folder = judged_house, tmp_path / "backups"
    write_lines(house.corpus / "more.jsonl", {f"more-{n}": english(n) for n in range(900, 930)})
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run"]
    words = arguments(house.workspace, house.corpus, **FAST)
    with subprocess.Popen([*command, *words], env=environment(), stdout=subprocess.DEVNULL) as night:
        while night.poll() is None:
            backed_up(house, folder)
            time.sleep(1.0)
    assert night.returncode == 0
    backed_up(house, folder)
    num_batches, was_running, between = set(), set(), None
    for number, head in enumerate(some(open_vault(folder).heads()[::-1])):
        copy = House(tmp_path / f"restored-{number}", house.corpus)
        restored(folder, copy.workspace, head)
        check_whole(settings_of(copy))
        workspace = Workspace(copy.workspace)
        records = json.loads(next(iter((workspace.state / "runs").glob("*.json"))).read_text())
        was_running.add(records["state"])
        num_batches.add(len(workspace.batches()))
        assert not [run for run in workspace.runs() if run.state == "running"], "nobody works in a restored workspace"
        assert foreseen(settings_of(copy)).steps
        if len(workspace.batches()) == 2 and between is None:
            between = copy
        else:
            shutil.rmtree(copy.workspace)
    assert num_batches == {1, 2}
    assert between is not None
    whole_night(settings_of(between))
    assert set(artifacts(between.workspace)) >= set(artifacts(house.workspace))


def test_a_second_backup_reads_what_is_new_and_nothing_that_only_seems_unchanged(
    home: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "YOUNG_SECONDS", 0.0)
    folder, read = tmp_path / "backups", []
    monkeypatch.setattr(making, "pieces_of", _counting(read, making.pieces_of))
    backed_up(home, folder)
    read.clear()
    assert backed_up(home, folder).new_bytes < 3000
    assert {Path(name).name for name in read} == {"backups.json", "copied.db"} - (
        set() if (home.workspace / MLFLOW).exists() or (home.workspace / "prefect").exists() else {"copied.db"}
    )
    ledger = next((home.workspace / "artifacts").glob("clean/*/ledger.parquet"))
    status = ledger.stat()
    flip(ledger)
    os.utime(ledger, ns=(status.st_atime_ns, status.st_mtime_ns))
    read.clear()
    backed_up(home, folder)
    assert str(ledger) in read
    restored(folder, tmp_path / "copy")
    assert sha256_of(tmp_path / "copy" / ledger.relative_to(home.workspace)) == sha256_of(ledger)


def _counting(read: list[str], pieces_of):  # type: ignore[no-untyped-def]
    def counted(file, piece_bytes, put):  # type: ignore[no-untyped-def]
        read.append(file.name)
        return pieces_of(file, piece_bytes, put)

    return counted


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
        newer = backed_up(home, folder).head
        with pytest.raises(SettingsError, match="Go on with that"):
            restored(folder, target, newer)
        restored(folder, target, open_vault(folder).heads()[1])
        assert not (target / RESTORING).exists()
    assert files_of(target) == before
    night, twin = (foreseen(tiny_settings(workspace, home.corpus)) for workspace in (target, home.workspace))
    assert [len(step.work) for step in night.steps] == [len(step.work) for step in twin.steps]


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


def test_only_the_newest_stay_and_what_they_need_and_it_is_known_in_the_workspace(home: House, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    made = []
    for number in range(4):
        (home.workspace / "state" / "odd").write_text(f"{number}" * 1000)
        made.append(backed_up(home, folder).head)
    elsewhere = backed_up(home, tmp_path / "elsewhere").head
    foreseen_ = foresee(Workspace(home.workspace), folder, now=time.time(), keep=2, say=print)
    assert {head.id for head in foreseen_.removed} == {head.id for head in made[:3]}
    assert [head.id for head in open_vault(folder).heads()] == [head.id for head in made[::-1]]
    done = backed_up(home, folder, keep=2)
    assert {head.id for head in done.removed} == {head.id for head in made[:3]}
    assert done.freed_bytes > 2000
    heads = open_vault(folder).heads()
    assert [head.id for head in heads] == [done.head.id, made[3].id]
    for number, head in enumerate(heads):
        restored(folder, tmp_path / f"copy-{number}", head)
        assert (tmp_path / f"copy-{number}" / "state" / "odd").read_text() == "3" * 1000
    noted = {(Path(one.folder).name, one.id) for one in backups_noted(Workspace(home.workspace))}
    assert noted == {("elsewhere", elsewhere.id), ("backups", made[3].id), ("backups", done.head.id)}
    assert noted == {(Path(one.folder).name, one.id) for one in backups_noted(Workspace(tmp_path / "copy-0"))}


def test_gc_removes_nothing_beside_a_backup_and_that_is_no_failed_night(judged_house: House) -> None:
    settings, workspace = settings_of(judged_house), Workspace(judged_house.workspace)
    before, runs = set(artifacts(workspace.root)), workspace.runs()
    busy = pytest.raises(WorkspaceBusy, match="a backup is being made here")
    with nothing_deleted_beside(workspace.root, wait_seconds=0, say=print), busy:
        collect_garbage(settings, workspace, is_dry=False, as_json=True)
    assert set(artifacts(workspace.root)) == before
    assert workspace.runs() == runs


@pytest.mark.parametrize("place", ["workspace", "workspace/backups", "workspace/work/backups", "link/backups", "."])
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


def test_the_commands_say_what_they_do(finished_night: House, tmp_path: Path) -> None:
    house = copy_house(finished_night, tmp_path / "house")
    folder, target = tmp_path / ODD_FOLDER, tmp_path / ODD
    own = ("--workspace", str(house.workspace))
    dry = nightshift("backup", str(folder), *own, "--dry-run")
    assert dry.status == 0, dry.err
    assert "would back up" in dry.out
    assert not folder.exists()
    made = nightshift("backup", str(folder), *own)
    assert made.status == 0, made.err
    assert "MB new" in made.out
    listed = json.loads(nightshift("restore", str(folder), "--list", "--json").out)
    assert [one["id"] in made.out for one in listed] == [True]
    looked = nightshift("restore", str(folder), "--dry-run", "--to", str(target))
    assert looked.status == 0, looked.err
    assert "all whole" in looked.out
    assert not target.exists()
    told = json.loads(nightshift("restore", str(folder), "--to", str(target), "--json").out)
    assert told["workspace"] == str(target)
    assert "second copy" in told["line"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (target, *target.rglob("*")))
    refused = nightshift("restore", str(folder), "--to", str(target))
    assert refused.status == SettingsError.exit_code
    assert "nothing is written over" in refused.err
    assert nightshift("restore", str(tmp_path / "nowhere")).status == SettingsError.exit_code


HEADS = [
    Head(name, 3 - number, 0.0, "0", "", 0, 0, ())
    for number, name in enumerate(["20261130-010000-00ff", "20261129-181500-a1b2", "20261129-060000-ffff"])
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, 0),
        ("20261129-181500-a1b2", 1),
        ("20261129", 1),
        ("2026-11-29", 1),
        ("2026-11-29 06:00", 2),
        ("2026-11-29T06:00", 2),
        ("20261201", None),
        ("", None),
        ("夜", None),
    ],
)
def test_a_backup_is_named_as_people_name_a_time(asked: str | None, found: int | None) -> None:
    if found is None:
        with pytest.raises(SettingsError, match="--list"):
            chosen(HEADS, asked, Path("backups"))
    else:
        assert chosen(HEADS, asked, Path("backups")) == HEADS[found]
