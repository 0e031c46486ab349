"""Why plan says that work is reused or done."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_lib.base.settings import StageSettings
from pipeline_lib.plan.reasons import Line, changes, explain
from pipeline_lib.run.execute import execute
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.run.step import Step
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.workspace import Workspace


class Rules(StageSettings):
    """What the maker reads."""

    at_least: int = 50
    language: str | None = "en"


def _make(_settings: Rules, _inputs: Inputs, folder: Path) -> Outcome:
    (folder / "data.txt").write_text("made")
    return Outcome(1, 1)


TEXT = Maker("clean.text", 1, "text.v1", _make, reads=("at_least", "language"))
JUDGE = Maker("clean.judge", 1, "ledger.v1", _make, reads=("at_least", "language"))


def _text(**settings: object) -> Work:
    return Work(TEXT, Rules.model_validate(settings), name="text")


def _judge(text: Work, **more: object) -> Work:
    return Work(JUDGE, Rules(), {"text": text.ref}, more, name="judgement")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace in which text and judgement of a batch were made once."""
    made = Workspace(tmp_path)
    works = (_text(), _judge(_text()))
    for work in works:
        execute(work, tmp_path)
    made.save_last("clean-0001-docs", [f"{work.maker.name} {work.fingerprint}" for work in works])
    return made


def _lines(workspace: Workspace, *works: Work, label: str = "0001-docs") -> list[Line]:
    """The lines of a step of which all is wanted."""
    step = Step("clean", label, (), works, works[-1], todo=frozenset(work.ref for work in works))
    [(_, lines)] = explain([step], {work.ref: work for work in works}, workspace)
    return lines


def _reasons(workspace: Workspace, *works: Work) -> list[str]:
    return [line.reason for line in _lines(workspace, *works)]


def test_what_is_there_is_reused(workspace: Workspace) -> None:
    [line] = _lines(workspace, _text())
    assert (line.action, line.reason) == ("reuse", "nothing changed")
    assert line.last_seconds is not None


def test_what_is_gone_and_not_wanted_is_not_needed(workspace: Workspace) -> None:
    step = Step("clean", "0001-docs", (), (_text(at_least=1),), _text(at_least=1))
    [(_, [line])] = explain([step], {}, workspace)
    assert (line.action, line.reason) == ("reuse", "not needed: what follows from it is whole")


def test_a_changed_setting_is_named_with_both_values_and_so_is_what_follows_from_it(workspace: Workspace) -> None:
    text = _text(at_least=40)
    lines = _lines(workspace, text, _judge(text))
    assert {line.action for line in lines} == {"work"}
    assert [line.reason for line in lines] == ["at_least 50 -> 40", "clean.text: at_least 50 -> 40"]
    assert all(line.last_seconds is not None for line in lines)  # what they took with the old one


def test_a_changed_version_comes_before_changed_settings(workspace: Workspace) -> None:
    later = replace(_text(at_least=40), maker=replace(TEXT, version=2))
    assert _reasons(workspace, later) == ["version 1 -> 2 (this release)"]


def test_parameters_follow_from_inputs_so_they_are_named_only_where_no_input_is_another(workspace: Workspace) -> None:
    text = _text(language="zh")
    assert _reasons(workspace, text, _judge(text, first=3))[1] == "clean.text: language en -> zh"
    assert _reasons(workspace, _judge(_text(), first=3)) == ["first off -> 3"]
    elsewhere = replace(_judge(_text()), inputs={"text": Ref("clean", "0" * 32)})
    assert _reasons(workspace, elsewhere) == ["another input"]
    assert _reasons(workspace, replace(_judge(_text()), inputs={})) == ["fewer inputs"]


def test_a_deleted_a_damaged_a_lost_and_a_new_artifact_are_told_apart(workspace: Workspace) -> None:
    assert [line.reason for line in _lines(workspace, _text(at_least=9), label="0002-docs")] == ["new"]
    assert _reasons(workspace, replace(_text(), lost="lost: MLflow has no version 1")) == [
        "lost: MLflow has no version 1"
    ]
    folder = workspace.store.path("clean", _text().fingerprint)
    (folder / "data.txt").write_text("MADE")
    assert _reasons(workspace, _text()) == ["damaged: data.txt"]
    shutil.rmtree(folder)
    assert _reasons(workspace, _text()) == ["deleted"]
    assert _reasons(workspace, _text(at_least=40)) == ["what stood in its place is gone"]


def test_long_values_are_cut_and_many_changes_are_counted() -> None:
    assert list(changes({"a": "x" * 90}, {"a": None})) == [f"a {'x' * 37}... -> off"]
    assert list(changes({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3, "d": 0}})) == ["a.c 2 -> 3", "a.d off -> 0"]
