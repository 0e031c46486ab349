"""A backup restores to a workspace in which nights, promotions and MLflow's links go on, whatever went on meanwhile."""

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
from pipeline_lib.base.errors import SettingsError, WorkspaceBusy
from pipeline_lib.keep import backup as making
from pipeline_lib.keep.backup import foresee
from pipeline_lib.keep.noted import backups_noted
from pipeline_lib.keep.vault import Head, open_vault
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
from pipeline_lib.store.home import home_of
from pipeline_lib.store.still import nothing_deleted_beside
from pipeline_lib.store.workspace import Workspace
from tasks.moves import registry_for, roll_back
from tasks.runtime import PlainRuntime
from tests.backed_up import backed_up, files_of, restored
from tests.flips import flip
from tests.model_nights import FAST, foreseen, whole_night
from tests.tiny_night import (
    House,
    arguments,
    artifacts,
    copy_house,
    english,
    environment,
    nightshift,
    tiny_settings,
    write_lines,
)

ODD = "night shift #1? 100% a%20b 夜班"
ODD_FOLDER = "backups #1? 100% a%20b 备份"
MOST_RESTORED = 3


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
            time.sleep(2.0)
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


def test_what_changes_all_the_time_is_in_the_backup_as_it_was_read_last(
    home: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing, goes = home.workspace / "up.out", home.workspace / "mlartifacts" / "1" / "run" / "goes.bin"
    stays = goes.with_name("steps.csv")
    for path in (growing, goes, stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0")
    real = making.pieces_of

    def written_to_meanwhile(file, piece_bytes, put):  # type: ignore[no-untyped-def]
        yield from real(file, piece_bytes, put)
        if Path(file.name) in (growing, stays):
            goes.unlink(missing_ok=True)
            with Path(file.name).open("a") as more:
                more.write(".")

    monkeypatch.setattr(making, "pieces_of", written_to_meanwhile)
    made = backed_up(home, tmp_path / "backups")
    assert made.unread == ()
    restored(tmp_path / "backups", tmp_path / "copy")
    for path in (growing, stays):
        assert (tmp_path / "copy" / path.relative_to(home.workspace)).read_text() == "0...."
    assert not (tmp_path / "copy" / goes.relative_to(home.workspace)).exists()


def _counting(read: list[str], pieces_of):  # type: ignore[no-untyped-def]
    def counted(file, piece_bytes, put):  # type: ignore[no-untyped-def]
        read.append(file.name)
        return pieces_of(file, piece_bytes, put)

    return counted


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
