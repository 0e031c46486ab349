"""The trunks that a training may go on from: one a recipe, however many nights there were."""

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.model.tracking import Place, place_of
from pipeline_lib.plan.parents import is_least, line_of
from pipeline_lib.plan.registered import champion_of, model_of
from pipeline_lib.plan.trunks import keep_trunk, trunks
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import VERSION, Promotion
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.files import write_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN
from pipeline_lib.train.steps import in_nights
from tests.registered import plain_store
from tests.shelf import put

created = itertools.count(1.0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def unlisted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody may go through all artifacts of a maker."""

    def listed(_store: Store, maker: str) -> None:
        raise AssertionError(f"all of {maker} are listed")

    monkeypatch.setattr(Store, "list", listed)
    yield


def train(
    workspace: Workspace,
    name: str,
    num_steps: int,
    *,
    tokenizer: str = "t",
    trunk: str | None = None,
    facts: Any = None,
    **settings: Any,
) -> Ref:
    """A model as its night leaves it."""
    ref = Ref("train", name)
    inputs = {"tokenizer": Ref("tokenize", tokenizer)} | ({"trunk": Ref("train", trunk)} if trunk else {})
    with workspace.store.draft(ref) as draft:
        (draft.path / "trunk").mkdir()
        write_json(draft.path / "trunk" / "trunk.json", {"num_steps": num_steps})
        draft.seal(
            Outcome(1, 1, facts={"total_trunk_steps": num_steps, **(facts or {})}),
            maker="train.model",
            version=1,
            schema="model.v1",
            settings={"learning_rate": 1.0, "first": [name], "num_rows": num_steps, **settings},
            inputs=inputs,
            made={"created": next(created)},
        )
    return ref


def names(workspace: Workspace) -> set[str]:
    return {model.fingerprint for model in trunks(workspace)}


def test_one_trunk_a_recipe_is_looked_at_after_any_number_of_nights(workspace: Workspace) -> None:
    for night in range(1, 12):
        keep_trunk(workspace, train(workspace, f"a{night}", night))
        keep_trunk(workspace, train(workspace, f"b{night}", 20 - night, learning_rate=2.0))
    assert names(workspace) == {"a11", "b1"}


def test_no_night_goes_through_all_models(workspace: Workspace, request: pytest.FixtureRequest) -> None:
    keep_trunk(workspace, train(workspace, "a1", 1))
    request.getfixturevalue("unlisted")
    keep_trunk(workspace, train(workspace, "a2", 2))
    assert names(workspace) == {"a2"}


@pytest.mark.parametrize(
    "other",
    [
        {"tokenizer": "another"},
        {"learning_rate": 2.0},
        {"hidden_size": 8},
        {"role": "trial"},
        {"facts": {"start_bits_per_byte": 2.0, "end_bits_per_byte": 2.3}},
        {"facts": {"start_bits_per_byte": 2.0, "end_bits_per_byte": 9e9}},
    ],
)
def test_a_trunk_of_another_kind_stands_beside_and_takes_no_place(workspace: Workspace, other: Any) -> None:
    keep_trunk(workspace, train(workspace, "a", 1))
    keep_trunk(workspace, train(workspace, "b", 9, **other))
    assert names(workspace) == {"a", "b"}


def test_of_two_that_have_read_as_much_the_older_one_is_kept(workspace: Workspace) -> None:
    for name in ("older", "newer"):
        keep_trunk(workspace, train(workspace, name, 4))
    assert names(workspace) == {"older"}


@pytest.mark.parametrize("is_hidden", [True, False], ids=["no clock shows it", "its time is another"])
def test_a_damaged_file_of_another_trunk_stops_no_choice(workspace: Workspace, is_hidden: bool) -> None:
    for night in (1, 2, 3):
        keep_trunk(workspace, train(workspace, f"a{night}", night))
        keep_trunk(workspace, train(workspace, f"b{night}", night, learning_rate=2.0))
    path = workspace.store.path("train", "b3") / "trunk" / "trunk.json"
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"3", b"7"))
    if is_hidden:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        assert names(workspace) == ({"a3", "b3"} if is_hidden else {"a3", "b2"})
    workspace.drop_pin("trunks")
    keep_trunk(workspace, train(workspace, "a4", 4))
    assert names(workspace) == ({"a4", "b3"} if is_hidden else {"a4", "b2"})


@pytest.mark.parametrize("lost", ["the pin", "the model", "a bit of it"])
def test_what_is_kept_follows_from_the_models_that_are_there(workspace: Workspace, lost: str) -> None:
    for night in (1, 2, 3):
        keep_trunk(workspace, train(workspace, f"a{night}", night))
    folder = workspace.store.path("train", "a3")
    if lost == "the pin":
        workspace.drop_pin("trunks")
    elif lost == "the model":
        shutil.rmtree(folder)
    else:
        (folder / "manifest.json").write_text("{")
    assert names(workspace) == ({"a3"} if lost == "the pin" else {"a2"})
    keep_trunk(workspace, train(workspace, "a4", 4))
    assert names(workspace) == {"a4"}


def test_a_model_that_is_kept_already_changes_nothing(workspace: Workspace) -> None:
    ref = train(workspace, "a", 1)
    keep_trunk(workspace, ref)
    place = workspace.state / "pins" / "trunks.json"
    before = place.stat()
    keep_trunk(workspace, ref)
    assert place.stat() == before


# The parent of a training ---------------------------------------------------------------------------------------------

RATES = {"today's": 0.001, "another": 0.002, "a third": 0.003}
DIVERGED = {"start_bits_per_byte": 2.0, "end_bits_per_byte": 2.3}


def settings(rate: str, **changes: Any) -> Settings:
    return AllSettings.model_validate({"train": {"learning_rate": RATES[rate], **changes}})


def night(workspace: Workspace, name: str, num_steps: int, rate: str, **said: Any) -> None:
    """A night that trained at this rate."""
    own = settings(rate).of(TrainSettings).decisive(TRAIN.reads)
    keep_trunk(workspace, train(workspace, name, num_steps, **{**own, **said}))


def parent(workspace: Workspace, **changes: Any) -> str | None:
    """The model that a training at today's rate goes on from, before there is a snapshot."""
    planned = SimpleNamespace(whole=SimpleNamespace(ref=Ref("tokenize", "no snapshot yet")))
    data: Any = SimpleNamespace(tokenizer=SimpleNamespace(ref=Ref("tokenize", "t")), snapshot=planned)
    found = line_of(settings("today's", **changes), workspace, data).parent
    return None if found is None else found.fingerprint


def promote(workspace: Workspace, model: str) -> None:
    name = settings("today's").of(RegisterSettings).model_name
    moved(Registry(Place(""), name, workspace.state / "promotions", workspace.root), move(1, model, name))


def test_a_training_goes_on_from_its_own_recipe_though_another_has_read_more(workspace: Workspace) -> None:
    night(workspace, "mine", 2, "today's")
    night(workspace, "longer", 9, "another")
    promote(workspace, "longer")
    assert parent(workspace) == parent(workspace, role="trial") == "mine"


@pytest.mark.parametrize("went_on", [True, False])
def test_a_new_recipe_goes_on_from_the_champion_or_what_went_on_from_it(workspace: Workspace, went_on: bool) -> None:
    """Between both lies a night that is no more the furthest of its recipe: the way back leads through it."""
    night(workspace, "champion", 2, "another")
    night(workspace, "between", 3, "another", trunk="champion")
    night(workspace, "last", 4, "another", trunk="between" if went_on else None)
    night(workspace, "longer", 9, "a third")
    promote(workspace, "champion")
    assert parent(workspace) == ("last" if went_on else "champion")


def test_without_recipe_and_champion_the_longest_is_gone_on_from(workspace: Workspace) -> None:
    night(workspace, "short", 2, "another")
    night(workspace, "longer", 9, "a third")
    assert parent(workspace) == "longer"


@pytest.mark.parametrize(
    ("unfit", "why"),
    [
        ({"role": "trial"}, "each trunk with this tokenizer and shape has diverged, is a trial or is of another"),
        ({"facts": DIVERGED}, "each trunk with this tokenizer and shape has diverged"),
        ({"tokenizer": "another"}, "no trunk has this tokenizer and shape"),
        ({"hidden_size": 8}, "no trunk has this tokenizer and shape"),
    ],
)
def test_what_does_not_fit_is_nobodys_parent_not_even_as_the_champion(
    workspace: Workspace, unfit: Any, why: str
) -> None:
    night(workspace, "unfit", 9, "today's", **unfit)
    promote(workspace, "unfit")
    assert parent(workspace) is None
    with pytest.raises(SettingsError, match=f"{why}.* Set .*train.restart = 'tokenizer_or_shape' to start"):
        parent(workspace, restart="never")
    assert parent(workspace, restart="tokenizer_or_shape") is None
    night(workspace, "fit", 1, "another")
    assert parent(workspace) == "fit"
    assert parent(workspace, restart="always") is None


# Versions -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def registry(workspace: Workspace) -> Registry:
    return Registry(Place("sqlite:///nowhere"), "tiny", workspace.state / "promotions", workspace.root)


def moved(registry: Registry, *moves: Promotion) -> None:
    lines = [json.dumps(move.__dict__) for move in moves]
    registry.folder.mkdir(parents=True)
    (registry.folder / "promotions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def move(version: int, model: str, name: str = "tiny") -> Promotion:
    return Promotion("2026-01-02T03:04:05+00:00", name, version, None, "promote", "better", model)


def test_the_model_of_a_champion_is_known_by_the_ledger_alone(
    workspace: Workspace, registry: Registry, unlisted: None
) -> None:
    moved(registry, move(1, "m1"), move(2, "m2"), move(3, "other", name="another"))
    assert champion_of(registry) == 2
    assert [model_of(workspace.store, registry, version) for version in (1, 2)] == ["m1", "m2"]


@pytest.mark.parametrize(("alias", "expected"), [(1, 1), (2, 2), (9, 2)])
def test_a_champion_that_was_moved_in_mlflow_is_foreseen(workspace: Workspace, alias: int, expected: int) -> None:
    registry = Registry(place_of(None, workspace.root), "tiny", workspace.state / "promotions", workspace.root)
    moved(registry, move(1, "m1"), move(2, "m2"))
    plain_store(registry, {1: "m1", 2: "m2"}, champion=alias)
    assert champion_of(registry) == expected


def test_a_version_that_was_made_anew_is_the_model_of_its_last_line(workspace: Workspace, registry: Registry) -> None:
    moved(registry, move(1, "m1"), move(1, "m2"))
    assert model_of(workspace.store, registry, 1) == "m2"


def test_a_version_that_the_ledger_does_not_know_is_found_by_what_registering_left(
    workspace: Workspace, registry: Registry
) -> None:
    moved(registry, move(1, ""))
    said = {"outcome": Outcome(1, 1, facts={"name": "tiny", "version": 1}), "inputs": {"model": Ref("train", "m1")}}
    put(workspace.store, Ref("register", "0f"), {}, maker=VERSION.name, **said)
    assert model_of(workspace.store, registry, 1) == "m1"
    assert model_of(workspace.store, registry, 2) is None


def test_nobody_was_promoted_in_a_new_workspace(registry: Registry) -> None:
    assert champion_of(registry) is None


@pytest.mark.parametrize(
    ("has_parent", "minutes", "expected"), [(False, 2.0, True), (False, None, False), (True, 2.0, False)]
)
def test_a_plan_promises_no_more_nights_than_it_knows(
    workspace: Workspace, has_parent: bool, minutes: float | None, expected: bool
) -> None:
    """How far the minutes of a budget go is not known before a training has ended."""
    model = train(workspace, "a1", 10)
    parent = workspace.store.read(model.stage, model.fingerprint) if has_parent else None
    assert is_least(parent, TrainSettings(budget_minutes=minutes)) == expected
    assert in_nights(4, is_least=expected) == f"{'at least' if expected else 'about'} 4 nights"
