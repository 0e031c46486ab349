"""Settings that decide no byte: where all is done, no other value of any of them gives a night something to do."""

import pytest

from pipeline_lib.plan.night import plan_night
from pipeline_lib.store.workspace import Workspace
from tests.every_setting import OPERATIONAL, another, as_argument
from tests.tiny_night import House, copy_house, tiny_settings

MORE = "train.num_epochs"  # more passes are more to read, of the same trunk
FAR = {  # values that are much further away
    "evaluate.speed_tokens": "512",
    "ingest.max_shard_bytes": "1",
    "tokenize.min_training_bytes": "1000000000",
    "train.budget_minutes": "0",
    "train.checkpoint_every_minutes": "none",
    "train.max_steps": "2",
    "train.restart": "always",
    "train.start_documents": "0",
}


@pytest.fixture(scope="module")
def done(finished_night: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A copy of the finished night: a plan keeps digests of files beside it."""
    return copy_house(finished_night, tmp_path_factory.mktemp("done"))


def to_do(house: House, name: str, value: str) -> tuple[set[str], list[str]]:
    """The stages that a night would have something to do for with that setting, and what `plan` says beside."""
    settings = tiny_settings(house.workspace, house.corpus, **{name.replace(".", "__"): value})
    plan = plan_night(settings, Workspace(house.workspace))
    return {line.stage for step in plan.steps for line in step.work}, list(plan.notes)


@pytest.mark.parametrize("name", [name for name in OPERATIONAL if name != MORE])
def test_another_value_of_a_setting_that_decides_nothing_is_nothing_to_do(done: House, name: str) -> None:
    settings = tiny_settings(done.workspace, done.corpus)
    assert to_do(done, name, as_argument(another(name, settings)))[0] == set()


@pytest.mark.parametrize(("name", "value"), FAR.items(), ids=FAR)
def test_nor_is_one_that_is_far_away(done: House, name: str, value: str) -> None:
    assert name in OPERATIONAL
    assert to_do(done, name, value)[0] == set()


def test_more_passes_go_on_from_the_trunk(done: House) -> None:
    stages, notes = to_do(done, MORE, "2")
    assert stages == {"train", "evaluate", "quantize", "register"}
    (note,) = notes
    assert note.startswith("training goes on from model ")
