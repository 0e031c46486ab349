"""A document never changes sides, however often it leaves, comes back and is edited, and whatever the share is then.

Shares differ from night to night, and the batches that are behind are merged into pasts in one grouping or another.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from pipeline_lib.ingest import landed, works
from pipeline_lib.ingest.history import PlannedBatch
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.ingest.sources.sql import SqlSource
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.sides import is_held_out, sides_of
from tests.source_nights import House

SHARES = (0.9, 0.1, 0.5, 0.3)
Move = Callable[[House, random.Random], None]


@dataclass
class Sides:
    """On which side each document was, whenever it arrived."""

    house: House
    of: dict[str, set[bool]] = field(default_factory=dict)
    num_returned: int = 0

    def night(self, plan: BatchPlan) -> None:
        for shard in plan.shards:
            rows = pq.read_table(self.house.shard_folder(plan, shard.index) / "ledger.parquet").to_pylist()
            for row in rows:
                numbers = np.array(sides_of(["docs"], [row["url"]]))
                self.num_returned += row["url"] in self.of
                self.of.setdefault(row["url"], set()).add(bool(is_held_out(numbers, shard.heldout_share)[0]))

    @property
    def changed(self) -> set[str]:
        return {url for url, sides in self.of.items() if len(sides) > 1}


def nights(house: House, move: Move, seed: int, number: int = 12) -> Sides:
    dice, sides = random.Random(seed), Sides(house)
    for night in range(number):
        house.share = SHARES[night % len(SHARES)]
        move(house, dice)
        plan = house.scan()
        if plan is None:
            continue
        house.batches.append(house.seal(plan))
        sides.night(plan)
        if len(house.batches) > 2 and dice.random() < 0.5:
            first = dice.randrange(len(house.batches) - 1)
            merge(house, first, dice.randint(first + 2, len(house.batches)))
    return sides


def merge(house: House, first: int, last: int) -> None:
    work = works.past(tuple(Ref("ingest", str(name)) for name in house.batches[first:last]))
    house.make(work)
    house.batches[first:last] = [work.fingerprint]


def move_files(house: House, dice: random.Random) -> None:
    """Files of one document and of several come, go, come back and are edited."""
    for name in ("a.jsonl", "b.jsonl", *(f"{number}.txt" for number in range(12))):
        place = house.root / "docs" / name
        if dice.random() < 0.4:
            place.unlink(missing_ok=True)
        elif name.endswith(".txt"):
            house.write(name, dice.choice(["one", "two"]))
        else:
            chosen = dice.sample(range(12), k=dice.randint(1, 12))
            house.write(name, "".join(json.dumps({"id": n, "text": dice.choice("xyz")}) + "\n" for n in chosen))


def of_a_table(place: Path, **fields: Any) -> SqlSource:
    return SqlSource(name="docs", url=f"sqlite:///{place}", table="articles", **fields)


def write_table(place: Path, rows: Mapping[int, tuple[str, str]]) -> None:
    """The table of these rows: text and address by id."""
    engine = sa.create_engine(f"sqlite:///{place}")
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS articles"))
        connection.execute(sa.text("CREATE TABLE articles (id INTEGER, text TEXT, address TEXT)"))
        for number, (text, address) in rows.items():
            values = {"id": number, "text": text, "address": address}
            connection.execute(sa.text("INSERT INTO articles VALUES (:id, :text, :address)"), values)
    engine.dispose()


def move_rows(house: House, dice: random.Random) -> None:
    """Rows leave and come back under their ids, in whatever piece has room."""
    chosen = dice.sample(range(20), k=dice.randint(5, 20))
    write_table(house.root / "data.db", {number: (dice.choice("xyz"), f"row {number}") for number in chosen})
    house.land()


def move_addresses(house: House, dice: random.Random) -> None:
    """The table is made anew each night: other ids for the same addresses, which are what names a document."""
    addresses = dice.sample(range(20), k=dice.randint(5, 20))
    rows = {id_: (dice.choice("xyz"), f"row {address}") for id_, address in enumerate(addresses)}
    write_table(house.root / "data.db", rows)
    house.land()


@pytest.fixture
def table(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house that reads a table, in pieces of three rows."""
    monkeypatch.setattr(landed, "PIECE_ROWS", 3)
    house.other = of_a_table(house.root / "data.db", url_column="address")
    return house


@pytest.mark.parametrize("seed", range(6))
def test_documents_of_files_stay_on_their_sides(house: House, seed: int) -> None:
    sides = nights(house, move_files, seed)
    assert sides.num_returned > 20
    assert sides.changed == set()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("move", [move_rows, move_addresses])
def test_rows_stay_on_their_sides(table: House, move: Move, seed: int) -> None:
    sides = nights(table, move, seed)
    assert sides.num_returned > 20
    assert sides.changed == set()


@pytest.mark.parametrize("seed", range(3))
def test_all_rows_that_are_there_are_live_and_what_is_bad_is_told_once(table: House, seed: int) -> None:
    """Also of a piece that is read for two shards: what came back to it has another share."""
    dice = random.Random(seed)
    num_split = 0
    for night in range(10):
        table.share = SHARES[night % len(SHARES)]
        move_rows(table, dice)
        engine = sa.create_engine(f"sqlite:///{table.root / 'data.db'}")
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE articles SET text = '' WHERE id % 5 = 0"))
            there = {f"{text}{url}" for text, url in connection.execute(sa.text("SELECT text, address FROM articles"))}
        engine.dispose()
        table.land()
        plan = table.scan()
        if plan is None:
            continue
        table.batches.append(table.seal(plan))
        paths = [file.path for shard in plan.shards for file in shard.files]
        num_split += len(paths) > len(set(paths))
        assert len(table.quarantine(plan)) == len(set(table.quarantine(plan)))
        assert live_rows(table) == {row for row in there if not row.startswith("row")}
    assert num_split > 0


def live_rows(house: House) -> set[str]:
    live = house.live_ids()
    found = {}
    for ref, folder in house.loose.folders.items():
        if ref.stage == "ingest" and (folder / "documents.parquet").is_file():
            for row in pq.read_table(folder / "documents.parquet").to_pylist():
                found[row["document_id"]] = row["text"] + row["url"]
    return {found[document] for document in live}


def test_a_batch_of_files_says_nothing_of_urls(house: House) -> None:
    house.write("a.txt", "one")
    house.write("b#c.jsonl", '{"id": 1, "text": "two"}\n{"id": 1, "text": "three"}\n')
    house.night()
    folder = house.folder(str(house.batches[0]))
    assert sorted(file.name for file in folder.iterdir()) == [
        "inventory.parquet",
        "members.parquet",
        "tombstones.parquet",
    ]
    assert "num_own_urls" not in house.facts(str(house.batches[0]))


def test_a_batch_that_is_read_again_knows_the_shares_of_its_whole_shards(table: House) -> None:
    write_table(table.root / "data.db", {number: ("x", f"row {number}") for number in range(9)})
    table.settings = {"max_shard_bytes": 1}
    table.share = 0.5
    table.land()
    plan = table.night()
    whole = [table.shard_work(plan, shard).fingerprint for shard in plan.shards]
    known = table.history.arrivals()
    assert len(known.sides) == 9
    table.batches = [PlannedBatch(str(table.batches[0]), plan, (whole[0], None, whole[2]))]
    found = table.history.arrivals()
    assert len(found.sides) == 6
    assert set(found.shares) == {0.5}
    assert set(found.sides) < set(known.sides)
