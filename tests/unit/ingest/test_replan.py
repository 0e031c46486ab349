"""Plans of earlier batches again, and batches that stand in for what was lost of them."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.ingest import stage
from pipeline_lib.ingest.history import PlannedBatch
from pipeline_lib.ingest.plan_files import read_plan
from pipeline_lib.ingest.tables import PLANNED_FILES_SCHEMA
from pipeline_lib.store.tables import TableWriter, iterate, write_parquet


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


def rewritten(column: str, value: Any) -> Callable[[Path], None]:
    """A list of files that any reader takes, with another value in a column of its last row group."""

    def write(place: Path) -> None:
        groups = [group.to_pylist() for group in iterate(place)]
        groups[-1][-1][column] = value
        with TableWriter(place, PLANNED_FILES_SCHEMA) as writer:
            for group in groups:
                writer.write(pa.Table.from_pylist(group, PLANNED_FILES_SCHEMA))

    return write


def swapped(place: Path) -> None:
    first, second = iterate(place)
    with TableWriter(place, PLANNED_FILES_SCHEMA) as writer:
        writer.write(second)
        writer.write(first)


WRONG: dict[str, Callable[[Path], None]] = {
    "another file": rewritten("path", "c.txt"),
    "another digest": rewritten("digest", "0" * 32),
    "another size": rewritten("bytes", 1),
    "other documents": rewritten("taken", ["0" * 32]),
    "another share": rewritten("heldout_share", 0.5),
    "its shards in another order": swapped,
    "no shard": lambda place: write_parquet(PLANNED_FILES_SCHEMA.empty_table(), place),
    "another table": lambda place: write_parquet(pa.table({"a": [1, 2]}), place),
    "no table": lambda place: place.write_bytes(b"PAR1PAR1"),  # type: ignore[dict-item,return-value]
    "nothing": lambda place: place.unlink(),
}


@pytest.fixture
def planned(house: Any) -> Any:
    """Two shards that are planned and kept, not made."""
    house.settings = {"max_shard_bytes": 1}
    house.write("a.txt", "one")
    house.write("b.txt", "two")
    plan = house.scan()
    stage.keep(plan, house.root)
    return plan


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_kept_plan_that_lists_something_else_is_kept_anew_and_stops_no_night(
    house: Any, planned: Any, wrong: Callable[[Path], None]
) -> None:
    kept = stage.kept_plan(house.root, planned.content)
    wrong(kept / "files.parquet")
    with pytest.raises(DataError, match="holds no plan"):
        house.make(house.plan_work(planned))
    house.seal(planned)
    assert house.texts(planned) == {"a.txt": "one", "b.txt": "two"}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_names_alone_tell_a_list_from_another_where_no_digests_are_kept(
    house: Any, planned: Any, wrong: Callable[[Path], None]
) -> None:
    """Sizes are no part of the names: they decide no byte of what is read."""
    kept = stage.kept_plan(house.root, planned.content)
    (kept / "digests.json").unlink()
    wrong(kept / "files.parquet")
    if wrong is WRONG["another size"]:
        assert read_plan(kept).content == planned.content
        return
    with pytest.raises(DataError, match=r"holds no plan|is not the plan"):
        house.make(house.plan_work(planned))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"shards": 1}', '{"shards": [], "passed_over": []}', "{"])
@pytest.mark.parametrize("name", ["plan.json", "digests.json"])
def test_a_kept_plan_of_which_a_list_is_no_such_list_is_kept_anew(
    house: Any, planned: Any, name: str, text: str
) -> None:
    kept = stage.kept_plan(house.root, planned.content)
    (kept / name).write_text(text)
    with pytest.raises(DataError, match="holds no plan"):
        read_plan(kept)
    house.seal(planned)
    assert read_plan(kept) == planned


def test_a_plan_is_read_from_its_artifact_where_the_kept_one_lists_something_else(house: Any, planned: Any) -> None:
    house.seal(planned)
    kept = stage.kept_plan(house.root, planned.content)
    for wrong in WRONG.values():
        with suppress(FileNotFoundError):
            wrong(kept / "files.parquet")
        sealed = house.folder(house.plan_work(planned).fingerprint)
        again = stage.replan(house.ingest, house.source, planned.content, [kept, sealed], lambda shard: True)
        assert again == planned


def test_the_lists_of_a_kept_plan_are_flushed_before_it_has_its_name(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("a.txt", "one")
    plan = house.scan()
    kept = stage.kept_plan(house.root, plan.content)
    flushed: set[int] = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        if not kept.exists():
            flushed.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    stage.keep(plan, house.root)
    assert {file.stat().st_ino for file in kept.iterdir()} <= flushed
