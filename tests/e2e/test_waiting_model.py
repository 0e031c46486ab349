"""A model that waits for its verdict while the text goes on: what it is compared with and registered by is its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.halves import retrain_model
from pipeline_lib.plan.judged import BEGUN, JUDGED, Judged
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from tests.model_nights import FAST, in_this_process, whole_night
from tests.tiny_night import (
    House,
    artifacts,
    chinese,
    copy_house,
    night_here,
    refresh,
    tiny_settings,
    write_corpus,
    write_lines,
)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("judged")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    whole_night(settings_of(house))
    yield house


@pytest.fixture
def house(judged: House, tmp_path: Path) -> House:
    return copy_house(judged, tmp_path / "house")


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **changes)


def retrain(settings: Settings) -> dict[str, Any]:
    with night_here(settings) as night, in_this_process():
        return retrain_model(night)


def wait_for_verdict(house: House) -> Manifest:
    """The night was killed between the training and the verdict: the model."""
    workspace = Workspace(house.workspace)
    done = workspace.pin(JUDGED, Judged)
    assert done is not None
    workspace.save_pin(BEGUN, done.model)
    workspace.drop_pin(JUDGED)
    return workspace.store.read(done.model.stage, done.model.fingerprint)


def made(house: House, maker: str) -> list[Manifest]:
    found = [manifest for manifest in artifacts(house.workspace).values() if manifest.maker == maker]
    return sorted(found, key=lambda manifest: manifest.created)


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
    version = made(house, "register.version")[-1]
    store = Store(house.workspace / "artifacts")
    tags = read_json(store.path("register", version.fingerprint) / "registered.json")["tags"]
    assert tags["nightshift.tokenizer_fingerprint"] == own["tokenizer"].fingerprint
    snapshot = store.read("tokenize", own["snapshot"].fingerprint)
    assert tags["nightshift.snapshot_digest"] == snapshot.facts["digest"]
