"""What is remembered of a step, and what its losses are compared with."""

from pathlib import Path

import pytest

from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.last import kept_of, remember
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.laid_out import night_settings
from tests.shelf import put
from tests.tiny_night import KEY

OTHER_RULE = {"clean__rules__min_words.v1__at_least": "30"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)


def steps_of(settings: Settings, root: Path) -> dict[str, Step]:
    """The steps of all batches by their keys. At the eighth what is carried is merged: the nine sources of the night
    are a batch each."""
    plan = plan_data(settings, Workspace(root))
    return {step.key: step for board in plan.boards for step in board.steps}


def test_losses_are_compared_with_what_stood_for_the_step_however_much_was_made_behind_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    before = steps_of(night_settings(tmp_path), workspace.root)
    for step in before.values():
        remember(workspace, step)
        put(workspace.store, step.whole.ref, {})
    after = steps_of(night_settings(tmp_path, **OTHER_RULE), workspace.root)
    changed = {key for key, step in after.items() if step.whole != before[key].whole}
    assert {key.partition("-")[0] for key in changed} == {"clean", "dedup", "scrub", "tokenize"}
    assert len(changed) == 4 * 9
    assert {key: after[key].previous for key in changed} == {key: before[key].whole.ref for key in changed}


def test_all_that_a_step_had_is_remembered_by_makers_in_its_order(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    for step in steps_of(night_settings(tmp_path), workspace.root).values():
        remember(workspace, step)
        kept = kept_of(workspace, step.key)
        assert kept[-1].ref == step.whole.ref
        for maker in {work.maker.name for work in step.works if work.maker != step.whole.maker}:
            own = [work.ref for work in step.works if work.maker.name == maker]
            assert [one.ref for one in kept if one.maker == maker] == own


def test_losses_are_compared_with_the_batch_before_where_what_other_rules_made_is_gone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    for step in steps_of(night_settings(tmp_path), workspace.root).values():
        remember(workspace, step)  # and nothing of it is there
    after = steps_of(night_settings(tmp_path, **OTHER_RULE), workspace.root)
    assert {step.previous for key, step in after.items() if not key.startswith("ingest")} == {None}  # a source each
