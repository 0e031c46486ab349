"""`nightshift plan` as people and programs read it, over real plans."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from flows.show.plan import show_plan, what_of
from pipeline_lib.clean.stage import TEXT
from pipeline_lib.plan.data import DataPlan, plan_data
from pipeline_lib.plan.night import NightPlan, StepLines, notes_of, passed_over_of
from pipeline_lib.plan.reasons import Line, explain
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.unit.flows.conftest import Nights

Captured = pytest.CaptureFixture[str]


def _night(data: DataPlan, workspace: Workspace) -> NightPlan:
    """The data half as a night."""
    steps = [step for _, of_stage in data.stages for step in of_stage]
    lines = tuple(StepLines(step, tuple(found)) for step, found in explain(steps, data.graph, workspace))
    notes = tuple(notes_of(data, workspace.store))
    return NightPlan(data.changes, notes, data.found.closed.count, passed_over_of(data), lines)


def _plan(settings: Settings) -> NightPlan:
    workspace = Workspace(settings.workspace.resolve())
    return _night(plan_data(settings, workspace), workspace)


def _page(plan: NightPlan, captured: Captured, *, all_shards: bool = False) -> list[str]:
    captured.readouterr()
    show_plan(plan, all_shards=all_shards, as_json=False)
    return captured.readouterr().out.split("\n")


def _rows(page: list[str], stage: str) -> list[list[str]]:
    """The columns of the lines of a stage."""
    return [re.split(r"  +", line.strip()) for line in page if line.startswith(f"{stage} ")]


def test_nothing_new_is_said_in_few_lines_whatever_the_number_of_nights(nights: Nights, capsys: Captured) -> None:
    page = _page(_plan(nights.settings()), capsys)
    assert "closed       2 batches of earlier nights: nobody looks at them" in page
    assert "Nothing new: all that is wanted is there, and nothing would be trained." in page
    assert not [line for line in page if " work " in line]
    assert len(page) < 12


def test_files_that_no_reader_takes_are_a_line_with_examples(nights: Nights, capsys: Captured) -> None:
    page = _page(_plan(nights.settings()), capsys)
    assert "passed over  docs: 3 files are not read: .png 2 (report.png), no suffix 1 (LICENSE)" in page


def test_a_first_night_names_what_is_made_of_all_shards_on_one_line_a_batch(
    nights: Nights, capsys: Captured, tmp_path: Path
) -> None:
    plan = _plan(nights.settings(tmp_path))
    page = _page(plan, capsys)
    assert page[0] == "new          docs: 24 files new"
    num_shards = next(len(step.step.chains) for step in plan.steps if step.step.stage == "scrub")
    assert num_shards > 2
    every = f"shards 0-{num_shards - 1}"
    assert _rows(page, "ingest") == [["ingest", "0001-docs", f"{every}; plan, batch", "work", "new"]]
    assert _rows(page, "clean") == [["clean", "0001-docs", f"{every}: text, signals, terms, judgement", "work", "new"]]
    assert _rows(page, "dedup") == [["dedup", "0001-docs", f"{every}: sketch; decisions", "work", "new"]]
    assert _rows(page, "scrub") == [["scrub", "0001-docs", every, "work", "new"]]


def test_a_moved_limit_is_named_and_text_signals_and_terms_are_reused(nights: Nights, capsys: Captured) -> None:
    page = _page(_plan(nights.settings(**{"clean.rules.min_words.v1.at_least": "40"})), capsys)
    text, judged = (row for row in _rows(page, "clean") if row[1] == "0001-docs")
    assert re.fullmatch(r"shards 0-\d+: text, signals, terms", text[2])
    assert text[3:5] == ["reuse", "nothing changed"]
    assert re.fullmatch(r"shards 0-\d+: judgement", judged[2])
    assert judged[3:5] == ["work", "rules.min_words.v1.at_least 50 -> 40"]
    scrub = [row for row in _rows(page, "scrub") if row[1] == "0001-docs"]
    assert [row[3:5] for row in scrub] == [["work", "clean.judge: rules.min_words.v1.at_least 50 -> 40"]]
    assert re.search(r"^\d+ of \d+ artifacts to make; the same took .* last time\. Do it: nightshift run$", page[-2])


def test_all_shows_a_line_for_each_artifact_lists_too(nights: Nights, capsys: Captured, tmp_path: Path) -> None:
    plan = _plan(nights.settings(tmp_path))
    page = _page(plan, capsys, all_shards=True)
    names = {line.name for step in plan.steps for line in step.lines}
    assert {"judgements", "shard 1: signals"} <= names
    assert len([line for line in page if " work " in line]) == sum(len(step.lines) for step in plan.steps)


def test_json_has_each_artifact_with_maker_name_fate_and_reason(
    nights: Nights, capsys: Captured, tmp_path: Path
) -> None:
    plan = _plan(nights.settings(tmp_path))
    capsys.readouterr()
    show_plan(plan, all_shards=False, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {
        *("changes", "notes", "passed_over", "num_closed", "is_nothing_new", "num_artifacts", "num_to_make"),
        *("last_seconds", "steps", "asked_first"),
    }
    assert (said["changes"], said["num_closed"], said["is_nothing_new"]) == (["docs: 24 files new"], 0, False)
    assert said["passed_over"]["docs"][".png"] == {"num_files": 2, "example": "report.png"}
    artifacts = [artifact for step in said["steps"] for artifact in step["artifacts"]]
    assert (len(artifacts), said["num_artifacts"], said["num_to_make"]) == (said["num_artifacts"],) + (
        len(artifacts),
    ) * 2
    first = next(step for step in said["steps"] if step["stage"] == "clean")
    assert (first["label"], first["condition"]) == ("0001-docs", "")
    artifact = first["artifacts"][0]
    assert len(artifact.pop("fingerprint")) == 32
    assert artifact == {
        "maker": f"clean.text@{TEXT.version}",
        "name": "shard 0: text",
        "action": "work",
        "reason": "new",
        "last_seconds": None,
    }


def test_notes_stand_above_and_a_condition_beside_its_reason(nights: Nights, capsys: Captured, tmp_path: Path) -> None:
    plan = _plan(nights.settings(tmp_path))
    step = plan.steps[0]
    named = replace(step, step=replace(step.step, condition="unless nothing new survives"))
    page = _page(replace(plan, notes=("12 batches [are] given up",), steps=(named,)), capsys)
    assert "note         12 batches [are] given up" in page
    assert _rows(page, "ingest")[0][4] == "new (unless nothing new survives)"


def test_many_reused_batches_of_a_stage_are_one_line(nights: Nights, capsys: Captured) -> None:
    plan = _plan(nights.settings(**{"clean.rules.min_words.v1.at_least": "40"}))
    sealed = next(step for step in plan.steps if step.step.stage == "ingest")
    page = _page(replace(plan, steps=(sealed,) * 5), capsys)
    assert _rows(page, "ingest") == [["ingest", "5 batches", "5 artifacts", "reuse", "nothing changed"]]


def _named(name: str) -> Line:
    return Line("clean", "0001-docs", name, "f", "work", "new", None)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["shard 0"], "shard 0"),
        (["shard 3: text", "shard 3: signals"], "shard 3: text, signals"),
        (["shard 2", "shard 0", "shard 1", "shard 5"], "shards 0-2, 5"),
        (["shard 0: text", "shard 0: terms", "shard 1: text", "shard 2: text"], "shards 0-2: text; shard 0: terms"),
        (["shard 0: sketch", "decisions", "shard 1: sketch"], "shards 0-1: sketch; decisions"),
        (["funnel", "version"], "funnel, version"),
    ],
)
def test_neighbours_are_told_as_ranges(names: list[str], expected: str) -> None:
    assert what_of([_named(name) for name in names]) == expected
