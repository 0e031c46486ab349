"""gc on the data half: nights of small edits, one that was cut off, rules by turns, landings, and what is not ours."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows.halves import ingest
from pipeline_lib.keep.marks import DAY
from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.landings import sources_that_land
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace
from tasks.land import land
from tasks.steps import do_stage
from tests.collected import collect
from tests.data_nights import merging_soon, planned
from tests.edited_nights import edited_nights
from tests.tiny_night import (
    House,
    artifacts,
    copy_house,
    english,
    night_here,
    refresh,
    tiny_settings,
    write_corpus,
    write_lines,
)

AT_ONCE = {"maintenance__keep_days": "0"}
OTHER_RULES = {"clean__rules": '{"min_words.v1": {"at_least": 10}}'}


@pytest.fixture(scope="module", autouse=True)
def scrub_key() -> Iterator[None]:
    """For all of these."""
    with merging_soon():
        yield


@pytest.fixture(scope="module")
def lived(scrub_key: None, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The data half of six nights, each of which has brought a file."""
    root = tmp_path_factory.mktemp("lived")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    for number in range(6):
        add(house, number)
        refresh(settings_of(house))
    return house


@pytest.fixture
def house(lived: House, tmp_path: Path) -> House:
    return copy_house(lived, tmp_path / "house")


def add(house: House, number: int) -> None:
    write_lines(house.corpus / f"new_{number}.jsonl", {f"new-{number}": english(5000 + number)})


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **changes)


def test_after_nights_of_small_edits_less_than_half_is_dead(tmp_path: Path) -> None:
    weighed = edited_nights(tmp_path, nights=6, documents=400, edited=0.01)
    assert (weighed.after - weighed.waits) / weighed.new <= 2.0
    assert weighed.waits


def test_what_was_merged_goes_and_is_missed_by_nobody(house: House, tmp_path: Path) -> None:
    twin = copy_house(house, tmp_path / "twin")
    gone = {thing.key for thing in collect(settings_of(house, **AT_ONCE)).goes}
    makers = {artifacts(twin.workspace)[key].maker for key in gone if key in artifacts(twin.workspace)}
    assert {"ingest.past", "dedup.index", "tokenize.merged", "tokenize.snapshot", "evaluate.benchmark"} <= makers
    assert not makers & {"ingest.read", "clean.text", "scrub.text", "tokenize.encode", "tokenize.learn", "ingest.batch"}
    assert planned(settings_of(house)) == {}
    for one in (house, twin):
        add(one, 6)
        refresh(settings_of(one))
    made = set(artifacts(twin.workspace)) - gone
    assert set(artifacts(house.workspace)) == made


def test_another_rule_after_gc_costs_what_it_would_have_cost(house: House, tmp_path: Path) -> None:
    twin = copy_house(house, tmp_path / "twin")
    collect(settings_of(house, **AT_ONCE))
    assert planned(settings_of(house, **OTHER_RULES)).keys() == planned(settings_of(twin, **OTHER_RULES)).keys()


def test_what_a_night_that_was_cut_off_has_made_is_kept_for_it(house: House) -> None:
    add(house, 7)
    settings = settings_of(house, **AT_ONCE)
    with night_here(settings) as night:
        plan = plan_data(settings, night.workspace)
        ingest(plan, night)
        do_stage("clean", plan, night)
    left = planned(settings)
    collect(settings)
    assert planned(settings) == left


def test_what_has_no_record_any_more_is_kept_by_the_plan(house: House) -> None:
    shutil.rmtree(house.workspace / "state" / "last")
    shutil.rmtree(house.workspace / "state" / "closed")
    collect(settings_of(house, **AT_ONCE))
    assert planned(settings_of(house)) == {}


def test_rules_that_take_turns_keep_what_each_of_them_made(house: House) -> None:
    refresh(settings_of(house, **OTHER_RULES))
    now = time.time()
    for day in (1, 5):
        collect(settings_of(house), now + day * DAY)
    assert planned(settings_of(house)) == {}
    assert planned(settings_of(house, **OTHER_RULES)) == {}
    collect(settings_of(house, **OTHER_RULES), now + 20 * DAY)
    assert planned(settings_of(house, **OTHER_RULES)) == {}


def test_rules_that_take_turns_keep_what_each_of_them_made_also_where_nothing_new_comes(house: House) -> None:
    tokens, other = _of_maker(house, "tokenize.encode"), settings_of(house, **OTHER_RULES)
    refresh(other)
    for record in (house.workspace / "state" / "closed").glob("*.json"):
        os.utime(record, (0, 0))  # the last document came long ago
    refresh(settings_of(house))
    refresh(other)
    waits = {thing.key for thing in collect(other).waits}
    assert waits
    assert tokens.isdisjoint(waits)


def test_the_texts_that_new_documents_are_compared_with_stay_as_long_as_their_index(house: House) -> None:
    texts, other = _of_maker(house, "clean.text"), settings_of(house, clean__max_html_tags="1000")
    refresh(other)
    assert _of_maker(house, "clean.text") > texts
    waits = {thing.key for thing in collect(other).waits}
    assert waits
    assert texts.isdisjoint(waits)


def _of_maker(house: House, maker: str) -> set[str]:
    return {key for key, found in artifacts(house.workspace).items() if found.maker == maker}


def test_what_is_not_ours_stays(house: House) -> None:
    theirs = [
        house.workspace / "artifacts" / "clean" / "notes" / "a.txt",
        house.workspace / "state" / "catalog.json.20260102-030405",
        house.workspace / "prefect" / "prefect.db.20260102-030405",
    ]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    collect(settings_of(house, **AT_ONCE))
    assert all(path.read_text() == "mine" for path in theirs)


def test_work_folders_go_when_their_work_is_done_or_is_nobodys(house: House) -> None:
    workspace = Workspace(house.workspace)
    done = next(iter(artifacts(house.workspace)))
    begun = Ref("train", "1" * 32)
    workspace.save_pin("begun", begun)
    for name in (done, str(begun), f"train/{'2' * 32}"):
        (house.workspace / "work" / name).mkdir(parents=True)
    collect(settings_of(house, **AT_ONCE))
    assert [path.name for path in (house.workspace / "work").glob("*/*")] == [begun.fingerprint]


def test_full_logs_go_in_time(house: House) -> None:
    log = house.workspace / "logs" / "mlflow-server.log.2"
    log.parent.mkdir(exist_ok=True)
    log.write_text("long ago")
    collect(settings_of(house, **AT_ONCE))
    assert log.is_file()
    collect(settings_of(house), time.time() + 91 * DAY)
    assert not log.exists()


def test_of_landings_the_newest_stays_and_those_of_batches_that_are_not_whole(tmp_path: Path) -> None:
    database = tmp_path / "articles.db"
    source = {"kind": "sql", "name": "docs", "url": f"sqlite:///{database}", "table": "articles"}
    settings = tiny_settings(tmp_path / "workspace", tmp_path, ingest__sources=json.dumps([source]), **AT_ONCE)
    workspace = Workspace(tmp_path / "workspace")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table articles (id integer primary key, text text)")
    for number in range(3):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("insert into articles values (?, ?)", (number, english(number)))
        with night_here(settings) as night:
            for one in sources_that_land(settings):
                land(one, night)
            ingest(plan_data(settings, workspace), night)
    first, second, newest = [batch.landing for batch in workspace.batches()]
    raw = next(
        workspace.store.members(workspace.store.read("ingest", workspace.batches()[1].fingerprint).inputs["shards"])
    )
    shutil.rmtree(workspace.store.path(raw.stage, raw.fingerprint))
    collect(settings)
    there = {found.fingerprint for found in workspace.store.list("ingest.land")}
    assert there == {second, newest}
    assert first not in there
