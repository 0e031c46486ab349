"""`nightshift ablate`: a trial that ends with an answer, goes on after a kill, and leaves nights as they are."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import pytest

from flows.cli import main
from pipeline_lib.keep.outlook import TRIALS, look, sweep
from pipeline_lib.plan.night import plan_night
from pipeline_lib.store.ablations import held, place_in
from pipeline_lib.store.local import VERIFIED
from pipeline_lib.store.workspace import Workspace
from tests.model_nights import FAST, any_night, in_this_process
from tests.tiny_night import House, InlineEngine, arguments, artifacts, nightshift, tiny_settings

STEP = "dedup.near"
SMALL = ("--num-steps", "12", "--seeds", "2")
Captured = pytest.CaptureFixture[str]


class Inline(InlineEngine):
    """Does the works of a trial in this process: loading what they need takes longer than they do."""

    def __init__(self, workers: int) -> None:
        assert workers > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


def call(house: House, *words: str) -> int:
    """The command in this process, with trainings in it too."""
    with in_this_process(), patch("flows.ablate.Engine", Inline), pytest.raises(SystemExit) as left:
        main(["ablate", *words, *arguments(house.workspace, house.corpus, **FAST)])
    return int(left.value.code or 0)


def told(house: House, captured: Captured, *words: str) -> dict[str, Any]:
    captured.readouterr()
    assert call(house, *words, "--json") == 0
    found: dict[str, Any] = json.loads(captured.readouterr().out)
    return found


def contents(root: Path) -> dict[str, str]:
    """The digest of each file of a workspace but those of trials, and of what only says that a file was looked at."""
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(root)}


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) != place_in(root)]
        yield from (Path(folder, name) for name in files if name != VERIFIED)


def test_a_trial_answers_and_leaves_the_workspace_and_its_nights_as_they_were(
    judged_house: House, capsys: Captured
) -> None:
    settings = tiny_settings(judged_house.workspace, judged_house.corpus, **FAST)
    planned = [(step.step.key, len(step.work)) for step in plan_night(settings, Workspace(settings.workspace)).steps]
    before = contents(judged_house.workspace)  # a plan keeps digests of files

    said = told(judged_house, capsys, "--step", STEP, *SMALL)

    assert said["texts"]["with"]["num_documents"] < said["texts"]["without"]["num_documents"]
    assert said["texts"]["control"]["num_documents"] == said["texts"]["with"]["num_documents"]
    assert {arm: len(bits) for arm, bits in said["worth"]["bits_per_byte"].items()} == {
        "with": 2, "without": 2, "control": 2,
    }  # fmt: skip
    assert said["worth"]["verdict"] in ("helps", "harms", "cannot be told")
    effect = said["worth"]["effects"][0]
    assert effect["low"] < effect["share"] < effect["high"] and effect["num_documents"] > 0
    assert contents(judged_house.workspace) == before
    again = [(step.step.key, len(step.work)) for step in plan_night(settings, Workspace(settings.workspace)).steps]
    assert again == planned
    assert any_night(settings).made == frozenset()  # all of it stands, and nothing is new


def test_a_trial_that_was_made_is_there_the_next_time_and_one_seed_more_costs_its_own_trainings(
    judged_house: House, capsys: Captured
) -> None:
    first = told(judged_house, capsys, "--step", STEP, *SMALL)
    made = artifacts(place_in(judged_house.workspace))
    assert told(judged_house, capsys, "--step", STEP, *SMALL) == first
    assert artifacts(place_in(judged_house.workspace)).keys() == made.keys()
    more = told(judged_house, capsys, "--step", STEP, "--num-steps", "12", "--seeds", "3")
    new = artifacts(place_in(judged_house.workspace)).keys() - made.keys()
    makers = sorted(artifacts(place_in(judged_house.workspace))[name].maker for name in new)
    assert makers == ["ablate.control", *["evaluate.scores"] * 3, *["train.model"] * 3]
    assert more["worth"]["bits_per_byte"]["with"][:2] == first["worth"]["bits_per_byte"]["with"]


def test_a_killed_trial_goes_on_and_comes_to_the_same(judged_house: House, capsys: Captured) -> None:
    words = [
        "ablate",
        "--step",
        STEP,
        *SMALL,
        "--json",
        *arguments(judged_house.workspace, judged_house.corpus, **FAST),
    ]
    ended = nightshift(*words, NIGHTSHIFT_FAIL="train:before_rename:2")
    assert ended.status < 0
    trained = [one for one in artifacts(place_in(judged_house.workspace)).values() if one.maker == "train.model"]
    kept = {one.fingerprint: one.created for one in trained}
    assert len(kept) == 1
    said = told(judged_house, capsys, "--step", STEP, *SMALL)
    there = artifacts(place_in(judged_house.workspace))
    assert {name: there[f"train/{name}"].created for name in kept} == kept
    assert said["worth"] is not None


def test_a_step_that_changes_nothing_trains_nothing(judged_house: House, capsys: Captured) -> None:
    said = told(judged_house, capsys, "--step", "max_lorem_ipsum.v1", *SMALL)
    assert said["worth"] is None
    made = {one.maker for one in artifacts(place_in(judged_house.workspace)).values()}
    assert not made & {"train.model", "ablate.control"}
    assert call(judged_house, "--step", "max_lorem_ipsum.v1", *SMALL) == 0
    assert "max_lorem_ipsum.v1 changes nothing in this text: nothing was trained" in capsys.readouterr().out


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(judged_house: House, capsys: Captured) -> None:
    before = contents(judged_house.workspace)
    said = told(judged_house, capsys, "--step", "rules", *SMALL, "--dry-run")
    assert said["works"]["clean.judge"] > 0 and "clean.text" not in said["works"]
    assert said["num_trainings"] == 6 and said["training_seconds"] > 0
    assert contents(judged_house.workspace) == before and not place_in(judged_house.workspace).exists()


def test_gc_removes_trials_once_they_are_old_and_none_that_is_at_work(judged_house: House, capsys: Captured) -> None:
    assert call(judged_house, "--step", "max_lorem_ipsum.v1", *SMALL) == 0
    settings = tiny_settings(judged_house.workspace, judged_house.corpus, **FAST)
    workspace = Workspace(settings.workspace)
    used = (place_in(workspace.root) / "lock").stat().st_mtime
    assert [one.kind for one in look(settings, workspace, now=used + 60).waits] == [TRIALS]
    late = look(settings, workspace, now=used + 8 * 86_400)
    assert TRIALS in [one.kind for one in late.goes]
    before = contents(workspace.root)
    with held(workspace.root):
        sweep(late, settings, workspace)
        assert place_in(workspace.root).is_dir()
    sweep(late, settings, workspace)
    assert not place_in(workspace.root).exists()
    assert {name for name in before if name.startswith("artifacts/")} <= contents(workspace.root).keys()


def test_what_is_forgotten_leaves_no_trial(judged_house: House, capsys: Captured) -> None:
    assert call(judged_house, "--step", STEP, *SMALL) == 0
    settings = arguments(judged_house.workspace, judged_house.corpus, **FAST)
    with pytest.raises(SystemExit) as left:
        main(["forget", "note_100.txt", "--now", "--yes", *settings])
    assert (left.value.code or 0) == 0, capsys.readouterr().err
    assert not place_in(judged_house.workspace).exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--step", "min_word.v1"), "there is no step 'min_word.v1'. Did you mean min_words.v1?"),
        (("--step", "own_lines.v1"), "clean.boilerplate_lines is empty"),
        ((), "Missing option '--step'"),
        (("--step", STEP, "--num-steps", "100000"), "Lower --num-steps"),
    ],
)
def test_a_wrong_call_says_what_helps(judged_house: House, words: tuple[str, ...], said: str, capsys: Captured) -> None:
    assert call(judged_house, *words) == 2
    assert said in capsys.readouterr().err


def test_without_a_night_there_is_nothing_to_judge_on(first_night: House, home: House, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        main(["ablate", "--step", STEP, *arguments(home.workspace, home.corpus, tokenize__generation="7")])
    assert left.value.code == 3
    assert "Run nightshift run first, with the same settings." in capsys.readouterr().err
