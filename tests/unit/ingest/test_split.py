"""One large file as several shards: together they are the file, whatever is in it and however it is cut."""

import bz2
import gzip
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline_lib.base.errors import GuardStop, UpstreamError
from pipeline_lib.ingest import extent, stage
from pipeline_lib.ingest.history import PlannedBatch
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.ingest.plan_files import read_plan
from pipeline_lib.ingest.records import KIB, MIB
from pipeline_lib.ingest.summing import lost_records
from pipeline_lib.ingest.tables import summed
from pipeline_lib.store.tables import read_table
from tests.large_files import with_tiny_bounds
from tests.source_nights import House

NAMES = ("documents.parquet", "ledger.parquet", "quarantine.parquet")
WORDS = ("night", "夜里", "ночь", "shift 🌙", "é", "of", "the", "一班")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of some lines."""
    with_tiny_bounds(monkeypatch)


def records(chance: random.Random, number: int) -> list[dict[str, Any]]:
    """Records of which some have no text, the id of another one, or none."""
    found = []
    for at in range(number):
        text = " ".join(chance.choices(WORDS, k=chance.randrange(1, 30)))
        record: dict[str, Any] = {"id": str(at), "text": text}
        kind = chance.randrange(12)
        if kind == 0:
            record["id"] = str(chance.randrange(number))
        elif kind == 1:
            del record["id"]
        elif kind == 2:
            record["text"] = chance.choice(("", "   ", None))
        elif kind == 3:
            record |= {"id": None, "text": "the same text again"}
        found.append(record)
    return found


def as_jsonl(chance: random.Random, rows: list[dict[str, Any]]) -> bytes:
    end = chance.choice(("\n", "\r\n"))
    lines = [json.dumps(row, ensure_ascii=chance.random() < 0.5).encode() for row in rows]
    for _ in range(chance.randrange(5)):
        lines.insert(chance.randrange(len(lines)), chance.choice((b"{", b"[1]", b'{"text": "\xff\xfe"}', b"")))
    return end.encode().join(lines) + (end.encode() if chance.random() < 0.5 else b"")


def as_csv(chance: random.Random, rows: list[dict[str, Any]]) -> bytes:
    end = chance.choice(("\n", "\r\n"))
    lines = ["id,text", *(f'{row.get("id") or ""},"{row["text"] or ""}"' for row in rows)]
    lines.insert(chance.randrange(1, len(lines)), "one,too,many")
    lines.insert(chance.randrange(1, len(lines)), '7,"over two\nlines"')
    return end.join(lines).encode() + (end.encode() if chance.random() < 0.5 else b"")


def as_parquet(chance: random.Random, rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"id": [row.get("id") for row in rows], "text": [row["text"] for row in rows]})
    pq.write_table(table, sink, row_group_size=chance.choice((7, 50, 1_000)))
    return sink.getvalue().to_pybytes()


def as_json(chance: random.Random, rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows, indent=chance.choice((None, 1))).encode()


def as_zip(chance: random.Random, rows: list[dict[str, Any]]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", as_jsonl(chance, rows[: len(rows) // 2]))
        archive.writestr("picture.png", b"\x89PNG")
        archive.writestr("b.csv", as_csv(chance, rows[len(rows) // 2 :]))
    return held.getvalue()


def as_tar(chance: random.Random, rows: list[dict[str, Any]]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for at, row in enumerate(rows):
            data = str(row["text"] or "").encode()
            member = tarfile.TarInfo(f"{at}.txt")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


FORMATS: dict[str, Callable[[random.Random, list[dict[str, Any]]], bytes]] = {
    "a.jsonl": as_jsonl,
    "a.csv": as_csv,
    "a.parquet": as_parquet,
    "a.json": as_json,
    "a.zip": as_zip,
    "a.tar": as_tar,
    "a.jsonl.gz": lambda chance, rows: gzip.compress(as_jsonl(chance, rows), mtime=0),
    "a.csv.zst": lambda chance, rows: zstandard.compress(as_csv(chance, rows)),
    "a.jsonl.bz2": lambda chance, rows: bz2.compress(as_jsonl(chance, rows)),
}


@pytest.fixture
def pair(house: House) -> tuple[House, House]:
    """Two workspaces of one folder: the second one reads each file as one shard."""
    return house, House(house.root / "uncut", other=house.source)


def nights(pair: tuple[House, House]) -> tuple[BatchPlan, BatchPlan]:
    """A night in each."""
    house, uncut = pair
    plan, other = house.scan(), uncut.scan()
    assert plan is not None
    assert other is not None
    one = replace(other, shards=tuple(replace(shard, num_parts=1) for shard in other.shards))
    house.batches.append(house.seal(plan))
    uncut.batches.append(uncut.seal(one))
    return plan, one


def inventory(house: House) -> list[dict[str, Any]]:
    """What the last batch says of its files."""
    table = read_table(house.folder(str(house.batches[-1])) / "inventory.parquet")
    return summed(table, ["path", "digest", "heldout_share"]).to_pylist()


def members(house: House) -> list[tuple[str, str]]:
    """The documents of the last batch."""
    rows = read_table(house.folder(str(house.batches[-1])) / "members.parquet").to_pylist()
    return [(row["document_id"], row["path"]) for row in rows]


def assert_same(pair: tuple[House, House], plans: tuple[BatchPlan, BatchPlan]) -> None:
    """Both nights put out the same, in the same order."""
    (house, uncut), (plan, one) = pair, plans
    for name in NAMES:
        assert house.rows(plan, name) == uncut.rows(one, name), name
    assert inventory(house) == inventory(uncut)
    assert members(house) == members(uncut)
    assert house.facts(str(house.batches[-1])) == {**uncut.facts(str(uncut.batches[-1])), "plan": plan.content}
    assert house.live_ids() == uncut.live_ids()


def stones(plan: BatchPlan) -> list[str]:
    return sorted(stone.document_id for stone in plan.tombstones)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seed", range(2))
def test_the_parts_of_a_file_are_the_file_on_each_night(
    pair: tuple[House, House], name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New, then with more at its end, then edited throughout; in fewer parts than cells, or in more."""
    monkeypatch.setattr(extent, "PART_BYTES", (2_000, 150)[seed])
    chance = random.Random(f"{name} {seed}")
    rows = records(chance, 120)
    more = [*rows, *records(chance, 90)]
    edited = [row | {"text": f"{row['text']} anew"} if chance.random() < 0.7 else row for row in more]
    for number, found in enumerate((rows, more, edited)):
        pair[0].write(name, FORMATS[name](random.Random(seed), found))
        pair[0].write("small.txt", f"night {number}")
        plans = nights(pair)
        assert max(shard.num_parts for shard in plans[0].shards) > 1, number
        assert stones(plans[0]) == stones(plans[1])
        assert_same(pair, plans)


@pytest.mark.usefixtures("tiny")
def test_no_part_is_much_larger_than_a_part_shall_be(house: Any) -> None:
    house.write("a.jsonl", as_jsonl(random.Random(1), records(random.Random(1), 400)))
    plan = house.night()
    (shard,) = plan.shards
    sizes = [
        sum(len(text.encode()) for text in read_table(house.shard_folder(plan, part) / NAMES[0])["text"].to_pylist())
        for part in range(shard.num_parts)
    ]
    assert len(sizes) > 4
    assert max(sizes) < 2 * extent.PART_BYTES
    assert min(sizes) > extent.PART_BYTES / 4


@pytest.mark.usefixtures("tiny")
def test_lines_that_are_short_count_by_their_number(house: Any) -> None:
    house.write("a.jsonl", "".join(f'{{"text": "{number}"}}\n' for number in range(500)))
    (shard,) = house.night().shards
    assert shard.num_parts == 500 // extent.PART_DOCUMENTS


def test_what_stands_beside_the_text_and_what_is_no_text_makes_no_parts(house: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(extent, "PART_BYTES", MIB)
    beside = "".join(
        json.dumps({"id": number, "text": "short", "vector": [0.25] * 900}) + "\n" for number in range(900)
    )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("picture.png", bytes(4 * MIB))
    house.write("beside.jsonl", beside)
    house.write("pictures.zip", held.getvalue())
    house.write("one.txt", "x" * 3 * MIB)
    assert len(beside) > 2 * MIB
    assert [shard.num_parts for shard in house.scan().shards] == [1] * len(house.scan().shards)


def test_what_is_packed_counts_unpacked_up_to_a_bound(house: Any) -> None:
    chance = random.Random(3)
    text = "".join(json.dumps({"text": chance.randbytes(2_000).hex() * 3}) + "\n" for _ in range(2_000))
    packed = {"a.jsonl.gz": gzip.compress(text.encode()), "b.jsonl.zst": zstandard.compress(text.encode())}
    for name, data in packed.items():
        assert MIB < len(data) < 8 * MIB
        house.write(name, data)
    empty = pa.table({"text": ["a"] * 2_000_000, "noise": pa.array([chance.random() for _ in range(2_000_000)])})
    pq.write_table(empty, house.write("c.parquet", ""))
    found = {shard.files[0].path: (shard.files[0].bytes, shard.num_parts) for shard in house.scan().shards}
    assert {name: parts for name, (_, parts) in found.items() if name != "c.parquet"} == {
        "a.jsonl.gz": 2,
        "b.jsonl.zst": 2,
    }
    assert found["c.parquet"][1] == 2_000_000 // extent.PART_DOCUMENTS
    assert found["c.parquet"][1] <= found["c.parquet"][0] // (64 * KIB)


def test_small_files_are_not_opened_and_share_a_shard(house: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(extent, "_of_head", None)
    for name in ("a.jsonl", "b.csv", "c.jsonl.gz"):
        house.write(name, "x" * (MIB - 1))
    (shard,) = house.scan().shards
    assert shard.num_parts == 1


@pytest.mark.usefixtures("tiny")
def test_a_plan_says_its_parts_and_one_without_any_says_nothing(house: Any) -> None:
    house.write("a.txt", "small")
    first = house.night()
    assert "parts" not in json.loads((house.folder(house.plan_work(first).fingerprint) / "plan.json").read_text())
    house.write("b.jsonl", as_jsonl(random.Random(1), records(random.Random(1), 100)))
    house.write("c.txt", "small")
    plan = house.night()
    kept = stage.kept_plan(house.root, plan.content)
    assert read_plan(kept) == plan
    assert [shard.num_parts for shard in plan.shards][1:] == [1]
    other = replace(plan, shards=(replace(plan.shards[0], num_parts=2), *plan.shards[1:]))
    assert other.content != plan.content


@pytest.mark.usefixtures("tiny")
def test_each_part_is_made_by_itself_and_again_with_the_same_bytes(house: Any) -> None:
    house.write("a.jsonl", as_jsonl(random.Random(1), records(random.Random(1), 100)))
    house.write("b.txt", "small")
    plan = house.night()
    large = plan.shards[0]
    made = house.shard_works(plan)
    assert [work.name for work in made] == [*(f"shard 0, part {part}" for part in range(large.num_parts)), "shard 1"]
    before = {file.name: file.read_bytes() for file in house.shard_folder(plan, 1).iterdir()}
    (house.root / "docs" / "a.jsonl").unlink()  # the file as such is not asked for
    house.make(made[1])
    assert {file.name: file.read_bytes() for file in house.shard_folder(plan, 1).iterdir()} == before
    assert len({work.fingerprint for work in made}) == len(made)
    assert {work.inputs["split"] for work in made[:-1]} == {work.ref for work in house.split_works(plan)}


@pytest.mark.usefixtures("tiny")
def test_a_file_that_is_another_by_now_makes_no_parts(house: Any) -> None:
    place = house.write("a.jsonl", as_jsonl(random.Random(1), records(random.Random(1), 100)))
    plan = house.scan()
    stage.keep(plan, house.root)
    house.make(house.plan_work(plan))
    place.write_bytes(place.read_bytes().replace(b"night", b"Night"))
    with pytest.raises(UpstreamError, match="changed while being read"):
        house.make(house.split_works(plan)[0])


@pytest.mark.usefixtures("tiny")
def test_what_a_large_file_lost_is_weighed_as_that_of_one_in_one_piece(pair: tuple[House, House]) -> None:
    rows = as_jsonl(random.Random(1), records(random.Random(1), 200))
    pair[0].write("a.jsonl", rows)
    pair[0].write("b.jsonl.gz", gzip.compress(rows)[:-1_500])
    pair[0].write("c.csv", "id,text\n" + "".join(f"{number},row\n" for number in range(200)) + '9,"open\n' * 9)
    nights(pair)
    lost = [lost_records(read_table(one.folder(str(one.batches[-1])) / "inventory.parquet")) for one in pair]
    assert lost[0] == lost[1] > 100


@pytest.mark.usefixtures("tiny")
def test_the_guard_names_places_in_whatever_part(house: Any) -> None:
    house.settings = {"max_bad_share": 0.01}
    lines = [json.dumps({"id": number, "text": f"line {number}"}) for number in range(300)]
    lines[250:260] = ["{"] * 10
    house.write("a.jsonl", "\n".join(lines))
    with pytest.raises(GuardStop, match=r"a\.jsonl:251: invalid JSON"):
        house.night()


@pytest.mark.usefixtures("tiny")
def test_more_at_the_end_and_an_edit_cost_what_is_new(house: Any) -> None:
    """One shard for what is new, whatever the size of the file, and wherever in it that is."""
    lines = [json.dumps({"id": number, "text": f"line {number} " + "x" * 30}) for number in range(600)]
    house.write("a.jsonl", "\n".join(lines))
    assert len(house.shard_works(house.night())) > 5
    for changed in ([*lines, *(json.dumps({"id": 600, "text": "more"}),)], [json.dumps({"text": "first"}), *lines]):
        house.write("a.jsonl", "\n".join(changed))
        plan = house.night()
        assert (len(house.shard_works(plan)), len(house.split_works(plan)), len(house.rows(plan))) == (1, 0, 1)
    house.write("a.jsonl", "\n".join(line.replace("xx", "yy") for line in lines))
    plan = house.night()
    assert len(house.rows(plan)) == 600
    assert len(house.shard_works(plan)) == max(
        600 // extent.PART_DOCUMENTS, sum(map(len, house.texts(plan).values())) // extent.PART_BYTES
    )


@pytest.mark.usefixtures("tiny")
def test_a_planned_batch_with_parts_stands_for_its_documents(house: Any) -> None:
    """A batch that is lost is known by its plan and those of its shards that are there."""
    house.write("a.jsonl", as_jsonl(random.Random(1), records(random.Random(1), 200)))
    plan = house.night()
    shards = [work.fingerprint for work in house.shard_works(plan)]
    live = {(one.document_id, one.shard) for one in house.history.live_documents(["a.jsonl"]).documents}
    assert {shard for _, shard in live} == set(range(len(shards)))
    house.batches = [PlannedBatch(house.batches[-1], plan, tuple(shards))]
    assert {(one.document_id, one.shard) for one in house.history.live_documents(["a.jsonl"]).documents} == live
    assert house.scan() is None


def test_where_cells_end_is_that_of_this_version(house: Any) -> None:
    """A lost part is made again from cells that end where they ended for the others."""
    short = "".join(json.dumps({"text": f"line {number}"}) + "\n" for number in range(9_000))
    long = "".join(json.dumps({"text": f"{number} " + "x" * 999_998}) + "\n" for number in range(10))
    house.write("a.jsonl", short + "?\n" * 1_000 + long)
    plan = replace(house.scan(), shards=tuple(replace(shard, num_parts=2) for shard in house.scan().shards))
    house.seal(plan)
    folder = house.folder(house.split_works(plan)[0].fingerprint)
    rows = [tuple(read_table(cell / name).num_rows for name in NAMES) for cell in sorted(folder.iterdir())]
    assert (stage.SPLIT.version, rows) == (
        1,
        [(8_192, 8_192, 0), (813, 813, 1_000), (5, 5, 0), (0, 0, 0)],
    ), "cells end elsewhere: raise the version of ingest.split in pipeline_lib/ingest/stage.py"
    assert [len(read_table(house.shard_folder(plan, part) / NAMES[0])) for part in range(2)] == [9_005, 5]
