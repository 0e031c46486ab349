"""A model whose files are damaged is trained again as it was, whatever the settings say by now."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from flows.show.trace import Steps, show_model
from pipeline_lib.base.errors import DataError
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.workspace import Workspace
from tests.model_nights import FAST, foreseen, whole_night
from tests.tiny_night import House, artifacts, copy_house, damage, english, tiny_settings, write_corpus, write_lines

WEIGHTS = ("model/", "trunk/")
# What decides no bit today, and had decided which steps there are: passes, their most, the minutes, threads.
OTHERS = {"num_epochs": "1", "max_steps": "12", "budget_minutes": "30", "threads": "2"}


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **changes)


def weights(model: Manifest) -> Mapping[str, str]:
    return {entry.name: entry.sha256 for entry in model.files if entry.name.startswith(WEIGHTS)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Manifest]:
    """Two trainings: all text is read once, and once more. The second one."""
    root = tmp_path_factory.mktemp("trained")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    whole_night(settings_of(house))
    second = whole_night(settings_of(house, train__num_epochs="2")).training
    assert second is not None and "trunk" in second.inputs
    return house, second


def test_a_damaged_model_is_made_again_by_its_manifest(trained: tuple[House, Manifest], tmp_path: Path) -> None:
    house, model = copy_house(trained[0], tmp_path / "house"), trained[1]
    damage(house.workspace / "artifacts" / "train" / model.fingerprint)
    changed = {f"train__{name}": value for name, value in OTHERS.items()} | {"train__learning_rate": "0.001"}
    settings = settings_of(house, **changed)
    assert f"training {model.fingerprint[:8]}, which is lost, is done again as it was" in foreseen(settings).notes
    night = whole_night(settings)
    assert night.made == {f"train/{model.fingerprint}"}
    assert weights(artifacts(house.workspace)[f"train/{model.fingerprint}"]) == weights(model)
    assert "was promoted" in night.verdict or "not promoted" in night.verdict
    assert not any("lost" in note for note in foreseen(settings).notes)


def test_a_damaged_model_whose_trunk_is_damaged_too_is_made_again_behind_it(
    trained: tuple[House, Manifest], tmp_path: Path
) -> None:
    house, model = copy_house(trained[0], tmp_path / "house"), trained[1]
    trunk = model.inputs["trunk"]
    before = weights(artifacts(house.workspace)[f"train/{trunk.fingerprint}"])
    for name in (trunk.fingerprint, model.fingerprint):
        damage(house.workspace / "artifacts" / "train" / name)
    settings = settings_of(house, train__num_epochs="2")
    again = [
        f"training {name[:8]}, which is lost, is done again as it was"
        for name in (trunk.fingerprint, model.fingerprint)
    ]
    assert [note for note in foreseen(settings).notes if "lost" in note] == again
    assert whole_night(settings).made == {f"train/{trunk.fingerprint}", f"train/{model.fingerprint}"}
    after = artifacts(house.workspace)
    assert weights(after[f"train/{trunk.fingerprint}"]) == before
    assert weights(after[f"train/{model.fingerprint}"]) == weights(model)
    assert foreseen(settings).is_nothing_new


def test_a_training_of_which_too_much_is_lost_is_named(trained: tuple[House, Manifest], tmp_path: Path) -> None:
    house, model = copy_house(trained[0], tmp_path / "house"), trained[1]
    for name in (model.inputs["trunk"].fingerprint, model.fingerprint):
        (house.workspace / "artifacts" / "train" / name / "manifest.json").write_text("{}")
    notes = foreseen(settings_of(house, train__num_epochs="2")).notes
    assert any("too much is lost to do it again" in note and model.fingerprint[:8] in note for note in notes)


def test_the_trunk_that_a_night_goes_on_from_is_made_again_also_when_a_trial_was_judged_last(
    trained: tuple[House, Manifest], tmp_path: Path
) -> None:
    house, model = copy_house(trained[0], tmp_path / "house"), trained[1]
    write_lines(house.corpus / "new.jsonl", {f"n-{n}": english(2000 + n) for n in range(10)})
    settings = settings_of(house, train__num_epochs="2")
    trial = whole_night(settings_of(house, train__num_epochs="2", train__role="trial")).training
    assert trial is not None and trial.inputs["trunk"] == model.ref
    damage(house.workspace / "artifacts" / "train" / model.fingerprint)
    assert f"training {model.fingerprint[:8]}, which is lost, is done again as it was" in foreseen(settings).notes
    assert f"train/{model.fingerprint}" in whole_night(settings).made
    assert weights(artifacts(house.workspace)[f"train/{model.fingerprint}"]) == weights(model)
    assert whole_night(settings).parent == model.fingerprint


@pytest.mark.parametrize("how", ["lost", "damaged"])
def test_what_a_trace_says_of_a_model_that_is_gone_helps(
    judged_house: House, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """To look makes nothing again."""
    settings = settings_of(judged_house)
    (model,) = (judged_house.workspace / "artifacts" / "train").glob("[0-9a-f]*")
    if how == "lost":
        shutil.rmtree(model)
    else:
        (model / "manifest.json").write_text("{}")
    workspace, steps = Workspace(judged_house.workspace), Steps(is_all=False, number=None)
    with pytest.raises(DataError, match=r"train/[0-9a-f]+ is gone or damaged.* nightshift run makes it again"):
        show_model(settings, workspace, None, steps, as_json=False)
    whole_night(settings)
    show_model(settings, workspace, None, steps, as_json=False)
    assert f"model fingerprint      {model.name}" in capsys.readouterr().out
