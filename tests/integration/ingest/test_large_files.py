"""Whole data halves over a file that is several shards: what is planned, cut off, lost, cleared away and forgotten."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flows.halves import refresh_data
from pipeline_lib.forget.find import seek
from pipeline_lib.ingest import extent, split
from pipeline_lib.past.ledger import why
from pipeline_lib.past.names import documents
from pipeline_lib.report import counts
from pipeline_lib.report.measure import measure
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.tables import read_table
from pipeline_lib.store.workspace import Workspace
from tasks.forget import forget
from tasks.maintain import collect
from tests.data_nights import digests, merging_soon, night, planned
from tests.found_in import places_of
from tests.large_files import with_tiny_bounds
from tests.tiny_night import (
    House,
    InlineEngine,
    artifacts,
    copy_house,
    english,
    night_here,
    refresh,
    tiny_settings,
    write_lines,
)

LARGE = "large.jsonl"
AT_ONCE = {"maintenance__keep_days": "0"}


@pytest.fixture(scope="module", autouse=True)
def bounds() -> Iterator[None]:
    """For all of these."""
    with merging_soon(), pytest.MonkeyPatch.context() as patch:
        with_tiny_bounds(patch)
        patch.setattr(extent, "PART_BYTES", 10_000)
        yield


def texts(number: int) -> dict[str, str]:
    """So many documents; every tenth one is as one before it, in another part."""
    return {f"en-{n}": english(1000 + (n - 45 if n % 10 == 9 and n > 45 else n)) for n in range(number)}


def new_house(root: Path, number: int = 100) -> House:
    """A large file between two small ones, read by nobody yet."""
    house = House(root / "workspace", root / "corpus")
    write_lines(house.corpus / LARGE, texts(number))
    write_lines(house.corpus / "a.jsonl", {"a": english(1)})
    (house.corpus / "z.txt").write_text(english(2))
    return house


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> House:
    """After a night."""
    house = new_house(tmp_path_factory.mktemp("lived"))
    refresh(tiny_settings(house.workspace, house.corpus))
    assert Counter(made.maker for made in artifacts(house.workspace).values())["ingest.split"] == 1
    return house


@pytest.fixture
def house(lived: House, tmp_path: Path) -> House:
    """A copy of it."""
    return copy_house(lived, tmp_path / "house")


def made_by(names: Sequence[str], house: House) -> Counter[str]:
    """How many artifacts of these each maker made."""
    return Counter(artifacts(house.workspace)[name].maker for name in names)


def of_maker(house: House, maker: str) -> list[str]:
    return [name for name, made in artifacts(house.workspace).items() if made.maker == maker]


def collected(settings: Settings) -> None:
    """gc has been."""
    with night_here(settings) as here:
        collect(here)


def test_what_is_trained_on_is_that_of_a_file_in_one_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = night(new_house(tmp_path / "parts"))
    monkeypatch.setattr(extent, "PART_BYTES", 1 << 30)
    monkeypatch.setattr(extent, "PART_DOCUMENTS", 1 << 30)
    whole = night(new_house(tmp_path / "whole"))
    assert parts.urls == whole.urls
    assert parts.ids == whole.ids
    assert parts.tokenized_text == whole.tokenized_text
    shards = [sum(key[2].startswith("shard") for key in one.made if key[0] == "ingest") for one in (parts, whole)]
    assert shards[0] > shards[1] + 3


def test_a_file_of_fewer_cells_than_parts_is_one_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its head is text, and what follows stands beside it: one part has all documents."""
    monkeypatch.setattr(extent, "HEAD_BYTES", 10_000)
    monkeypatch.setattr(split, "CELL_BYTES", 1 << 20)
    monkeypatch.setattr(split, "CELL_ROWS", 1 << 13)
    house = new_house(tmp_path)
    with (house.corpus / LARGE).open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"text": "short", "html": "<b>" * 9_000}) + "\n" for _ in range(20))
    done = night(house)
    parts = [name for name in of_maker(house, "ingest.read") if "part" in artifacts(house.workspace)[name].settings]
    assert [artifacts(house.workspace)[name].rows_out for name in parts].count(0) >= len(parts) - 1 > 3
    assert {f"{LARGE}#en-{number}" for number in range(40)} <= done.urls
    (batch,) = done.workspace.batches()
    inventory = read_table(done.workspace.store.path("ingest", batch.fingerprint) / "inventory.parquet").to_pylist()
    rows = [row for row in inventory if row["path"] == LARGE]
    assert len(rows) == len(parts)
    assert sum(row["num_documents"] for row in rows) == 120
    assert sum(row["bytes"] for row in rows) == (house.corpus / LARGE).stat().st_size
    write_lines(house.corpus / "a.jsonl", {"a": english(3)})
    assert "a.jsonl#a" in night(house).urls


def test_a_page_counts_files_and_not_their_parts(lived: House) -> None:
    workspace = Workspace(lived.workspace)
    (batch,) = workspace.batches()
    assert measure(workspace, batch, 0).counts[counts.FILES, batch.source] == 3


def test_more_at_the_end_then_an_edit_cost_one_shard_each(house: House) -> None:
    for changed in (texts(101), texts(101) | {"en-3": english(5)}):
        write_lines(house.corpus / LARGE, changed)
        done = night(house)
        made = made_by(sorted(done.names), house)
        assert (made["ingest.read"], made["ingest.split"], made["clean.text"], made["tokenize.encode"]) == (1, 0, 1, 1)


class Stopped(Exception):
    """A night is cut off."""


class StoppingEngine(InlineEngine):
    """Does so many jobs and no more."""

    def __init__(self, left: int) -> None:
        self.left = left

    def map(self, function: Any, jobs: Sequence[Any], *, deadline_seconds: float, what: str) -> Iterator[Any]:
        for index, job in enumerate(jobs):
            if not self.left:
                raise Stopped
            self.left -= 1
            yield index, function(job)


@pytest.mark.parametrize("num_jobs", [1, 3, 6, 11])
def test_a_night_that_is_cut_off_goes_on_where_it_was(lived: House, tmp_path: Path, num_jobs: int) -> None:
    house = new_house(tmp_path)
    settings = tiny_settings(house.workspace, house.corpus)
    with pytest.raises(Stopped), night_here(settings) as here:
        here.engine = StoppingEngine(num_jobs)  # type: ignore[assignment]
        refresh_data(here)
    before = digests(house)
    refresh(settings)
    after = digests(house)
    assert before.items() <= after.items()
    assert after == digests(lived)


def test_a_lost_part_is_made_again_with_the_same_bytes_also_without_its_split(house: House) -> None:
    before = digests(house)
    (split,) = of_maker(house, "ingest.split")
    parts = [name for name in of_maker(house, "ingest.read") if "part" in artifacts(house.workspace)[name].settings]
    assert len(parts) > 3
    for name in (split, parts[1], *of_maker(house, "clean.text")):
        shutil.rmtree(house.workspace / "artifacts" / name)
    changed = {"clean__rules": '{"min_words.v1": {"at_least": 10}}'}
    assert {split, parts[1]} <= planned(tiny_settings(house.workspace, house.corpus, **changed)).keys()
    night(house, **changed)
    assert {name: digests(house)[name] for name in before} == before


def test_gc_takes_what_parts_were_made_of_and_nobody_misses_it(house: House) -> None:
    settings = tiny_settings(house.workspace, house.corpus, **AT_ONCE)
    before = set(artifacts(house.workspace))
    (split,) = of_maker(house, "ingest.split")
    collected(settings)
    gone = before - set(artifacts(house.workspace))
    assert split in gone
    assert not [name for name in gone if name.startswith("ingest/") and name != split]
    assert planned(settings) == {}


def test_gc_takes_it_also_where_the_batch_is_made_again(house: House) -> None:
    (batch,) = of_maker(house, "ingest.batch")
    shutil.rmtree(house.workspace / "artifacts" / batch)
    collected(tiny_settings(house.workspace, house.corpus, **AT_ONCE))
    assert of_maker(house, "ingest.split") == []


def test_what_waits_for_its_parts_is_kept_by_gc(tmp_path: Path) -> None:
    house = new_house(tmp_path)
    settings = tiny_settings(house.workspace, house.corpus, **AT_ONCE)
    with pytest.raises(Stopped), night_here(settings) as here:
        here.engine = StoppingEngine(3)  # type: ignore[assignment]
        refresh_data(here)
    (split,) = of_maker(house, "ingest.split")
    collected(settings)
    assert of_maker(house, "ingest.split") == [split]


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_nothing_of_a_forgotten_document_is_left_in_cells(house: House, is_cut_off: bool) -> None:
    """Also of a version that is in cells and in no shard yet."""
    url = f"{LARGE}#en-50"
    line = english(1050).splitlines()[0]
    if is_cut_off:
        write_lines(house.corpus / LARGE, {name: f"{text}\nAnew." for name, text in texts(100).items()})
        with pytest.raises(Stopped), night_here(tiny_settings(house.workspace, house.corpus)) as here:
            here.engine = StoppingEngine(1)  # type: ignore[assignment]
            refresh_data(here)
    assert len(of_maker(house, "ingest.split")) == 1 + is_cut_off
    write_lines(house.corpus / LARGE, texts(50))
    (found,) = documents(Workspace(house.workspace), url)
    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        forget(here, seek(here.workspace, url, None), is_now=True)
    wanted = {"url": url.encode(), "id": found.document_id.encode(), "line": line.encode()}
    assert places_of(house.workspace, wanted) == {}
    refresh(tiny_settings(house.workspace, house.corpus))
    assert places_of(house.workspace, wanted) == {}


def test_why_names_the_part_in_which_a_document_lies(house: House) -> None:
    shards = [why(Workspace(house.workspace), f"{LARGE}#en-{number}")[0].shard for number in (0, 50, 98)]
    assert shards == sorted(set(shards))
