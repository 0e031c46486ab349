"""The share of a night's new text that is held out follows from what earlier nights kept and still have."""

from pathlib import Path

import pytest

from pipeline_lib.plan.data import plan_data
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.data_nights import Night, night
from tests.tiny_night import KEY, House, english, tiny_settings

USUAL, ENOUGH = 0.01, 12  # of these settings: the usual share, and the documents of a full benchmark


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    (tmp_path / "corpus").mkdir()
    return House(tmp_path / "workspace", tmp_path / "corpus")


SETTINGS = {"tokenize__heldout_share": str(USUAL), "ingest__max_gone_share": "1.0", "ingest__max_shard_bytes": "99999"}


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **SETTINGS, **changes)


def done(house: House) -> Night:
    return night(house, **SETTINGS)


def share_of_tonight(house: House) -> float:
    """What the next night holds out of what is new."""
    plan = plan_data(settings_of(house), Workspace(house.workspace))
    (new,) = [item for item in plan.found.opened if item.is_new]
    assert new.plan is not None
    (share,) = {shard.heldout_share for shard in new.plan.shards}
    return share


def add(house: House, first: int, count: int) -> None:
    for number in range(first, first + count):
        (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")


def test_documents_that_were_not_kept_are_not_held_out(house: House) -> None:
    for number in range(60):
        (house.corpus / f"short_{number}.txt").write_text(f"Too short number {number}.", encoding="utf-8")
    assert share_of_tonight(house) == ENOUGH / 60
    done(house)
    add(house, 0, 60)
    assert share_of_tonight(house) == ENOUGH / 60


def test_a_larger_share_is_held_out_again_when_what_was_held_out_leaves_and_the_usual_one_when_there_is_enough(
    house: House,
) -> None:
    add(house, 0, 60)
    first = done(house)
    add(house, 100, 10)
    there = sum(row["num_held_out"] for row in first._shards())
    assert share_of_tonight(house) == max(USUAL, min(0.25, -(-100 * (ENOUGH - there) // 10) / 100))
    for path in house.corpus.glob("note_?.txt"):
        path.unlink()
    for path in house.corpus.glob("note_??.txt"):
        path.unlink()
    done(house)  # the first sixty left
    add(house, 200, 60)
    assert 0.1 < share_of_tonight(house) <= ENOUGH / 60


def test_a_source_that_is_not_asked_for_holds_out_nothing_for_the_others(house: House, tmp_path: Path) -> None:
    add(house, 0, 60)
    done(house)
    other = House(house.workspace, tmp_path / "other")
    other.corpus.mkdir()
    add(other, 500, 60)
    sources = f'[{{"kind": "files", "name": "other", "path": "{other.corpus}"}}]'
    settings = settings_of(house, ingest__sources=sources)
    plan = plan_data(settings, Workspace(house.workspace))
    (new,) = [item for item in plan.found.opened if item.is_new]
    assert new.plan is not None and new.plan.shards[0].heldout_share == ENOUGH / 60
