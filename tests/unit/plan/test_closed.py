"""Closed batches: a record that fits is believed, any other is passed over."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.plan import closed as closed_module
from pipeline_lib.plan.closed import Closed, read_closed, recipe_of, save_closed
from pipeline_lib.run.carry import Node, Nodes
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH, AllSettings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Batch, Workspace
from tests.labelled import write_examples, write_pipeline, write_reference, write_word_list
from tests.shelf import put

BATCHES = [Batch(number, "docs", f"b{number}") for number in (1, 2, 3)]
TOKENIZER = Ref("tokenize", "t")
RECIPE = "1f0c"


@dataclass(frozen=True)
class House:
    """A workspace with two closed batches, and the nodes that stand for them."""

    workspace: Workspace
    carried: dict[str, Nodes]

    @property
    def place(self) -> Path:
        return self.workspace.state / "closed" / f"{RECIPE}.json"

    def read(self, batches: list[Batch] = BATCHES, recipe: str = RECIPE) -> Closed:
        return read_closed(self.workspace, recipe, batches)


@pytest.fixture
def house(tmp_path: Path) -> House:
    workspace = Workspace(tmp_path)
    carried = {
        name: tuple(Node(level, put(workspace.store, Ref(stage, f"{name} {level}"), {})) for level in (1, 0))
        for name, stage in (("shards", "tokenize"), ("index", "dedup"), ("past:docs", "ingest"))
    }
    save_closed(workspace, RECIPE, BATCHES[:2], carried)
    return House(workspace, carried)


def test_what_was_closed_stands_for_its_batches(house: House) -> None:
    found = house.read()
    assert (found.count, found.carried) == (2, house.carried)
    assert found.board().before("index") == tuple(node.ref for node in house.carried["index"])


def test_nothing_is_closed_in_a_new_workspace(tmp_path: Path) -> None:
    found = read_closed(Workspace(tmp_path), RECIPE, BATCHES)
    assert found == Closed(0, None)
    assert found.board().carried == {}


def test_each_recipe_has_its_own_record(house: House) -> None:
    assert house.read(recipe="2a2a").count == 0
    save_closed(house.workspace, "2a2a", BATCHES, {})
    assert (house.read(recipe="2a2a").count, house.read().count) == (3, 2)


def test_a_record_under_the_name_of_another_recipe_closes_nothing(house: House) -> None:
    """Its batches and nodes are whole, and made by other rules."""
    house.place.rename(house.place.with_stem("2a2a"))
    assert house.read(recipe="2a2a") == Closed()
    save_closed(house.workspace, "2a2a", BATCHES[:1], house.carried)
    assert house.read(recipe="2a2a").count == 1


def test_a_record_of_an_earlier_release_does_not_say_of_which_recipe_it_is(house: House) -> None:
    record = json.loads(house.place.read_text())
    house.place.write_text(
        json.dumps({name: value for name, value in record.items() if name not in ("recipe", "seal")})
    )
    assert house.read().count == 2


@pytest.mark.parametrize(
    "batches",
    [
        BATCHES[:1],  # the catalog is an older one
        [],
        [BATCHES[1], BATCHES[0], BATCHES[2]],
        [BATCHES[0], replace(BATCHES[1], fingerprint="other"), BATCHES[2]],
        BATCHES[1:],  # the first one was given up
    ],
)
def test_a_record_of_other_batches_is_passed_over(house: House, batches: list[Batch]) -> None:
    assert house.read(batches) == Closed()


def gone(house: House, path: Path) -> None:
    for file in path.iterdir():
        file.unlink()


def flipped(house: House, path: Path) -> None:
    (path / "manifest.json").write_text((path / "manifest.json").read_text().replace('"rows_in": 0', '"rows_in": 1'))


@pytest.mark.parametrize("harm", [gone, flipped])
@pytest.mark.parametrize("name", ["shards", "index", "past:docs"])
def test_a_node_that_is_lost_or_damaged_closes_nothing(
    house: House, name: str, harm: Callable[[House, Path], None]
) -> None:
    ref = house.carried[name][1].ref
    harm(house, house.workspace.store.path(ref.stage, ref.fingerprint))
    assert house.read() == Closed()


def changed(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda record: {**record, **fields}


NODE = {"level": 0, "ref": {"stage": "dedup", "fingerprint": "index 0"}}
UNFIT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda record: [record],
    "null": lambda record: None,
    "a number": lambda record: 7,
    "nothing in it": lambda record: {},
    "no count": lambda record: {k: v for k, v in record.items() if k != "count"},
    "no batches": lambda record: {k: v for k, v in record.items() if k != "batches"},
    "no nodes": lambda record: {k: v for k, v in record.items() if k != "carried"},
    "a count in words": changed(count="two"),
    "a count as text": changed(count="2"),
    "a count below zero": changed(count=-1),
    "a count too large": changed(count=10**30),
    "another digest": changed(batches="0" * 32),
    "nodes in a list": changed(carried=[NODE]),
    "nodes that are none": changed(carried={"index": [1]}),
    "nodes that are text": changed(carried={"index": "abc"}),
    "a node without a level": changed(carried={"index": [{"ref": NODE["ref"]}]}),
    "a node without a name": changed(carried={"index": [{"level": 0, "ref": {"stage": "dedup"}}]}),
    "a node named by a number": changed(carried={"index": [{"level": 0, "ref": {"stage": 1, "fingerprint": 2}}]}),
    "a node that is not there": changed(
        carried={"index": [{"level": 0, "ref": {"stage": "dedup", "fingerprint": "x"}}]}
    ),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_record_that_does_not_fit_is_passed_over_and_written_anew(house: House, unfit: str) -> None:
    house.place.write_text(json.dumps(UNFIT[unfit](json.loads(house.place.read_text()))))
    assert house.read() == Closed()
    save_closed(house.workspace, RECIPE, BATCHES[:2], house.carried)
    assert house.read().count == 2


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"count": NaN}'])
def test_what_is_no_json_is_passed_over_and_written_anew(house: House, text: bytes) -> None:
    house.place.write_bytes(text)
    assert house.read() == Closed()
    save_closed(house.workspace, RECIPE, BATCHES[:2], house.carried)
    assert house.read().count == 2


def test_a_folder_in_the_place_of_a_record_is_passed_over(house: House) -> None:
    house.place.unlink()
    house.place.mkdir()
    assert house.read() == Closed()


def test_a_record_that_says_the_same_is_not_written_again(house: House) -> None:
    inode = house.place.stat().st_ino
    save_closed(house.workspace, RECIPE, BATCHES[:2], house.carried)
    assert house.place.stat().st_ino == inode
    save_closed(house.workspace, RECIPE, BATCHES, house.carried)
    assert (house.place.stat().st_ino != inode, house.read().count) == (True, 3)


# Recipes ------------------------------------------------------------------------------------------------------------


def settings_with(**sections: Any) -> Settings:
    return AllSettings.model_validate(sections)


def test_what_decides_what_becomes_of_a_batch_is_another_recipe() -> None:
    recipes = [
        recipe_of(AllSettings(), "k", TOKENIZER),
        recipe_of(AllSettings(), "other", TOKENIZER),
        recipe_of(AllSettings(), "k", Ref("tokenize", "other")),
        recipe_of(settings_with(clean={"rules": {"min_words.v1": {"at_least": 40}}}), "k", TOKENIZER),
        recipe_of(settings_with(dedup={"seed": 2}), "k", TOKENIZER),
        recipe_of(settings_with(scrub={"ip": "drop"}), "k", TOKENIZER),
    ]
    assert len(set(recipes)) == len(recipes)


def test_what_decides_nothing_of_it_is_the_same_recipe() -> None:
    others = settings_with(
        train={"learning_rate": 1e-3},
        evaluate={"seed": 3},
        resources={"workers": 7},
        tokenize={"min_training_bytes": 5},
    )
    assert recipe_of(others, "k", TOKENIZER) == recipe_of(AllSettings(), "k", TOKENIZER)


@pytest.mark.parametrize("maker", [maker.name for stage in OF_A_BATCH for maker in stage.makers] + ["ingest.past"])
def test_a_raised_version_of_whatever_makes_a_batch_or_a_node_is_another_recipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, maker: str
) -> None:
    """Else what closed batches left would stay what the older version made of them."""
    models = [write_examples(tmp_path / "e", num=12), write_reference(tmp_path), write_word_list(tmp_path)]
    settings = settings_with(clean={"models": models, "spacy_pipeline": write_pipeline(tmp_path / "names")})
    before = recipe_of(settings, "k", TOKENIZER)
    raised = tuple(
        replace(stage, makers=tuple(replace(m, version=9) if m.name == maker else m for m in stage.makers))
        for stage in OF_A_BATCH
    )
    monkeypatch.setattr(closed_module, "OF_A_BATCH", raised)
    if maker == "ingest.past":
        monkeypatch.setattr(closed_module, "PAST", replace(closed_module.PAST, version=9))
    assert recipe_of(settings, "k", TOKENIZER) != before


def test_makers_that_a_night_has_no_work_of_are_no_part_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe_of(AllSettings(), "k", TOKENIZER)
    without = tuple(replace(s, makers=tuple(m for m in s.makers if m.only_with is None)) for s in OF_A_BATCH)
    assert without != OF_A_BATCH
    monkeypatch.setattr(closed_module, "OF_A_BATCH", without)
    assert recipe_of(AllSettings(), "k", TOKENIZER) == before


def test_makers_of_kinds_of_models_that_are_not_asked_for_are_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_with(clean={"models": [write_examples(tmp_path / "e", num=12)]})
    before = recipe_of(settings, "k", TOKENIZER)
    others = ("perplexity", "word_list")
    without = tuple(replace(s, makers=tuple(m for m in s.makers if m.of_kind not in others)) for s in OF_A_BATCH)
    assert without != OF_A_BATCH
    monkeypatch.setattr(closed_module, "OF_A_BATCH", without)
    assert recipe_of(settings, "k", TOKENIZER) == before


def test_the_makers_of_all_that_is_carried_are_in_the_recipe() -> None:
    named = {maker.name for stage in OF_A_BATCH for maker in stage.makers}
    assert {"dedup.index", "tokenize.shards", "tokenize.merged"} <= named
