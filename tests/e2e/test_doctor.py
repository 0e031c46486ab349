"""`nightshift doctor`: what it says of nights, of the machine and of its own checks, each with a command that helps."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest

from flows.doctor import machine, nights
from flows.doctor.examine import CHECKS, examine
from flows.doctor.finding import ERROR, WARNING, Finding, Patient
from flows.doctor.nights import SILENT_SECONDS
from flows.standing import Standing
from flows.standing import remember as remember_servers
from pipeline_lib.keep import forecast
from pipeline_lib.keep.forecast import BESIDES, COPIES, ROUGH_RATE, Forecast, bytes_by_stage, night_bytes
from pipeline_lib.store.workspace import Workspace, new_run
from pipeline_lib.train.stage import TRAIN
from tests.answering import answering
from tests.examined import command_of, everything_in, findings, private, settings_of, shell, the_one
from tests.held import gone_run, holder
from tests.in_this_process import run_here
from tests.model_nights import FAST
from tests.tiny_night import House, arguments, artifacts, english, nightshift, write_lines

ILL = 8  # exit status where there is an error
ANOTHER_KEY = "".join(f"{number:02x}" for number in range(7, 39))
# What depends on the machine that tests run on, and on what runs beside them.
OF_THE_MACHINE = ("packages", "memory", "cores", "disk")


@pytest.fixture
def house(judged_house: House) -> House:
    return private(judged_house)


def test_a_workspace_after_a_night_is_well_and_looking_changes_nothing(house: House) -> None:
    before = everything_in(house.workspace)
    found = examine(settings_of(house), Workspace(house.workspace))
    assert [one for one in found.found if one.check not in OF_THE_MACHINE] == []
    assert everything_in(house.workspace) == before


def test_after_a_whole_night_all_that_lies_there_is_ours(finished_night: House) -> None:
    """Pages, logs, keys, both databases: what `nightshift run` leaves. The judged night has no page and no server."""
    assert (finished_night.workspace / "reports").is_dir()
    assert findings(finished_night, "foreign") == findings(finished_night, "shapes") == []


def test_the_command_line_tells_programs_and_people_and_has_a_status_of_its_own(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.workspace.chmod(0o755)
    words = arguments(house.workspace, house.corpus, **FAST, schedule__cron="none")
    told = nightshift("doctor", "--json", *words)
    assert told.status == ILL, told.err
    said = json.loads(told.out)
    assert said["is_healthy"] is False
    assert said["checks"] == [name for name, _ in CHECKS]
    (row,) = [row for row in said["findings"] if row["level"] == "error"]
    assert (row["check"], row["is_fixable"]) == ("permissions", True)
    assert row["command"] == f"chmod -R go-rwx {house.workspace}"
    house.workspace.chmod(0o700)
    Workspace(house.workspace).save_run(replace(gone_run(), flow="maintenance"))
    assert run_here("doctor", *words) == 0
    assert f"nightshift doctor --fix --profile tiny --workspace {house.workspace}" in capsys.readouterr().out
    house.workspace.chmod(0o755)
    assert run_here("doctor", "--fix", *words) == 0
    assert "put right  permissions" in capsys.readouterr().out
    assert house.workspace.stat().st_mode & 0o777 == 0o700


def test_before_any_night_there_is_nothing_to_find_fault_with(empty_house: House) -> None:
    found = examine(settings_of(empty_house), Workspace(empty_house.workspace))
    assert [one for one in found.found if one.check not in OF_THE_MACHINE] == []
    assert not empty_house.workspace.exists()


def test_a_run_that_is_stopped_or_silent_is_named_with_its_process(house: House) -> None:
    workspace = Workspace(house.workspace)
    beating = "import os, sys, time\nwhile True:\n    os.utime(sys.argv[1])\n    time.sleep(0.1)"
    record = house.workspace / "state" / "runs" / "stuck.json"
    with subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(1)\n{beating}", str(record)]) as process:
        started = psutil.Process(process.pid).create_time()
        run = replace(new_run("stuck", "nightly", "tiny"), process_id=process.pid, process_started=started)
        workspace.save_run(run)
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
        stopped = the_one(house, "runs")
        assert (stopped.level, stopped.command) == (ERROR, f"kill -CONT {process.pid}")
        os.utime(record, (0, 0))
        shell(stopped.command)
        wait_for(lambda: record.stat().st_mtime > 0)
        assert findings(house, "runs") == []
        process.kill()
    silent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    started = psutil.Process(silent.pid).create_time()
    workspace.save_run(replace(run, process_id=silent.pid, process_started=started, stage="train"))
    long_ago = time.time() - SILENT_SECONDS - 5
    os.utime(record, (long_ago, long_ago))
    found = the_one(house, "runs")
    assert "has given no sign of life for" in found.what
    kill, _, run_again = found.command.partition("; ")
    assert run_again == "nightshift run"
    shell(kill)
    silent.wait()
    killed, last = findings(house, "runs")
    assert "1 runs were killed (nightly)" in killed.what
    assert "the last night was killed in train" in last.what
    assert findings(house, "runs", fix=True) == [last], "it is shown as what it is; another night goes on from there"


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_night_that_failed_is_told_until_one_went_well(house: House) -> None:
    workspace = Workspace(house.workspace)
    now = time.time()
    run = replace(new_run("a", "nightly", "tiny"), state="failed", started=now, ended=now, message="no key; x")
    workspace.save_run(run)
    assert the_one(house, "runs") == Finding(WARNING, "the last night failed: no key", "nightshift run")
    workspace.save_run(replace(run, run_id="b", state="completed", started=now + 1))
    assert findings(house, "runs") == []


def test_batches_that_arrived_on_a_day_to_come_are_told(house: House) -> None:
    workspace = Workspace(house.workspace)
    workspace.save_batches([replace(batch, arrived="2999-01-01") for batch in workspace.batches()])
    found = the_one(house, "clock")
    assert (found.level, "arrived on 2999-01-01" in found.what) == (WARNING, True)


@pytest.mark.parametrize("key", ["", "00" * 32, "weak", ANOTHER_KEY], ids=["none", "not random", "weak", "another"])
def test_a_key_that_is_missing_weak_or_another_is_told_and_the_right_one_is_not(
    house: House, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    right = os.environ["NIGHTSHIFT_SCRUB_KEY"]
    assert findings(house, "key") == []
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", key or "x")
    if not key:
        monkeypatch.delenv("NIGHTSHIFT_SCRUB_KEY")
    found = the_one(house, "key")
    assert found.level == (WARNING if key == ANOTHER_KEY else ERROR)
    assert "a712efd8" in found.command  # the id of the key of the night before
    assert not key or key not in found.what
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", right)
    assert findings(house, "key") == []


def test_other_versions_than_those_of_the_lock_are_named_and_pip_puts_them_right(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, wheels = tmp_path / "site", tmp_path / "wheels"
    for version, folder in (("2.0", site), ("1.0", wheels)):
        make_package("moved-on", version, folder)
    lock = tmp_path / "constraints.txt"
    lock.write_text("moved_on==1.0 ; sys_platform != 'win32'\nnot-installed==3.0\n")
    monkeypatch.setattr(machine, "PINS", (lock,))
    monkeypatch.syspath_prepend(site)
    found = the_one(house, "packages")
    assert found.what == "other versions than those of the lock: moved-on 2.0, not 1.0"
    where = {"PIP_TARGET": str(site), "PIP_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1", "PIP_UPGRADE": "1"}
    done = subprocess.run(["sh", "-c", found.command], env={**os.environ, **where}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(site / "moved_on-2.0.dist-info", ignore_errors=True)
    assert findings(house, "packages") == []


def make_package(name: str, version: str, folder: Path) -> None:
    """A wheel of nothing in `folder`, and as it is installed, in one called site."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/RECORD": "",
    }
    folder.mkdir()
    if folder.name == "site":
        for place, text in files.items():
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_text(text)
        return
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for place, text in files.items():
            wheel.writestr(place, text)


def test_a_disk_without_room_for_the_next_night_is_told_and_gc_frees_some(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The free bytes are those of a disk that is as full as it would have to be: what is in the workspace counts."""
    from pipeline_lib.store.files import num_bytes_in

    settings, workspace = settings_of(house), Workspace(house.workspace)
    assert night_bytes(settings, workspace) == Forecast(BESIDES, is_rough=False), "nothing is new"
    write_lines(house.corpus / "new.jsonl", {f"new-{n}": english(7000 + n) for n in range(60)})
    need = night_bytes(settings, workspace).num_bytes
    assert need > BESIDES + (house.corpus / "new.jsonl").stat().st_size
    stray = house.workspace / "work" / "train" / ("3" * 32)
    stray.mkdir(parents=True)
    (stray / "left.bin").write_bytes(b"0" * 1_000_000)
    full = num_bytes_in(house.workspace) + need - 500_000
    monkeypatch.setattr(machine, "free_bytes", lambda _: full - num_bytes_in(house.workspace))
    found = the_one(house, "disk")
    assert (found.level, "the next night needs about" in found.what) == (ERROR, True)
    assert found.what.endswith("(a rough figure)"), "a corpus of this size tells nothing"
    command_of(house, found)
    assert findings(house, "disk") == []


def test_what_a_night_needs_of_the_disk_follows_from_what_the_last_ones_have_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, workspace = settings_of(house), Workspace(house.workspace)
    (batch,) = workspace.batches()
    made = bytes_by_stage(workspace, batch)
    on_disk = Counter[str]()
    for name, found in artifacts(house.workspace).items():
        if not found.maker.startswith(("tokenize.snapshot", "tokenize.learn")):
            on_disk[name.partition("/")[0]] += sum(file.bytes for file in found.files)
    assert made == {stage: on_disk[stage] for stage in ("ingest", "clean", "dedup", "scrub", "tokenize")}
    read = sum(path.stat().st_size for path in house.corpus.iterdir())
    (model,) = workspace.store.list(TRAIN.name)
    of_a_training = COPIES * sum(file.bytes for file in model.files)
    write_lines(house.corpus / "new.jsonl", {f"new-{n}": english(7000 + n) for n in range(60)})
    new = (house.corpus / "new.jsonl").stat().st_size
    rough = night_bytes(settings, workspace)
    again = rough.num_bytes - BESIDES - of_a_training - int(ROUGH_RATE * new)  # snapshot, scores, report
    assert rough.is_rough and 0 < again < 100_000
    monkeypatch.setattr(forecast, "KNOWN_FROM", read)
    rate = sum(made.values()) / read
    wanted = Forecast(BESIDES + of_a_training + again + int(rate * new), is_rough=False)
    assert night_bytes(settings, workspace) == wanted
    monkeypatch.setattr(machine, "free_bytes", lambda _: wanted.num_bytes - 1)
    assert the_one(house, "disk").what.endswith("(by what the last ones have made)")
    shutil.rmtree(house.workspace / "state" / "plans" / batch.plan)  # as after a forget
    assert night_bytes(settings, workspace).is_rough


@pytest.mark.parametrize("name", ["train.threads", "resources.workers"])
def test_more_threads_than_processors_are_told_and_its_setting_helps(house: House, name: str) -> None:
    there = int(machine.num_cores())
    wanted = {name.replace(".", "__"): str(there + 1)}
    found = [one for one in findings(house, "cores", **wanted) if one.what.startswith(name)]
    assert len(found) == 1
    option, value = found[0].command.removeprefix("nightshift run ").split()
    told = {option.removeprefix("--").replace(".", "__"): value}
    assert not [one for one in findings(house, "cores", **told) if one.what.startswith(name)]


def test_a_limit_on_addresses_is_told_that_no_night_works_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (3_000_000_000, resource.RLIM_INFINITY))
    found = the_one(house, "memory")
    assert (found.level, found.command) == (ERROR, "ulimit -v unlimited")
    assert "may address 3.00 GB (ulimit -v), and needs 4" in found.what


def test_too_little_memory_is_told_and_fewer_workers_help(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_free_memory", lambda: 1_600_000_000)
    found = the_one(house, "memory", resources__workers="8")
    assert found.command == "nightshift run --resources.workers 1"
    assert findings(house, "memory", resources__workers="1") == []


def test_no_schedule_without_up_is_a_warning_and_a_server_that_does_not_answer_an_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nights, "ANSWER_SECONDS", 0.5)
    on = {"schedule__cron": "0 2 * * *"}
    found = the_one(house, "schedule", **on)
    assert (found.level, found.command) == (WARNING, "nightshift up --install --enable")
    assert findings(house, "schedule") == []
    with answering(Silent) as url:
        process = psutil.Process()
        servers = Standing(process.pid, process.create_time(), url, url, url, root=str(house.workspace))
        remember_servers(Workspace(house.workspace), servers)
        started = time.monotonic()
        found = the_one(house, "schedule", **on)
        assert time.monotonic() - started < 60
    assert (found.level, "does not say when nights start" in found.what) == (ERROR, True)


class Silent(BaseHTTPRequestHandler):
    """Takes a question and never answers."""

    def do_GET(self) -> None:
        """See `BaseHTTPRequestHandler`."""
        time.sleep(2)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_plan_that_cannot_be_made_is_an_error(house: House) -> None:
    found = the_one(house, "plan", ingest__sources='[{"kind": "files", "name": "docs", "path": "/nowhere/at/all"}]')
    assert (found.level, found.command) == (ERROR, "nightshift plan")


def test_a_check_that_hangs_or_fails_keeps_no_other_from_its_say(house: House) -> None:
    def hangs(_: Patient) -> Iterator[Finding]:
        time.sleep(30)
        yield from ()

    def fails(_: Patient) -> Iterator[Finding]:
        yield Finding(WARNING, "seen before", "true")
        raise RuntimeError("a fault of ours")

    checks = [("hangs", hangs), ("fails", fails)]
    found = examine(settings_of(house), Workspace(house.workspace), checks=checks, seconds=0.2)
    assert [one.check for one in found.found] == ["hangs", "fails", "fails"]
    assert "did not end within 0.2 s" in found.found[0].finding.what
    assert "a fault of ours" in found.found[2].finding.what


def test_while_a_night_is_at_work_nothing_is_put_right_and_that_is_said(house: House) -> None:
    house.workspace.chmod(0o755)
    with holder(Workspace(house.workspace)):
        found = examine(settings_of(house), Workspace(house.workspace), is_fixing=True)
    (told,) = [one for one in found.found if one.check == "permissions"]
    assert "another run is at work here" in told.became
    assert house.workspace.stat().st_mode & 0o777 == 0o755


def test_what_a_newer_mlflow_has_made_is_told(house: House) -> None:
    with closing(sqlite3.connect(house.workspace / "mlflow.db")) as database, database:
        database.execute("update alembic_version set version_num = 'ffffffffffff'")
    found = the_one(house, "databases")
    assert (found.level, "of a newer mlflow" in found.what) == (ERROR, True)
