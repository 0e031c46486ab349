"""How files are grouped into shards: by what is new in them, and named by what is read."""

import json
import pickle
from typing import Any

from pipeline_lib.ingest import works
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.ingest.stage import MAKERS
from pipeline_lib.store.artifact import Ref


def groups(plan: BatchPlan) -> list[list[str]]:
    return [[file.path for file in shard.files] for shard in plan.shards]


def lines(number: int, changed: int | None = None) -> str:
    texts = [f"file {number} record {record} " + "夜" * 200 for record in range(100)]
    if changed is not None:
        texts[changed] += " and one sentence more"
    return "".join(json.dumps({"id": record, "text": text}) + "\n" for record, text in enumerate(texts))


def test_one_changed_record_in_each_of_many_files_makes_one_small_shard(house: Any) -> None:
    house.settings = {"max_shard_bytes": 100_000}
    for number in range(20):
        house.write(f"{number:02d}.jsonl", lines(number))
    assert len(house.night().shards) == 20
    for number in range(20):
        house.write(f"{number:02d}.jsonl", lines(number, changed=number))
    plan = house.night()
    assert len(plan.shards) == 1
    assert len(house.texts(plan)) == len(plan.tombstones) == 20
    assert sum(len(file.taken) for file in plan.shards[0].files) == 20


def test_changed_files_share_a_shard_up_to_the_bytes_of_their_new_text(house: Any) -> None:
    house.settings = {"max_shard_bytes": 1500}
    for number in range(4):
        house.write(f"{number}.jsonl", lines(number))
    house.night()
    for number in range(4):  # 600 bytes of Han and some letters are new in each
        house.write(f"{number}.jsonl", lines(number, changed=3))
    assert groups(house.scan()) == [["0.jsonl", "1.jsonl"], ["2.jsonl", "3.jsonl"]]


def test_new_files_count_as_they_are_stored_beside_changed_ones(house: Any) -> None:
    house.settings = {"max_shard_bytes": 3000}
    house.write("a.jsonl", lines(1))
    house.night()
    house.write("a.jsonl", lines(1, changed=5))
    house.write("b.txt", "x" * 2000)
    house.write("c.txt", "x" * 2000)
    assert groups(house.scan()) == [["a.jsonl", "b.txt"], ["c.txt"]]


def test_a_file_that_only_lost_records_weighs_nothing(house: Any) -> None:
    house.settings = {"max_shard_bytes": 10}
    for number in range(3):
        house.write(f"{number}.jsonl", lines(number))
    house.night()
    for number in range(3):
        house.write(f"{number}.jsonl", lines(number).partition("\n")[2])
    plan = house.night()
    assert groups(plan) == [["0.jsonl", "1.jsonl", "2.jsonl"]]
    assert (house.texts(plan), len(plan.tombstones)) == ({}, 3)


def test_a_shard_has_the_same_name_in_another_plan(house: Any) -> None:
    """A night that was cut and goes on after more files came makes only what it has not made."""
    house.settings = {"max_shard_bytes": 4}
    house.write("b.txt", "bbbb")
    first = house.scan()
    house.write("a.txt", "aaaa")
    second = house.scan()
    assert groups(second) == [["a.txt"], ["b.txt"]]
    name = house.shard_work(first, first.shards[0]).fingerprint
    assert name == house.shard_work(second, second.shards[1]).fingerprint


def test_works_are_small_whatever_a_plan_lists_and_each_maker_sees_what_it_reads(house: Any) -> None:
    for number in range(300):
        house.write(f"some/long/path/to/a/file/{number}.jsonl", lines(number)[:900])
    plan = house.scan()
    ref = Ref("ingest", "0" * 32)
    made = [
        works.land(house.ingest, "docs", "night 1", ref),
        works.plan(house.ingest, plan),
        works.read(house.ingest, "docs", plan.shards[0], ref, ref),
        works.split(house.ingest, "docs", plan.shards[0], ref, ref),
        works.batch(house.ingest, "docs", ref, ref),
        works.past((ref,) * 8),
    ]
    assert [work.maker for work in made] == list(MAKERS)
    for work in made:
        pickled = pickle.dumps(work)
        assert len(pickled) < 4096
        assert pickle.loads(pickled).fingerprint == work.fingerprint


def test_where_a_source_lies_and_how_files_are_grouped_name_nothing(house: Any) -> None:
    house.write("a.txt", "one")
    one = house.scan()
    other = house.elsewhere(settings={"max_shard_bytes": 7, "max_bad_share": 0.3})
    other.reading = {"include": ("*.txt",), "exclude": ("z*",)}
    other.write("a.txt", "one")
    two = other.scan()
    names = [place.shard_work(plan, plan.shards[0]).fingerprint for place, plan in ((house, one), (other, two))]
    assert names[0] == names[1]
    other.reading = {"text_field": "body"}
    assert other.scan().shards[0].content != one.shards[0].content
