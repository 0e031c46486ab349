"""Why plan says that work is reused or done."""

from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.plan.reasons import Line, changes, explain_step
from pipeline_lib.run.work import Job, Step, Work, execute
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace

SETTINGS = {"rules": {"min_words.v1": {"at_least": 50}}, "languages": ["en"]}


def _make(*, store: Store, folder: Path, **_: Any) -> Outcome:
    (folder / "data.txt").write_text("made")
    return Outcome(1, 1)


def _work(name: str, **changed: Any) -> Work:
    given = {"version": 1, "settings": SETTINGS, "inputs": ("a",)} | changed
    return Work("clean", given["version"], "batch", name, "x.v1", given["settings"], given["inputs"], _make)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace in which the step was done once, as fingerprint "first"."""
    made = Workspace(tmp_path)
    execute(Job(_work("first"), made.store.root))
    made.save_last("clean-0001-docs", ["first"])
    return made


def _line(workspace: Workspace, work: Work) -> Line:
    return explain_step(Step("clean", "0001-docs", (), work), workspace)[0]


def test_what_is_there_is_reused(workspace: Workspace) -> None:
    line = _line(workspace, _work("first"))
    assert (line.action, line.reason) == ("reuse", "nothing changed")


def test_a_changed_setting_is_named_with_both_values(workspace: Workspace) -> None:
    changed = {"rules": {"min_words.v1": {"at_least": 40}}, "languages": ["en"]}
    line = _line(workspace, _work("second", settings=changed))
    assert (line.action, line.reason) == ("work", "settings changed: rules.min_words.v1.at_least 50 -> 40")
    assert line.last_seconds is not None  # what it took as "first"


def test_a_changed_version_comes_before_changed_settings(workspace: Workspace) -> None:
    assert _line(workspace, _work("second", version=2, settings={})).reason == "version changed: 1 -> 2"


def test_the_same_settings_over_another_input(workspace: Workspace) -> None:
    assert _line(workspace, _work("second", inputs=("b",))).reason == "input changed"


def test_a_deleted_a_damaged_and_a_new_artifact_are_told_apart(workspace: Workspace) -> None:
    assert explain_step(Step("clean", "0002-docs", (), _work("other")), workspace)[0].reason == "new"
    data = workspace.store.path("clean", "first") / "data.txt"
    data.write_text("MADE")
    assert _line(workspace, _work("first")).reason == "damaged: data.txt"
    for path in data.parent.iterdir():
        path.unlink()
    assert _line(workspace, _work("first")).reason == "deleted"


def test_fingerprints_in_settings_are_not_shown_to_people(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    before = {"train": {"seed": 1}, "lineage": "a" * 32, "batches": ["b" * 32], "on": {"new": ["c" * 32]}}
    execute(Job(_work("first", settings=before), workspace.store.root))
    workspace.save_last("clean-0001-docs", ["first"])
    other_text = before | {"batches": [], "on": {}}
    assert _line(workspace, _work("x", settings=other_text)).reason == "input changed"
    assert "from scratch" in _line(workspace, _work("x", settings=other_text | {"lineage": "d" * 32})).reason
    assert _line(workspace, _work("x", settings=other_text | {"train": {"seed": 2}})).reason == (
        "settings changed: train.seed 1 -> 2"
    )


def test_long_values_are_cut_and_many_changes_are_counted(workspace: Workspace) -> None:
    assert list(changes({"a": "x" * 90}, {"a": None})) == [f"a {'x' * 37}... -> None"]
    line = _line(workspace, _work("second", settings={"a": 1, "b": 2, "c": 3}))
    assert line.reason == "settings changed: a None -> 1, b None -> 2, c None -> 3 and 2 more"
