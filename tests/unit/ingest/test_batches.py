"""Nights one after the other: only what is new comes in, what is gone leaves, and nothing else happens."""

import gzip
import json
import pickle
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline_lib.base.errors import GuardStop, UpstreamError
from pipeline_lib.ingest.documents import read_file, reading_of
from pipeline_lib.ingest.plan import Tombstone


def jsonl(**texts: str) -> str:
    return "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())


def ids(house: Any, plan: Any) -> dict[str, str]:
    return {row["url"]: row["document_id"] for row in house.rows(plan)}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def inventory(house: Any, batch: str) -> list[dict[str, Any]]:
    return list(pq.read_table(house.folder(batch) / "inventory.parquet").to_pylist())


def tombstones(house: Any, batch: str) -> list[Tombstone]:
    return [Tombstone(**row) for row in pq.read_table(house.folder(batch) / "tombstones.parquet").to_pylist()]


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
    assert list(plan.tombstones) == []


def test_of_a_changed_file_only_new_documents_come_and_only_missing_ones_leave(house: Any) -> None:
    house.write("a.jsonl", jsonl(a="甲", b="乙", c="丙"))
    first = house.night()
    old = ids(house, first)
    house.write("a.jsonl", jsonl(new="新", a="甲", b="乙, changed"))
    plan = house.night()
    assert house.texts(plan) == {"a.jsonl#new": "新", "a.jsonl#b": "乙, changed"}
    gone = [Tombstone(old[url], house.batches[0], 0) for url in ("a.jsonl#b", "a.jsonl#c")]
    assert list(plan.tombstones) == sorted(gone, key=lambda stone: stone.document_id)
    assert tombstones(house, house.batches[1]) == list(plan.tombstones)
    assert (plan.num_new_files, plan.num_changed_files) == (0, 1)
    (row,) = inventory(house, house.batches[1])
    assert (row["num_documents"], row["num_unchanged"], row["num_bad"]) == (2, 1, 0)


def test_a_line_inserted_above_renames_nothing(house: Any) -> None:
    house.write("a.jsonl", '{"text": "second"}\n')
    house.night()
    house.write("a.jsonl", '{"text": "first"}\n{"text": "second"}\n')
    plan = house.night()
    assert list(house.texts(plan).values()) == ["first"]
    assert list(plan.tombstones) == []


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
        [(house.batches[0], 0)],
        [(house.batches[1], 0)],
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
    assert list(house.night().tombstones) == [Tombstone(old, house.batches[2], 0)]


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
    other = house.elsewhere()
    for place in (house, other):
        place.write("x/a.txt", "夜")
        place.write("b.jsonl", jsonl(a="1") + "broken\n")
    mine, theirs = house.night(), other.night()
    assert mine == theirs
    assert house.batches == other.batches
    folders = [[place.shard_folder(mine), place.folder(place.batches[0])] for place in (house, other)]
    for one, two in zip(*folders, strict=True):
        assert contents(one) == contents(two)
    assert str(tmp_path).encode() not in b"".join(contents(house.folder(house.plan_work(mine).fingerprint)).values())


def test_files_are_grouped_in_path_order_up_to_the_limit(house: Any) -> None:
    house.settings = {"max_shard_bytes": 10}
    for name, num_bytes in (("a", 4), ("b", 6), ("c", 1), ("d", 25), ("e", 3)):
        house.write(f"{name}.txt", "x" * num_bytes)
    plan = house.night()
    groups = [[file.path for file in shard.files] for shard in plan.shards]
    assert groups == [["a.txt", "b.txt"], ["c.txt"], ["d.txt"], ["e.txt"]]
    assert [shard.index for shard in plan.shards] == [0, 1, 2, 3]


def test_the_size_of_shards_does_not_change_the_documents(house: Any, tmp_path: Path) -> None:
    other = house.elsewhere(settings={"max_shard_bytes": 1})
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
    assert (house.rows(broken), list(broken.tombstones)) == ([], [])
    assert house.quarantine(broken) == ["a.jsonl.gz: truncated gzip"]
    assert house.scan() is None
    house.write("a.jsonl.gz", gzip.compress(jsonl(n0="夜 0", extra="more").encode()))
    healed = house.night()
    assert list(house.texts(healed).values()) == ["more"]
    assert len(healed.tombstones) == 99


def test_a_file_broken_from_the_start_comes_in_when_it_is_repaired(house: Any) -> None:
    house.write("a.txt", b"\x81\xff\xfe" * 9)
    assert house.quarantine(house.night()) == ["a.txt: not UTF-8"]
    assert house.scan() is None
    house.write("a.txt", "夜")
    assert house.texts(house.night()) == {"a.txt": "夜"}


def test_a_file_that_changes_between_scan_and_run_stops_with_what_to_do(house: Any) -> None:
    house.write("a.txt", "scanned")
    plan = house.scan()
    house.write("a.txt", "later")
    with pytest.raises(UpstreamError, match=r"a\.txt: changed while being read\. Run again"):
        house.seal(plan)


def test_a_file_that_changes_under_the_reader_stops_it(house: Any) -> None:
    house.write("a.jsonl", jsonl(a="1", b="2"))
    (shard,) = house.scan().shards
    place = house.root / "docs/a.jsonl"
    reading = read_file(reading_of(house.ingest, house.source, None), shard.files[0], place)
    next(reading)
    house.write("a.jsonl", jsonl(a="1", b="3", c="4"))
    with pytest.raises(UpstreamError, match="changed while being read"):
        list(reading)


def test_a_file_that_vanishes_between_scan_and_run_stops_with_what_to_do(house: Any) -> None:
    place = house.write("a.txt", "scanned")
    plan = house.scan()
    place.unlink()
    with pytest.raises(UpstreamError, match=r"a\.txt: changed while being read\. Run again"):
        house.seal(plan)


def test_a_source_that_is_suddenly_empty_stops_the_night(house: Any) -> None:
    place = house.write("a.txt", "one")
    house.night()
    place.unlink()
    house.settings = {"max_gone_share": 0.5}
    with pytest.raises(GuardStop, match=r"1 of the 1 files of source 'docs' are gone.*max_gone_share"):
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
            house.batches.append(house.seal(plan))
    other = house.elsewhere()
    for name, content in state.items():
        other.write(name, content)
    other.night()
    assert house.live_ids() == other.live_ids()
