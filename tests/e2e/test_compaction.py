"""Trunks and models do not notice compaction: what they go on to read, are traced to, and are made again from."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from flows.halves import refresh_data
from pipeline_lib.past.reads import documents_read
from pipeline_lib.plan.parents import cursor_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.workspace import Workspace
from tasks.compact import Compacted, compact
from tests.collected import collect
from tests.model_nights import FAST, any_night, foreseen, whole_night
from tests.tiny_night import (
    House,
    artifacts,
    copy_house,
    damage,
    english,
    night_here,
    tiny_settings,
    write_corpus,
    write_lines,
)

AT_ONCE = {"maintenance__keep_days": "0"}
BEGUN = {"train__max_steps": "6"}  # a night ends in the middle of what it reads


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **BEGUN, **changes)


def day(house: House, number: int) -> None:
    """One document is edited, one leaves, and one comes."""
    texts = {f"en-{n}": english(n + 1000 * (n == number)) for n in range(24) if n not in range(12, 12 + number)}
    write_lines(house.corpus / "a_english.jsonl", texts | {f"day-{number}": english(8000 + number)})


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Manifest, Manifest]:
    """Two nights with a model each; the second one has begun to read a portion, of which something leaves behind it."""
    root = tmp_path_factory.mktemp("lived")
    house, models = House(root / "workspace", write_corpus(root / "corpus")), []
    for number in (0, 1):
        day(house, number)
        models.append(whole_night(settings_of(house)).training)
    day(house, 2)
    with night_here(settings_of(house)) as here:
        refresh_data(here)
    first, second = models
    assert first is not None and second is not None
    assert cursor_of(Workspace(house.workspace).store, second, ()).portions
    return house, first, second


def compacted(house: House) -> Compacted:
    """Compaction, and a gc that does not wait."""
    with night_here(settings_of(house)) as here:
        done = compact(here)
    collect(settings_of(house, **AT_ONCE))
    assert not [one for one in artifacts(house.workspace).values() if one.maker == "tokenize.encode"]
    return done


def weights(model: Manifest) -> Mapping[str, str]:
    return {entry.name: entry.sha256 for entry in model.files if entry.name.startswith(("model/", "trunk/"))}


def read_by(house: House, model: Manifest) -> list[object]:
    store = Workspace(house.workspace).store
    return [list(documents_read(store, model, step, step + 1)) for step in range(model.facts["num_steps"])]


def test_a_trunk_reads_on_as_if_nothing_had_been(lived: tuple[House, Manifest, Manifest], tmp_path: Path) -> None:
    house, twin = (copy_house(lived[0], tmp_path / name) for name in ("house", "twin"))
    told = [note for note in foreseen(settings_of(house)).notes if "unread" in note or "nights" in note]

    assert compacted(house).places_after == 1

    assert [note for note in foreseen(settings_of(house)).notes if "unread" in note or "nights" in note] == told
    own, other = (whole_night(settings_of(one)) for one in (house, twin))
    assert own.training is not None and other.training is not None
    assert own.training.fingerprint == other.training.fingerprint
    assert own.training.digest == other.training.digest
    for model in (*lived[1:], own.training):
        assert read_by(house, model) == read_by(twin, model)


def test_models_of_which_something_left_are_made_again_as_they_were(
    lived: tuple[House, Manifest, Manifest], tmp_path: Path
) -> None:
    house, models = copy_house(lived[0], tmp_path / "house"), lived[1:]
    compacted(house)
    for model in models:
        damage(house.workspace / "artifacts" / "train" / model.fingerprint)

    night = any_night(settings_of(house))

    there = artifacts(house.workspace)
    assert {f"train/{model.fingerprint}" for model in models} <= night.made
    assert [weights(there[f"train/{model.fingerprint}"]) for model in models] == list(map(weights, models))
    assert any(there[name].maker == "tokenize.encode" for name in night.made)  # with what has left since
