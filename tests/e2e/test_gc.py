"""gc takes what nothing needs, nothing else: each version loads and is traced, a rollback works, no night is longer."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from flows.gc import collect_garbage
from flows.servers import start_mlflow
from pipeline_lib.base.errors import DataError, NightshiftError, UpstreamError, WorkspaceBusy
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.keep.marks import DAY
from pipeline_lib.keep.outlook import Outlook, look
from pipeline_lib.model.tracking import connect, open_run
from pipeline_lib.past.reads import documents_read
from pipeline_lib.register.ledger import last_version
from pipeline_lib.register.opened import opened
from pipeline_lib.register.registry import FILES_TAG, Registry, versions
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import promote, registry_of, rollback
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.addresses import MLFLOW, MLFLOW_COPY
from pipeline_lib.store.holder import holder_of
from pipeline_lib.store.workspace import Workspace
from tests import collected
from tests.flips import flip
from tests.model_nights import FAST, foreseen, whole_night
from tests.registered import delete, files_of, shelve
from tests.servers_up import answered, wait_until
from tests.tiny_night import (
    Ended,
    House,
    arguments,
    artifacts,
    copy_house,
    english,
    environment,
    nightshift,
    refresh,
    tiny_settings,
    write_corpus,
    write_lines,
)

AT_ONCE = {"maintenance__keep_days": "0", "maintenance__keep_nights": "1"}
LATER = {"maintenance__keep_nights": "1"}
NIGHTS = 3


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Some nights, each of which has changed a document and registered a version."""
    root = tmp_path_factory.mktemp("lived")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    for number in range(NIGHTS):
        edit(house, number)
        whole_night(settings_of(house))
    yield house


@pytest.fixture
def house(lived: House, tmp_path: Path) -> House:
    return copy_house(lived, tmp_path / "house")


def edit(house: House, number: int) -> None:
    """What the day before that night has brought."""
    texts = {f"en-{n}": english(n + 1000 * number if n <= number else n) for n in range(24)}
    write_lines(house.corpus / "a_english.jsonl", texts)


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **changes)


def registry_in(house: House) -> Registry:
    return registry_of(settings_of(house).of(RegisterSettings), house.workspace)


def seen(house: House, *, now: float | None = None, **changes: str) -> Outlook:
    return look(settings_of(house, **changes), Workspace(house.workspace), now=now or time.time())


def collect(house: House, *, now: float | None = None, **changes: str) -> Outlook:
    """gc in this process."""
    return collected.collect(settings_of(house, **changes), now)


def gc(house: House, *words: str, fail: str = "", **changes: str) -> Ended:
    """gc as a user calls it."""
    more = {VARIABLE: fail} if fail else {}
    return nightshift("gc", *words, *arguments(house.workspace, house.corpus, **FAST, **changes), **more)


def test_all_that_gc_leaves_alone_is_what_models_and_nights_need(house: House, tmp_path: Path) -> None:
    twin = copy_house(house, tmp_path / "twin")
    gone = {thing.key for thing in collect(house, **AT_ONCE).goes}
    assert gone
    assert set(artifacts(house.workspace)) == set(artifacts(twin.workspace)) - gone
    registry, store = registry_in(house), Workspace(house.workspace).store
    assert len(versions(registry)) == NIGHTS
    for version in versions(registry):
        with opened(registry, version.number) as package:
            AutoModelForCausalLM.from_pretrained(package.folder / "model")
        model = store.read("train", version.model_fingerprint)
        read = list(documents_read(store, model, 0, model.facts["num_steps"]))
        assert read
        assert all(document.url for document in read)
    rollback(registry, reason="worse", now=datetime.now(UTC))
    assert foreseen(settings_of(house)).is_nothing_new
    assert whole_night(settings_of(house)).made == frozenset()
    for one in (house, twin):
        edit(one, NIGHTS)
    rollback(registry_in(twin), reason="worse", now=datetime.now(UTC))
    assert whole_night(settings_of(house)).made == whole_night(settings_of(twin)).made


def test_a_gc_that_is_killed_is_finished_by_the_next_one_and_bothers_no_night(house: House, tmp_path: Path) -> None:
    twin = copy_house(house, tmp_path / "twin")
    wanted = {thing.key for thing in seen(house, **AT_ONCE).goes}
    ended = gc(house, fail="keep:before_removal:3", **AT_ONCE)
    assert ended.status < 0
    assert 0 < len(set(artifacts(twin.workspace)) - set(artifacts(house.workspace))) < len(wanted)
    assert foreseen(settings_of(house)).is_nothing_new
    assert gc(house, **AT_ONCE).status == 0
    assert set(artifacts(house.workspace)) == set(artifacts(twin.workspace)) - wanted
    assert foreseen(settings_of(house)).is_nothing_new


def test_gc_beside_a_night_takes_nothing_from_it(house: House) -> None:
    edit(house, NIGHTS)
    words = arguments(house.workspace, house.corpus, **FAST)
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", *words]
    tries = []
    night = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: holder_of(house.workspace / "state" / "lock") is not None or night.poll() is not None, 120)
    while night.poll() is None:
        tries.append(gc(house, **AT_ONCE))
        time.sleep(1)
    assert night.returncode == 0, night.communicate()
    assert {ended.status for ended in tries} <= {0, WorkspaceBusy.exit_code}
    assert WorkspaceBusy.exit_code in {ended.status for ended in tries}
    assert any("another run is at work here" in ended.err for ended in tries)
    assert gc(house, **AT_ONCE).status == 0
    assert foreseen(settings_of(house)).is_nothing_new


def test_what_is_not_needed_waits_first_and_what_is_needed_again_waits_anew(house: House) -> None:
    now, tried = time.time(), {"clean__rules": '{"min_words.v1": {"at_least": 10}}'}
    first = collect(house, now=now, **LATER)
    assert not first.goes
    assert first.waits
    refresh(settings_of(house, **tried))
    second = collect(house, now=now + 8 * DAY, **tried, **LATER)
    by_the_old_rules = {thing.key for thing in second.waits}
    assert {thing.key for thing in first.waits} == {thing.key for thing in second.goes}
    assert by_the_old_rules
    assert foreseen(settings_of(house)).is_nothing_new
    refresh(settings_of(house))
    for days in (9, 17, 25):
        found = collect(house, now=now + days * DAY, **LATER)
        assert by_the_old_rules.isdisjoint({thing.key for thing in (*found.goes, *found.waits)})
    assert foreseen(settings_of(house)).is_nothing_new


def test_a_dry_run_says_what_would_go_and_changes_nothing(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path for path in house.workspace.rglob("*") if "logs" not in path.parts)
    told = json.loads(gc(house, "--dry-run", "--json", **AT_ONCE).out)
    collect_garbage(settings_of(house, **AT_ONCE), Workspace(house.workspace), is_dry=True, as_json=False)
    page = capsys.readouterr().out
    assert sorted(path for path in house.workspace.rglob("*") if "logs" not in path.parts) == before
    assert told["is_dry_run"]
    assert {"kind", "count", "bytes"} == set(told["goes"][0])
    assert "would remove" in page
    assert "what the next night reads" in page


def test_a_version_that_is_deleted_in_mlflow_frees_its_files(house: House) -> None:
    registry = registry_in(house)
    for number in (2, 3):
        promote(registry, number, expected_champion="anybody", reason="better", now=datetime.now(UTC))
    files = {number: files_of(registry, number) for number in (1, 2, 3)}
    collect(house, **AT_ONCE)
    assert all(folder.is_dir() for folder in files.values())
    delete(registry, 1)
    collect(house, **AT_ONCE)
    assert [folder.is_dir() for folder in files.values()] == [False, True, True]
    for number in (2, 3):
        with opened(registry, number):
            pass


def test_runs_and_files_in_mlflow_that_no_version_stands_on_go(house: House, tmp_path: Path) -> None:
    registry = registry_in(house)
    client, place = connect(registry.place), registry.place
    run = open_run(client, place, experiment="nightshift", key="0" * 32, name="nobody's", tags={})
    client.set_terminated(run.info.run_id)
    files = client.create_logged_model(run.info.experiment_id, name="cut off", tags={FILES_TAG: "0" * 32})
    (tmp_path / "upload").mkdir()
    (tmp_path / "upload" / "model.txt").write_text("half of it")
    client.log_model_artifacts(files.model_id, str(tmp_path / "upload"))
    folder = house.workspace / "mlartifacts" / "models" / files.model_id
    assert folder.is_dir()
    collect(house, **AT_ONCE)
    assert not folder.exists()
    assert {found.info.run_id for found in client.search_runs([run.info.experiment_id])} >= {run.info.run_id}
    collect(house, now=time.time() + 91 * DAY, **AT_ONCE)
    left = {found.info.run_id for found in client.search_runs([run.info.experiment_id])}
    assert left == {version.run_id for version in versions(registry)}


def _no_database(house: House) -> None:
    (house.workspace / "mlflow.db").unlink()


def _new_database(house: House) -> None:
    (house.workspace / "mlflow.db").write_bytes(b"")


def _another_database(house: House) -> None:
    for database in (MLFLOW, MLFLOW_COPY):
        (house.workspace / database).unlink()
    shelve(replace(registry_in(house), name="another"), "another")


def _damaged_database(house: House) -> None:
    path, dice = house.workspace / "mlflow.db", random.Random(7)
    content = bytearray(path.read_bytes())
    for at in dice.sample(range(4096, len(content)), len(content) // 50):
        content[at] ^= 0xFF
    path.write_bytes(content)


def _no_champion(house: House) -> None:
    champion = last_version(registry_in(house))
    assert champion is not None
    delete(registry_in(house), champion)


def _damaged_pin(house: House) -> None:
    (house.workspace / "state" / "pins" / "benchmarks.json").write_text("{")


def _damaged_model(house: House) -> None:
    model = versions(registry_in(house))[0].model_fingerprint
    flip(house.workspace / "artifacts" / "train" / model / "manifest.json")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_no_database, "is not there"),
        (_new_database, "is damaged"),
        (_another_database, "has no model"),
        (_damaged_database, "is damaged"),
        (_no_champion, "who is champion"),
        (_damaged_pin, "benchmarks.json"),
        (_damaged_model, "is damaged, and says no more what it needs"),
    ],
)
def test_where_it_cannot_be_told_what_is_needed_nothing_goes(
    house: House, harm: Callable[[House], None], said: str
) -> None:
    harm(house)
    before = set((house.workspace / "artifacts").glob("[a-z]*/*"))
    with pytest.raises(NightshiftError, match=said) as error:
        collect(house, **AT_ONCE)
    assert "nothing was removed" in str(error.value)
    assert set((house.workspace / "artifacts").glob("[a-z]*/*")) == before


@pytest.mark.parametrize("name", ["trunks", "waiting", "landing-of_long_ago"])
def test_a_damaged_pin_that_nights_do_without_stops_no_gc(house: House, name: str) -> None:
    wanted = {thing.key for thing in seen(house, **AT_ONCE).goes}
    (house.workspace / "state" / "pins" / f"{name}.json").write_text("{")
    assert {thing.key for thing in collect(house, **AT_ONCE).goes} == wanted
    assert foreseen(settings_of(house)).is_nothing_new


def test_an_mlflow_that_does_not_answer_stops_gc(house: House) -> None:
    with pytest.raises(UpstreamError, match="nothing was removed"):
        seen(house, register__tracking_uri="http://127.0.0.1:9", **AT_ONCE)


def test_of_an_mlflow_that_others_use_ours_counts_and_nothing_is_deleted_there(house: House) -> None:
    registry = registry_in(house)
    others = shelve(registry, "f" * 32)
    mine = seen(house, **AT_ONCE)
    with answered(start_mlflow(Workspace(house.workspace), registry.place.uri)) as server:
        found = seen(house, register__tracking_uri=server.url, **AT_ONCE)
    assert {thing.key for thing in found.goes} == {thing.key for thing in mine.goes}
    assert sum(share.count for share in found.stays.values()) == sum(share.count for share in mine.stays.values())
    assert others in {version.number for version in versions(registry)}


def test_in_a_file_of_mlflow_that_is_named_nothing_is_deleted(house: House) -> None:
    """Other workspaces may use it: what has no version there may be theirs."""
    place = registry_in(house).place
    run = open_run(connect(place), place, experiment="nightshift", key="0" * 32, name="another's", tags={})
    later = time.time() + 91 * DAY
    key = f"mlflow/{run.info.run_id}"
    assert key in {thing.key for thing in seen(house, now=later, **AT_ONCE).goes}
    found = seen(house, now=later, register__tracking_uri=place.uri, **AT_ONCE)
    assert not any(thing.key.startswith("mlflow/") for thing in (*found.goes, *found.waits))


def test_what_it_says_to_do_about_damage_helps(house: House) -> None:
    _damaged_model(house)
    with pytest.raises(DataError) as error:
        collect(house, **AT_ONCE)
    (folder,) = [word for word in str(error.value).replace(",", "").split() if word.startswith("/")]
    shutil.rmtree(folder)
    collect(house, **AT_ONCE)
    assert foreseen(settings_of(house)).is_nothing_new


def test_the_settings_of_another_night_take_nothing_away(house: House) -> None:
    other = {"clean__rules": '{"min_words.v1": {"at_least": 10}}', "register__model_name": "another"}
    collect(house, **other, **AT_ONCE)
    assert foreseen(settings_of(house)).is_nothing_new


def test_runs_in_prefect_go_with_their_logs(finished_night: House, tmp_path: Path) -> None:
    house = copy_house(finished_night, tmp_path / "finished")
    database = house.workspace / "prefect" / "prefect.db"
    assert rows(database, "flow_run") > 0
    words = arguments(house.workspace, house.corpus)
    assert "runs in Prefect" not in nightshift("gc", "--dry-run", *words).out
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update flow_run set end_time = '2026-01-02 03:04:05.000000'")
    ended = nightshift("gc", *words)
    assert "runs in Prefect" in ended.out, ended
    assert [rows(database, table) for table in ("flow_run", "task_run", "log", "artifact")] == [0, 0, 0, 0]


def rows(database: Path, table: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


def test_a_clock_that_was_put_back_keeps_nothing_for_ever(house: House) -> None:
    now = time.time()
    waits = collect(house, now=now + 1000 * DAY, **LATER).waits
    assert waits
    collect(house, now=now, **LATER)
    assert {one.key for one in collect(house, now=now + 8 * DAY, **LATER).goes} == {one.key for one in waits}
