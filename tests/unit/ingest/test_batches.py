"""Nights one after the other: only what is new comes in, what is gone leaves, and nothing else happens."""

import gzip
import json
import pickle
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import DamagedArtifact, GuardStop, UpstreamError
from pipeline_lib.ingest import stage
from pipeline_lib.ingest.documents import read_file
from pipeline_lib.ingest.history import batch_tombstones, live_documents
from pipeline_lib.ingest.plan import Tombstone
from pipeline_lib.ingest.records import read_options


def jsonl(**texts: str) -> str:
    return "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())


def ids(house: Any, plan: Any) -> dict[str, str]:
    return {row["url"]: row["document_id"] for row in house.rows(plan)}


def live_ids(house: Any) -> set[str]:
    paths = {row["path"] for batch in house.batches for row in inventory(house, batch)}
    live = live_documents(house.store, house.batches, paths)
    return {document_id for places in live.values() for document_id in places}


def inventory(house: Any, batch: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return list(pq.read_table(house.store.path("ingest", batch) / "inventory.parquet").to_pylist())


def test_a_night_with_nothing_new_has_no_plan(house: Any) -> None:
    house.write("a.txt", "夜")
    house.night()
    assert house.scan() is None


def test_an_empty_source_has_no_plan(house: Any) -> None:
    assert house.scan() is None


def test_a_new_file_comes_alone(house: Any) -> None:
    house.write("a.txt", "one")
    house.night()
    house.write("b.txt", "two")
    plan = house.night()
    assert house.texts(plan) == {"b.txt": "two"}
    assert (plan.num_new_files, plan.num_changed_files, plan.num_gone_files) == (1, 0, 0)
    assert plan.tombstones == ()


def test_of_a_changed_file_only_new_documents_come_and_only_missing_ones_leave(house: Any) -> None:
    house.write("a.jsonl", jsonl(a="甲", b="乙", c="丙"))
    first = house.night()
    old = ids(house, first)
    house.write("a.jsonl", jsonl(new="新", a="甲", b="乙, changed"))
    plan = house.night()
    assert house.texts(plan) == {"a.jsonl#new": "新", "a.jsonl#b": "乙, changed"}
    gone = [Tombstone(old[url], first.fingerprint, 0) for url in ("a.jsonl#b", "a.jsonl#c")]
    assert list(plan.tombstones) == sorted(gone, key=lambda stone: stone.document_id)
    assert batch_tombstones(house.store, plan.fingerprint) == list(plan.tombstones)
    assert (plan.num_new_files, plan.num_changed_files) == (0, 1)
    (row,) = inventory(house, plan.fingerprint)
    assert (row["num_documents"], row["num_unchanged"], row["num_bad"]) == (2, 1, 0)


def test_a_line_inserted_above_renames_nothing(house: Any) -> None:
    house.write("a.jsonl", '{"text": "second"}\n')
    house.night()
    house.write("a.jsonl", '{"text": "first"}\n{"text": "second"}\n')
    plan = house.night()
    assert list(house.texts(plan).values()) == ["first"]
    assert plan.tombstones == ()


def test_documents_of_a_deleted_file_leave_and_it_is_known_to_be_gone(house: Any) -> None:
    house.write("a.jsonl", jsonl(a="1", b="2"))
    house.write("b.txt", "stays")
    first = house.night()
    house.write("a.jsonl", "").unlink()
    plan = house.night()
    assert plan.shards == ()
    assert plan.gone == ("a.jsonl",)
    expected = {document_id for url, document_id in ids(house, first).items() if url.startswith("a.jsonl")}
    assert {stone.document_id for stone in plan.tombstones} == expected
    assert house.scan() is None


def test_a_document_changed_on_three_nights_leaves_the_batch_that_held_it_last(house: Any) -> None:
    plans = []
    for text in ("one", "two", "three"):
        house.write("a.txt", text)
        plans.append(house.night())
    assert [[(stone.batch, stone.shard) for stone in plan.tombstones] for plan in plans] == [
        [],
        [(plans[0].fingerprint, 0)],
        [(plans[1].fingerprint, 0)],
    ]


def test_a_document_that_comes_back_is_in_its_new_batch_and_leaves_from_there(house: Any) -> None:
    house.write("a.txt", "old")
    (old,) = ids(house, house.night()).values()
    house.write("a.txt", "new")
    house.night()
    house.write("a.txt", "old")
    third = house.night()
    assert ids(house, third) == {"a.txt": old}
    house.write("a.txt", "").unlink()
    assert house.night().tombstones == (Tombstone(old, third.fingerprint, 0),)


def test_a_file_restored_brings_only_what_is_missing_and_leaves_the_first_shard_alone(house: Any) -> None:
    both = jsonl(a="甲", b="乙")
    house.write("a.jsonl", both)
    first = house.night()
    house.write("a.jsonl", jsonl(a="甲"))
    house.night()
    house.write("a.jsonl", both)
    third = house.night()
    assert list(house.texts(third)) == ["a.jsonl#b"]
    assert list(house.texts(first)) == ["a.jsonl#a", "a.jsonl#b"]


def test_a_batch_is_named_by_its_place_in_the_order_too(house: Any) -> None:
    for _ in range(2):
        house.write("empty.txt", "")
        house.night()
        house.write("empty.txt", "").unlink()
        house.night()
    assert len(set(house.batches)) == 4


def test_equal_sources_in_two_places_give_equal_names_and_bytes(house: Any, tmp_path: Path) -> None:
    other = type(house)(tmp_path / "elsewhere")
    for place in (house, other):
        place.write("x/a.txt", "夜")
        place.write("b.jsonl", jsonl(a="1") + "broken\n")
    mine, theirs = house.night(), other.night()
    assert mine == theirs
    for name in (mine.fingerprint, mine.shards[0].fingerprint):
        assert house.store.read("ingest", name).digest == other.store.read("ingest", name).digest
    assert str(tmp_path) not in (house.store.path("ingest", mine.fingerprint) / "plan.json").read_text()


def test_files_are_grouped_in_path_order_up_to_the_limit(house: Any) -> None:
    house.settings = {"max_shard_bytes": 10}
    for name, num_bytes in (("a", 4), ("b", 6), ("c", 1), ("d", 25), ("e", 3)):
        house.write(f"{name}.txt", "x" * num_bytes)
    plan = house.night()
    groups = [[file.path for file in shard.files] for shard in plan.shards]
    assert groups == [["a.txt", "b.txt"], ["c.txt"], ["d.txt"], ["e.txt"]]
    assert [shard.index for shard in plan.shards] == [0, 1, 2, 3]


def test_the_size_of_shards_does_not_change_the_documents(house: Any, tmp_path: Path) -> None:
    other = type(house)(tmp_path / "elsewhere", settings={"max_shard_bytes": 1})
    for place in (house, other):
        for number in range(5):
            place.write(f"{number}.txt", f"夜 {number}")
    one, five = house.night(), other.night()
    assert (len(one.shards), len(five.shards)) == (1, 5)
    assert house.rows(one) == other.rows(five)


def test_a_plan_travels_to_other_processes(house: Any) -> None:
    house.write("a.txt", "x")
    plan = house.scan()
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_other_reading_settings_read_all_files_again_and_replace_what_differs(house: Any) -> None:
    house.write("a.jsonl", '{"id": 1, "text": "short", "body": "long"}\n')
    house.write("b.txt", "as before")
    first = house.night()
    house.reading = {"text_field": "body"}
    plan = house.night()
    assert (plan.num_new_files, plan.num_changed_files) == (0, 2)
    assert house.texts(plan) == {"a.jsonl#1": "long"}
    assert [stone.document_id for stone in plan.tombstones] == [ids(house, first)["a.jsonl#1"]]
    assert house.scan() is None


def test_settings_that_decide_no_document_change_nothing(house: Any) -> None:
    house.write("a.txt", "x")
    house.night()
    house.settings = {"max_shard_bytes": 1, "max_bad_share": 0.5}
    assert house.scan() is None


def test_a_broken_file_withdraws_nothing_and_heals_by_itself(house: Any) -> None:
    packed = gzip.compress(jsonl(**{f"n{n}": f"夜 {n}" for n in range(100)}).encode())
    house.write("a.jsonl.gz", packed)
    house.night()
    house.write("a.jsonl.gz", packed[:-20])
    broken = house.night()
    assert (house.rows(broken), broken.tombstones) == ([], ())
    assert house.quarantine(broken) == ["a.jsonl.gz: truncated gzip"]
    assert house.scan() is None
    house.write("a.jsonl.gz", gzip.compress(jsonl(n0="夜 0", extra="more").encode()))
    healed = house.night()
    assert list(house.texts(healed).values()) == ["more"]
    assert len(healed.tombstones) == 99


def test_a_file_broken_from_the_start_comes_in_when_it_is_repaired(house: Any) -> None:
    house.write("a.txt", "夜里的文字".encode("gbk"))
    assert house.quarantine(house.night()) == ["a.txt: not UTF-8"]
    assert house.scan() is None
    house.write("a.txt", "夜")
    assert house.texts(house.night()) == {"a.txt": "夜"}


def test_a_file_that_changes_between_scan_and_run_stops_with_what_to_do(house: Any, tmp_path: Path) -> None:
    house.write("a.txt", "scanned")
    plan = house.scan()
    house.write("a.txt", "later")
    with pytest.raises(UpstreamError, match=r"a\.txt: changed while being read\. Run again"):
        stage.run(house.ingest, house.source, plan.shards[0], tmp_path)


def test_a_file_that_changes_under_the_reader_stops_it(house: Any) -> None:
    house.write("a.jsonl", jsonl(a="1", b="2"))
    (shard,) = house.scan().shards
    reading = read_file(shard.files[0], house.source, read_options(house.ingest, house.source))
    next(reading)
    house.write("a.jsonl", jsonl(a="1", b="3", c="4"))
    with pytest.raises(UpstreamError, match="changed while being read"):
        list(reading)


def test_a_file_that_vanishes_between_scan_and_run_stops_with_what_to_do(house: Any, tmp_path: Path) -> None:
    place = house.write("a.txt", "scanned")
    plan = house.scan()
    place.unlink()
    with pytest.raises(UpstreamError, match=r"a\.txt: changed while being read\. Run again"):
        stage.run(house.ingest, house.source, plan.shards[0], tmp_path)


def test_a_source_that_is_suddenly_empty_stops_the_night(house: Any) -> None:
    place = house.write("a.txt", "one")
    house.night()
    place.unlink()
    house.settings = {"max_gone_share": 0.5}
    with pytest.raises(GuardStop, match=r"1 of the 1 files of source 'docs' are gone.*max_gone_share"):
        house.scan()


def test_replan_gives_the_plan_again_and_its_shards_the_same_bytes(house: Any) -> None:
    house.write("a.jsonl", jsonl(a="1", b="2"))
    house.night()
    house.write("a.jsonl", jsonl(a="1", b="3"))
    plan = house.night()
    before = house.store.read("ingest", plan.shards[0].fingerprint).digest
    shutil.rmtree(house.store.path("ingest", plan.shards[0].fingerprint))
    again = stage.replan(house.ingest, house.source, plan.fingerprint, house.store, house.root / "no copy")
    assert again == plan
    house.seal(again)
    assert house.store.read("ingest", plan.shards[0].fingerprint).digest == before


def test_replan_refuses_when_files_of_a_lost_shard_or_their_reading_changed(house: Any) -> None:
    house.write("a.txt", "one")
    plan = house.night()
    shutil.rmtree(house.store.path("ingest", plan.shards[0].fingerprint))

    def replan() -> Any:
        return stage.replan(house.ingest, house.source, plan.fingerprint, house.store, house.root / "no copy")

    house.write("a.txt", "two")
    assert replan() is None
    house.write("a.txt", "one")
    house.settings = {"max_document_bytes": 4096}
    assert replan() is None
    house.settings = {}
    assert replan() == plan


def test_replan_needs_no_files_of_whole_shards_and_no_batch_if_there_is_a_copy_of_its_plan(house: Any) -> None:
    house.settings = {"max_shard_bytes": 1}
    house.write("a.txt", "one")
    house.write("b.txt", "two")
    plan = house.night()
    copy = house.root / "copy.json"
    shutil.copy(house.store.path("ingest", plan.fingerprint) / "plan.json", copy)
    shutil.rmtree(house.store.path("ingest", plan.fingerprint))
    shutil.rmtree(house.store.path("ingest", plan.shards[1].fingerprint))
    house.write("a.txt", "changed")
    again = stage.replan(house.ingest, house.source, plan.fingerprint, house.store, copy)
    assert again == plan
    assert stage.run(house.ingest, house.source, again.shards[1], house.root).rows_out == 1
    copy.write_text("{")
    assert stage.replan(house.ingest, house.source, plan.fingerprint, house.store, copy) is None


def test_a_scan_takes_the_plan_of_a_batch_that_is_lost_for_the_batch(house: Any) -> None:
    house.settings = {"max_shard_bytes": 1}
    house.write("a.jsonl", jsonl(a="1", b="2"))
    house.write("b.txt", "two")
    first = house.night()
    house.write("a.jsonl", jsonl(a="1", b="3"))
    house.write("c.txt", "three")
    expected = house.scan()
    for lost in (first.fingerprint, first.shards[1].fingerprint):  # the batch, and the shard of what did not change
        shutil.rmtree(house.store.path("ingest", lost))
    house.batches = [first]
    assert house.scan() == expected
    assert [stone.shard for stone in expected.tombstones] == [0]


def test_a_scan_needs_no_shards_of_earlier_batches_but_notices_a_damaged_batch(house: Any) -> None:
    house.write("a.txt", "one")
    first = house.night()
    shard = house.store.path("ingest", first.shards[0].fingerprint)
    for file in shard.iterdir():
        file.unlink()
    house.write("a.txt", "two")
    assert len(house.scan().tombstones) == 1
    members = house.store.path("ingest", first.fingerprint) / "members.parquet"
    members.write_bytes(b"x" + members.read_bytes()[1:])
    with pytest.raises(DamagedArtifact, match=r"members\.parquet"):
        house.scan()


@pytest.mark.parametrize("seed", range(4))
def test_many_nights_lead_to_the_same_documents_as_one(house: Any, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    state: dict[str, str] = {}
    for _ in range(6):
        for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
            if dice.random() < 0.6:
                names = dice.sample("甲乙丙丁", k=dice.randint(1, 4))
                state[name] = jsonl(**{name: dice.choice(["x", "夜", "z"]) for name in names})
                house.write(name, state[name])
            elif dice.random() < 0.3 and state.pop(name, None):
                (tmp_path / "docs" / name).unlink()
        plan = house.scan()
        if plan is not None:
            house.seal(plan)
            house.batches.append(plan.fingerprint)
    other = type(house)(tmp_path / "elsewhere")
    for name, content in state.items():
        other.write(name, content)
    other.night()
    assert live_ids(house) == live_ids(other)
