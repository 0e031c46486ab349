"""A model that waits for its verdict while the text goes on: what it is compared with and registered by is its own."""

import shutil
from typing import Any

import pytest

from flows.halves import retrain_model
from flows.single import run_stage
from pipeline_lib.plan.basis import BASIS, BEGUN, Basis
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.addresses import MLFLOW, MLFLOW_COPY
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from tests.model_nights import FAST, foreseen, in_this_process, whole_night
from tests.tiny_night import (
    House,
    artifacts,
    chinese,
    night_here,
    refresh,
    tiny_settings,
    write_lines,
)


@pytest.fixture
def house(judged_house: House) -> House:
    return judged_house


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **changes)


def retrain(settings: Settings) -> dict[str, Any]:
    with night_here(settings) as night, in_this_process():
        return retrain_model(night)


def wait_for_verdict(house: House) -> Manifest:
    """The night was killed between the training and the verdict: the model."""
    workspace = Workspace(house.workspace)
    done = workspace.pin(BASIS, Basis)
    assert done is not None
    workspace.save_pin(BEGUN, done.model)
    workspace.drop_pin(BASIS)
    return workspace.store.read(done.model.stage, done.model.fingerprint)


def made(house: House, maker: str) -> list[Manifest]:
    found = [manifest for manifest in artifacts(house.workspace).values() if manifest.maker == maker]
    return sorted(found, key=lambda manifest: manifest.created)


LOST = {
    "its snapshot": ("tokenize.snapshot",),
    "the fresh benchmark": ("fresh",),
    "all": ("tokenize.snapshot", "evaluate.benchmark", "evaluate.scores"),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_model_is_judged_again_although_what_it_was_judged_on_is_gone(house: House, lost: str) -> None:
    """Its scores are wanted anew, and MLflow has lost it: it stands, so nobody trains another one in its place."""
    (model,) = made(house, "train.model")
    write_lines(house.corpus / "more.jsonl", {f"m{n}": chinese(n) for n in range(900, 906)})
    for manifest in artifacts(house.workspace).values():
        if {manifest.maker, manifest.facts.get("name")} & set(LOST[lost]):
            shutil.rmtree(Store(house.workspace / "artifacts").path(manifest.ref.stage, manifest.fingerprint))
    for database in (MLFLOW, MLFLOW_COPY):
        (house.workspace / database).unlink()
    changed = {"train__budget_minutes": "0", "evaluate__num_resamples": "101"}
    refresh(settings_of(house, **changed))
    assert "promoted" in retrain(settings_of(house, **changed))["verdict"]
    assert made(house, "train.model") == [model]
    tags = version_tags(house)
    is_known = "tokenize.snapshot" not in LOST[lost]
    assert (tags["nightshift.snapshot_digest"] == "unknown") != is_known


def version_tags(house: House) -> dict[str, str]:
    """Of the newest version."""
    version = made(house, "register.version")[-1]
    folder = Store(house.workspace / "artifacts").path("register", version.fingerprint)
    tags: dict[str, str] = read_json(folder / "registered.json")["tags"]
    return tags


@pytest.mark.parametrize("vocab_size", ["600", "512"])
def test_it_is_judged_and_registered_by_what_it_was_trained_with(house: House, vocab_size: str) -> None:
    """Not by the token counts of another tokenizer, beside which anybody looks good."""
    model = wait_for_verdict(house)
    write_lines(house.corpus / "more.jsonl", {f"m{n}": chinese(n) for n in range(900, 960)})
    changed = {"tokenize__generation": "2", "tokenize__vocab_size": vocab_size, "evaluate__num_resamples": "101"}
    tonight = refresh(settings_of(house, **changed))
    own = {name: model.inputs[name] for name in ("snapshot", "tokenizer")}
    assert own["tokenizer"] != tonight.tokenizer.ref
    before = len(made(house, "evaluate.scores"))
    retrain(settings_of(house, **changed))
    scores = made(house, "evaluate.scores")[before:]
    assert {one.inputs["model"] for one in scores} == {model.ref}
    assert {one.inputs["counts"] for one in scores} == {own["snapshot"]}
    tags, store = version_tags(house), Store(house.workspace / "artifacts")
    assert tags["nightshift.tokenizer_fingerprint"] == own["tokenizer"].fingerprint
    snapshot = store.read("tokenize", own["snapshot"].fingerprint)
    assert tags["nightshift.snapshot_digest"] == snapshot.facts["digest"]


def test_plan_says_that_a_waiting_model_is_judged_first_and_the_next_night_trains_on(house: House) -> None:
    model = wait_for_verdict(house)
    write_lines(house.corpus / "more.jsonl", {f"m{n}": chinese(n) for n in range(900, 920)})
    said = f"model {model.fingerprint[:8]} has no verdict yet: it is judged first, and the next night goes on from it"
    refresh(settings_of(house))
    assert foreseen(settings_of(house)).notes[-1:] == (said,)
    first, second = (whole_night(settings_of(house)) for _ in range(2))
    assert (first.training, second.parent) == (None, model.fingerprint)


def test_whoever_asks_for_a_training_by_itself_gets_one_also_while_a_model_waits(house: House) -> None:
    """`nightshift train`, and once more, reads on each time; what is judged then is the last one."""
    model = wait_for_verdict(house)
    write_lines(house.corpus / "more.jsonl", {f"m{n}": chinese(n) for n in range(900, 960)})
    settings = settings_of(house, train__max_steps="4")
    refresh(settings)
    with in_this_process():
        for _ in range(2):
            run_stage(settings, "train")
    models = made(house, "train.model")
    assert [one.inputs.get("trunk") for one in models[1:]] == [one.ref for one in models[:-1]] and len(models) == 3
    assert models[0] == model and models[1].facts["unread_tokens"] > models[2].facts["unread_tokens"]
    night = whole_night(settings)
    assert night.training is None and {one.inputs["model"] for one in night.makers("register.gate")} == {models[2].ref}


def test_the_model_in_service_is_not_called_the_first_one_when_it_is_judged_again(house: House) -> None:
    first, again = (retrain(settings_of(house, register__gate__seed=seed))["verdict"] for seed in ("0", "4"))
    assert "accepted: the first model" in first
    assert (
        again
        == "version 1 was promoted: accepted: the model in service, still better than a unigram model and its own start"
    )
    assert retrain(settings_of(house, register__gate__seed="4"))["verdict"] == again


@pytest.mark.parametrize("changed", [{"train__budget_minutes": "0"}, {"train__restart": "always"}])
def test_no_note_speaks_of_a_training_where_none_is_to_be(house: House, changed: dict[str, str]) -> None:
    plan = foreseen(settings_of(house, **changed))
    assert plan.is_nothing_new and not any("training" in note for note in plan.notes)
    write_lines(house.corpus / "more.jsonl", {f"m{n}": chinese(n) for n in range(900, 906)})
    if "train__budget_minutes" in changed:  # the snapshot is not there yet
        assert foreseen(settings_of(house, **changed)).notes[-1:] == ("train.budget_minutes is 0: nothing is trained",)
