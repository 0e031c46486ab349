"""Whom a challenger is held against, beside the champion: former ones of the same model, on the same benchmark."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline_lib.evaluate.stage import SCORES
from pipeline_lib.model.tracking import Place
from pipeline_lib.plan.best import former_champions, keep_best
from pipeline_lib.register.ledger import Kind, Promotion, add
from pipeline_lib.register.registry import Registry
from pipeline_lib.run.lists import list_works
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.workspace import Workspace

NAME = "nightshift-tiny"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def registry(workspace: Workspace, name: str = NAME) -> Registry:
    return Registry(Place("sqlite:///none"), name, workspace.root / "state" / "promotions", workspace.root)


def champion(workspace: Workspace, version: int, generation: int = 1) -> Step:
    """What measured it, with its scores; and the list of them, which is no score."""
    params = {"benchmark": "frozen", "generation": generation, "version": version}
    scores = Work(SCORES, params=params, name="champion on frozen")
    (listed,) = list_works("evaluate", [scores.ref], name="scores of the champion")
    for work in (scores, listed):
        with workspace.store.draft(work.ref) as draft:
            draft.seal(Outcome(1, 1, facts=params), maker=work.maker.name, version=1, schema=work.maker.schema)
    return Step("evaluate", "champion", (), (scores, listed), scores)


def keep(workspace: Workspace, version: int, *versions: int, name: str = NAME, generation: int = 1) -> Step:
    step = champion(workspace, version, generation)
    keep_best(workspace, name, f"frozen-{generation}", versions, step)
    return step


def move(workspace: Workspace, kind: Kind, version: int, previous: int | None) -> None:
    add(registry(workspace), Promotion("2026-01-01T00:00:00", NAME, version, previous, kind, ""))


def test_those_that_the_gate_names_are_kept(workspace: Workspace) -> None:
    assert former_champions(workspace, registry(workspace)) == []
    one, two = keep(workspace, 1, 1), keep(workspace, 2, 1, 2)
    assert former_champions(workspace, registry(workspace)) == [one.whole.ref, two.whole.ref]
    three = keep(workspace, 3, 2, 3)
    assert former_champions(workspace, registry(workspace)) == [two.whole.ref, three.whole.ref]


def test_another_benchmark_begins_anew_and_so_does_another_model(workspace: Workspace) -> None:
    keep(workspace, 1, 1)
    two = keep(workspace, 2, 1, 2, generation=2)
    assert former_champions(workspace, registry(workspace)) == [two.whole.ref]
    assert former_champions(workspace, registry(workspace, "another")) == []
    other = keep(workspace, 1, 1, 2, name="another", generation=2)
    assert former_champions(workspace, registry(workspace, "another")) == [other.whole.ref]


def test_one_that_was_rolled_back_is_no_measure_until_it_is_promoted_again(workspace: Workspace) -> None:
    one, two = keep(workspace, 1, 1), keep(workspace, 2, 1, 2)
    move(workspace, "promote", 1, None)
    move(workspace, "promote", 2, 1)
    move(workspace, "rollback", 1, 2)
    assert former_champions(workspace, registry(workspace)) == [one.whole.ref]
    move(workspace, "promote", 2, 1)
    assert former_champions(workspace, registry(workspace)) == [one.whole.ref, two.whole.ref]


def test_scores_that_are_gone_are_not_asked_for(workspace: Workspace) -> None:
    one, two = keep(workspace, 1, 1), keep(workspace, 2, 1, 2)
    workspace.store.path("evaluate", one.whole.fingerprint).rename(workspace.root / "away")
    assert former_champions(workspace, registry(workspace)) == [two.whole.ref]


def test_those_of_an_earlier_release_which_did_not_name_the_model_count_on(workspace: Workspace) -> None:
    """The pin lay there without a name and without a seal: a night that refuses it stops all later ones."""
    one = keep(workspace, 1, 1)
    path = workspace.state / "pins" / "best.json"
    path.write_text(json.dumps({"benchmark": "frozen-1", "scores": {"1": asdict(one.whole.ref)}}))
    assert former_champions(workspace, registry(workspace)) == [one.whole.ref]
    two = keep(workspace, 2, 1, 2)
    assert former_champions(workspace, registry(workspace)) == [one.whole.ref, two.whole.ref]
    assert former_champions(workspace, registry(workspace, "another")) == []
