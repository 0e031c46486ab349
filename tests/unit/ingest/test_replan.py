"""Plans of earlier batches again, and batches that stand in for what was lost of them."""

import json
import shutil
from typing import Any

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.ingest import stage
from pipeline_lib.ingest.history import PlannedBatch


def jsonl(**texts: str) -> str:
    return "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())


def test_replan_gives_the_plan_again_and_its_shards_the_same_bytes(house: Any) -> None:
    house.write("a.jsonl", jsonl(a="1", b="2"))
    house.night()
    house.write("a.jsonl", jsonl(a="1", b="3"))
    plan = house.night()
    before = {file.name: file.read_bytes() for file in house.shard_folder(plan).iterdir()}
    shutil.rmtree(house.shard_folder(plan))
    again = house.replan(plan, 0)
    assert again == plan
    assert house.seal(again) == house.batches[-1]
    assert {file.name: file.read_bytes() for file in house.shard_folder(plan).iterdir()} == before


def test_replan_refuses_when_files_of_a_lost_shard_or_their_reading_changed(house: Any) -> None:
    place = house.write("a.txt", "one")
    plan = house.night()
    house.write("a.txt", "two")
    assert house.replan(plan, 0) is None
    place.unlink()
    assert house.replan(plan, 0) is None
    house.write("a.txt", "one")
    house.settings = {"max_document_bytes": 4096}
    assert house.replan(plan, 0) is None
    house.settings = {}
    assert house.replan(plan, 0) == plan


def test_replan_needs_no_files_of_whole_shards_and_either_the_plan_or_its_copy(house: Any) -> None:
    house.settings = {"max_shard_bytes": 1}
    house.write("a.txt", "one")
    house.write("b.txt", "two")
    plan = house.night()
    shutil.rmtree(house.folder(house.plan_work(plan).fingerprint))
    house.write("a.txt", "changed")
    assert house.replan(plan, 1) == plan
    (stage.kept_plan(house.root, plan.content) / "plan.json").write_text("{")
    assert house.replan(plan, 1) is None


def test_a_kept_plan_that_is_damaged_is_kept_anew(house: Any) -> None:
    house.write("a.txt", "one")
    plan = house.scan()
    kept = stage.keep(plan, house.root)
    (kept / "files.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="holds no plan"):
        house.make(house.plan_work(plan))
    house.seal(plan)
    assert house.texts(plan) == {"a.txt": "one"}


def test_a_shard_is_not_read_from_a_plan_that_says_otherwise(house: Any) -> None:
    """The names in a plan are compared with what it lists before anything is read by them."""
    house.write("a.txt", "one")
    house.write("b.txt", "two")
    plan = house.scan()
    house.seal(plan)
    other = house.elsewhere()
    other.write("c.txt", "three")
    theirs = other.night()
    lists = other.folder(other.plan_work(theirs).fingerprint) / "files.parquet"
    shutil.copy(lists, house.folder(house.plan_work(plan).fingerprint))
    with pytest.raises(DataError, match="holds no shard"):
        house.make(house.shard_work(plan, plan.shards[0]))


def test_a_scan_takes_the_plan_of_a_batch_that_is_lost_for_the_batch(house: Any) -> None:
    house.settings = {"max_shard_bytes": 1}
    house.write("a.jsonl", jsonl(a="1", b="2"))
    house.write("b.txt", "two")
    first = house.night()
    house.write("a.jsonl", jsonl(a="1", b="3"))
    house.write("c.txt", "three")
    expected = house.scan()
    assert [stone.shard for stone in expected.tombstones] == [0]
    whole = house.shard_work(first, first.shards[0]).fingerprint
    house.batches = [PlannedBatch(house.batches[0], first, (whole, None))]  # the shard of what did not change is lost
    shutil.rmtree(house.shard_folder(first, 1))
    assert house.scan() == expected


def test_a_scan_needs_no_shards_of_earlier_batches(house: Any) -> None:
    house.write("a.txt", "one")
    shutil.rmtree(house.shard_folder(house.night()))
    house.write("a.txt", "two")
    assert len(house.scan().tombstones) == 1
