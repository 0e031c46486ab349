"""Nights of a source that has to be asked, by the plan and the steps of a night: what a landing that is lost costs."""

import json
import re
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.halves import ingest
from pipeline_lib.base.errors import DamagedArtifact, GuardStop
from pipeline_lib.ingest import digests, documents, landed
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.plan.data import DataPlan, plan_data
from pipeline_lib.plan.landings import sources_that_land
from pipeline_lib.plan.night import plan_night
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import INCOMING
from pipeline_lib.store.workspace import Workspace
from tasks.land import land
from tests.flips import flip, flip_unseen
from tests.tiny_night import KEY, arguments, damage, english, night_here, nightshift, tiny_settings, write_lines


@dataclass
class SqlHouse:
    """A workspace and the database its documents come from."""

    root: Path
    incremental_column: str | None = None
    beside: tuple[Mapping[str, Any], ...] = ()  # other sources

    @property
    def database(self) -> Path:
        return self.root / "articles.db"

    @property
    def source(self) -> dict[str, Any]:
        fields = {"kind": "sql", "name": "docs", "url": f"sqlite:///{self.database}", "table": "articles"}
        return {**fields, "incremental_column": self.incremental_column}

    @property
    def settings(self) -> Settings:
        return tiny_settings(
            self.root / "workspace", self.root, ingest__sources=json.dumps([self.source, *self.beside])
        )

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root / "workspace")

    @property
    def landing(self) -> Path:
        """The folder of the newest landing."""
        pin = json.loads((self.workspace.state / "pins" / "landing-docs.json").read_text())
        return self.workspace.store.path("ingest", pin["fingerprint"])

    def do(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        """Change the database, as the owner of the data would."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.executemany(statement, rows)

    def insert(self, *numbers: int, grown: int = 0) -> None:
        self.do("INSERT INTO articles VALUES (?, ?, ?)", [(number, english(number), grown) for number in numbers])

    def night(self) -> DataPlan:
        """The ingest of one night; the plan of it."""
        with night_here(self.settings) as night:
            for source in sources_that_land(self.settings):
                land(source, night)
            plan = plan_data(self.settings, self.workspace)
            ingest(plan, night)
        return plan

    def pieces(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.landing.glob("*.parquet"))}

    def landings(self) -> list[str]:
        return [manifest.fingerprint for manifest in self.workspace.store.list("ingest.land")]


@pytest.fixture(scope="module", params=[None, "grown"])
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SqlHouse:
    """A table of forty rows, eight a piece, that came in three nights, each with ids between those of the others."""
    made = SqlHouse(tmp_path_factory.mktemp("first"), request.param)
    made.do("CREATE TABLE articles (id INTEGER PRIMARY KEY, text TEXT, grown INTEGER)")
    with pytest.MonkeyPatch.context() as patch:
        _eight_a_piece(patch)
        for clock in range(3):
            made.insert(*range(clock, 40, 3), grown=clock)
            made.night()
        made.do("DELETE FROM articles WHERE id IN (0, 3, 39)")
        made.night()
    return made


@pytest.fixture
def house(first: SqlHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlHouse:
    """A copy of it."""
    _eight_a_piece(monkeypatch)
    shutil.copytree(first.root, tmp_path / "house")
    return SqlHouse(tmp_path / "house", first.incremental_column)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlHouse:
    """A table of twelve rows that nobody has read."""
    _eight_a_piece(monkeypatch)
    made = SqlHouse(tmp_path)
    made.do("CREATE TABLE articles (id INTEGER PRIMARY KEY, text TEXT, grown INTEGER)")
    made.insert(*range(12))
    return made


def _eight_a_piece(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    patch.setattr(landed, "PIECE_ROWS", 8)


def lose_folder(landing: Path) -> None:
    shutil.rmtree(landing)


def lose_manifest(landing: Path) -> None:
    (landing / "manifest.json").write_text("{")


def lose_piece(landing: Path) -> None:
    (landing / "00000002.parquet").unlink()


def lose_record(landing: Path) -> None:
    flip(landing / "landing.json")


def lose_bit_unnoticed(landing: Path, name: str = "00000003.parquet") -> None:
    """With the size and the times that it had: only who opens it can tell."""
    flip_unseen(landing / name)


LOSSES = [lose_folder, lose_manifest, damage, lose_piece, lose_record, lose_bit_unnoticed]


@pytest.mark.parametrize("lose", LOSSES)
def test_the_night_after_a_landing_was_lost_lands_the_same_files_again_and_takes_in_nothing(
    house: SqlHouse, lose: Any
) -> None:
    before, batches = house.pieces(), house.workspace.batches()
    assert len(before) > 3
    lose(house.landing)
    house.night()
    assert house.pieces() == before
    assert house.workspace.batches() == batches
    assert plan_data(house.settings, house.workspace).num_new == 0


def test_landings_of_one_second_are_told_apart(fresh: SqlHouse) -> None:
    """The second of them, which knows of none before it, as the first did, once was the first again, with its rows."""
    fresh.night()
    (fresh.workspace.state / "pins" / "landing-docs.json").unlink()
    fresh.insert(*range(20, 23))
    fresh.night()
    assert sum(pq.read_metadata(piece).num_rows for piece in fresh.landing.glob("*.parquet")) == 15


@pytest.mark.parametrize("lose", LOSSES)
def test_what_changed_while_a_landing_was_lost_is_all_that_comes_in(house: SqlHouse, lose: Any) -> None:
    before = house.pieces()
    lose(house.landing)
    house.insert(100, 101, grown=9)
    house.do("UPDATE articles SET text = ?, grown = 9 WHERE id = 20", [(english(200),)])
    house.do("DELETE FROM articles WHERE id = 10")
    house.night()
    last = house.workspace.batches()[-1]
    manifest = house.workspace.store.read("ingest", last.fingerprint)
    assert (manifest.rows_out, manifest.facts["num_tombstones"]) == (3, 2)
    assert [name for name, content in house.pieces().items() if before.get(name) == content] != []


@pytest.mark.parametrize("lose", [lose_folder, lose_bit_unnoticed])
def test_a_table_that_shrank_while_its_landing_was_lost_stops_the_night(house: SqlHouse, lose: Any) -> None:
    lose(house.landing)
    house.do("DELETE FROM articles WHERE id % 3 != 1")
    with pytest.raises(GuardStop, match=r"24 of the 37 rows of source 'docs' are gone.*max_gone_share"):
        house.night()


def test_without_a_word_of_where_rows_lay_they_are_landed_by_their_order(house: SqlHouse) -> None:
    shutil.rmtree(house.landing)
    shutil.rmtree(house.workspace.state / "landings")
    house.night()
    rows = [row for piece in house.landing.glob("*.parquet") for row in pq.read_table(piece)["id"].to_pylist()]
    assert sorted(rows, key=int) == [str(number) for number in range(1, 39) if number != 3]


def test_a_broken_word_of_where_rows_lay_is_as_good_as_none(house: SqlHouse) -> None:
    shutil.rmtree(house.landing)
    (house.workspace.state / "landings" / "docs.parquet").write_bytes(b"PAR1 no more")
    house.night()
    assert house.landing.is_dir()


def test_a_plan_withdraws_nothing_where_a_landing_is_lost(house: SqlHouse) -> None:
    shutil.rmtree(house.landing)
    plan = plan_data(house.settings, house.workspace)
    assert (plan.num_new, plan.found.given_up) == (0, ())


@pytest.mark.parametrize("is_as_it_was", [True, False])
def test_a_plan_does_not_know_whether_a_source_that_is_to_be_asked_still_says_what_it_said(
    fresh: SqlHouse, is_as_it_was: bool
) -> None:
    fresh.night()
    [batch] = fresh.workspace.batches()
    shutil.rmtree(fresh.landing)
    lose_batch(fresh, 1)
    if not is_as_it_was:
        fresh.do("UPDATE articles SET text = 'other' WHERE id = 3")
    notes = plan_night(fresh.settings, fresh.workspace).notes
    assert "1 batch (0001-docs): lost, and made again if the source still says what it said" in notes
    assert not any("given up" in note for note in notes)
    fresh.night()
    [now] = fresh.workspace.batches()
    assert (now.name == batch.name and now.fingerprint == batch.fingerprint) == is_as_it_was


def test_a_plan_says_of_a_source_that_was_never_asked_what_it_cannot_know(fresh: SqlHouse) -> None:
    plan = plan_night(fresh.settings, fresh.workspace)
    assert plan.notes == ("docs has never been asked what it holds: it is left out here; a night asks it first",)
    assert (plan.asked_first, plan.steps) == (("docs",), ())
    assert not fresh.workspace.root.exists()  # a plan makes nothing


def test_a_plan_goes_on_with_the_other_sources(fresh: SqlHouse) -> None:
    write_lines(fresh.root / "lines" / "a.jsonl", {f"en-{number}": english(number) for number in range(20)})
    fresh.beside = ({"kind": "files", "name": "lines", "path": str(fresh.root / "lines")},)
    plan = plan_night(fresh.settings, fresh.workspace)
    assert plan.changes == ("lines: 1 file new",)
    assert "docs has never been asked" in plan.notes[0]
    assert {step.step.label for step in plan.steps if step.step.stage == "ingest"} == {"0001-lines"}


def test_the_command_plan_says_it_too(fresh: SqlHouse) -> None:
    words = arguments(fresh.root / "workspace", fresh.root, ingest__sources=json.dumps([fresh.source]))
    shown = nightshift("plan", *words)
    assert (shown.status, shown.err) == (0, "")
    assert "Nothing new so far. A night asks first: docs. Do it: nightshift run" in shown.out


def test_a_plan_says_when_a_source_was_asked_last_or_that_its_landing_is_lost(house: SqlHouse) -> None:
    (note, *_) = plan_night(house.settings, house.workspace).notes
    assert re.fullmatch(r"docs as it was when it was asked, \d{4}(-\d\d){2} \d\d:\d\d; a night asks it first, .*", note)
    (house.landing / "00000002.parquet").unlink()
    (note, *_) = plan_night(house.settings, house.workspace).notes
    assert note.startswith("docs: its landing is damaged: 00000002.parquet; it is left out here; a night asks it first")
    shutil.rmtree(house.landing)
    (note, *_) = plan_night(house.settings, house.workspace).notes
    assert note.startswith("docs: its landing is missing; it is left out here; a night asks it first")


def test_a_landing_that_is_damaged_before_it_is_read_is_made_anew_by_the_night_that_the_message_asks_for(
    fresh: SqlHouse,
) -> None:
    with night_here(fresh.settings) as night:
        (source,) = sources_that_land(fresh.settings)
        land(source, night)
        lose_bit_unnoticed(fresh.landing, "00000002.parquet")
        plan = plan_data(fresh.settings, fresh.workspace)
        with pytest.raises(DamagedArtifact, match=r"00000002\.parquet: .* Run the same command again: it is rebuilt"):
            ingest(plan, night)
    fresh.night()
    (batch,) = fresh.workspace.batches()
    assert fresh.workspace.store.read("ingest", batch.fingerprint).rows_out == 12


def test_nights_with_nothing_new_leave_the_landing_that_there_is_and_nothing_beside_it(house: SqlHouse) -> None:
    pin, landings, folders = house.landing, house.landings(), sorted(house.workspace.root.rglob("*"))
    for _ in range(3):
        house.night()
    assert (house.landing, house.landings()) == (pin, landings)
    work = {place for place in set(house.workspace.root.rglob("*")).difference(folders) if "state" not in place.parts}
    assert work == set()


def test_a_night_with_nothing_but_a_row_that_is_gone_lands(house: SqlHouse) -> None:
    before = house.landing
    house.do("DELETE FROM articles WHERE id = 7")
    house.night()
    assert house.landing != before


def test_an_empty_table_lands_once(fresh: SqlHouse) -> None:
    fresh.do("DELETE FROM articles")
    fresh.night()
    first = fresh.landing
    fresh.night()
    assert (fresh.landing, len(fresh.landings())) == (first, 1)


def test_pieces_that_nothing_happened_to_are_not_read_by_a_scan(
    house: SqlHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.do("DELETE FROM articles WHERE id = 38")
    with night_here(house.settings) as night:
        (source,) = sources_that_land(house.settings)
        land(source, night)
        read: list[str] = []
        digest = digests.digest_of_stream
        for module in (digests, documents):
            monkeypatch.setattr(
                module, "digest_of_stream", lambda raw, *most: (read.append(Path(raw.name).name), digest(raw, *most))[1]
            )
        plan = plan_data(house.settings, house.workspace)
    (changed,) = plan.found.opened[-1].plan.shards[0].files
    assert read == [changed.path]


def test_what_a_landing_holds_while_it_is_made_lies_where_a_killed_night_is_swept(
    fresh: SqlHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []

    def look(*_: Any) -> Any:
        held.extend(place.parent.parent.name for place in fresh.workspace.root.rglob("*.sqlite"))
        raise KeyboardInterrupt

    monkeypatch.setattr(Landing, "write", look)
    with pytest.raises(KeyboardInterrupt):
        fresh.night()
    assert held == [INCOMING]
    assert not list(fresh.workspace.root.rglob("*.sqlite"))


def lose_batch(house: SqlHouse, number: int) -> set[str]:
    """Remove a batch with all that was read into it; the names of what is gone, with digests of what it held."""
    store = house.workspace.store
    batch = house.workspace.batches()[number - 1]
    raw = list(store.members(store.read("ingest", batch.fingerprint).inputs["shards"]))
    refs = (*raw, Ref("ingest", batch.fingerprint))
    gone = {f"{ref.fingerprint} {store.read(ref.stage, ref.fingerprint).digest}" for ref in refs}
    for name in gone:
        shutil.rmtree(store.path("ingest", name.split()[0]))
    return gone


def held(house: SqlHouse, lost: set[str]) -> set[str]:
    """The same of what is there."""
    return {f"{name} {house.workspace.store.read('ingest', name).digest}" for name in (one.split()[0] for one in lost)}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_batch_is_made_again_from_the_landing_it_was_read_from(house: SqlHouse, number: int) -> None:
    batches = house.workspace.batches()
    lost = lose_batch(house, number)
    house.night()
    assert held(house, lost) == lost
    assert house.workspace.batches() == batches


def test_a_batch_whose_landing_is_gone_is_made_again_from_the_newest_if_that_holds_the_same(house: SqlHouse) -> None:
    fourth = house.workspace.batches()[-1]
    house.do("UPDATE articles SET text = ?, grown = 9 WHERE id = 10", [(english(200),)])  # in a piece that it has not
    house.night()
    shutil.rmtree(house.workspace.store.path("ingest", fourth.landing))
    lost = lose_batch(house, fourth.number)
    house.night()
    assert held(house, lost) == lost
    assert house.workspace.batches()[fourth.number - 1].landing == house.landing.name  # where it lies from now on


def test_a_batch_whose_landing_is_gone_and_whose_pieces_have_changed_is_given_up(house: SqlHouse) -> None:
    first = house.workspace.batches()[0]
    shutil.rmtree(house.workspace.store.path("ingest", first.landing))
    lose_batch(house, 1)
    plan = plan_data(house.settings, house.workspace)
    assert [batch.number for batch in plan.found.given_up] == [1, 2, 3, 4]
    house.night()
    (batch,) = house.workspace.batches()
    assert house.workspace.store.read("ingest", batch.fingerprint).rows_out == 37
