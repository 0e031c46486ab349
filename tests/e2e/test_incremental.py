"""Whole nights by `nightshift run`, one after the other: what was planned is what was made, and no more than is new."""

import shutil
import sqlite3
from collections.abc import Mapping

from pipeline_lib.plan.night import NightPlan, plan_night
from pipeline_lib.plan.reasons import Line
from pipeline_lib.register.registry import CHAMPION, version_by_alias
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.store.addresses import MLFLOW, MLFLOW_COPY
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import (
    House,
    artifacts,
    damage,
    english,
    refresh,
    run_night,
    sealed_at,
    tiny_settings,
    write_lines,
)

STAGES = ("ingest", "clean", "dedup", "scrub", "tokenize", "train", "evaluate", "quantize", "register")
SCHEME = "onnx_int8_dynamic.v1"
SCAN = "scan/docs.json"


def foresee(house: House) -> NightPlan:
    return plan_night(tiny_settings(house.workspace, house.corpus), Workspace(house.workspace))


def whole_night(house: House) -> Mapping[str, Line]:
    """A night, whose plan must say exactly what is then made: its lines by "stage/fingerprint".

    While text is still to come nobody knows where in it a training begins, so what follows from that is known by its
    place alone: "train/model".
    """
    lines = [(step.step.condition, line) for step in foresee(house).steps for line in step.work]
    foreseen = {_name(line, condition): line for condition, line in lines}
    before = sealed_at(house.workspace)
    ended = run_night(house.workspace, house.corpus)
    assert ended.status == 0, ended.err
    made = sealed_at(house.workspace).items() - before.items()
    exact = {name for name, line in foreseen.items() if name.endswith(line.fingerprint)}
    assert exact <= {name for name, _ in made}
    assert len(made) == len(lines), {name for name, _ in made} ^ exact
    assert foresee(house).is_nothing_new
    return foreseen


def _name(line: Line, condition: str) -> str:
    return f"{line.stage}/{line.label}: {line.name}" if condition else f"{line.stage}/{line.fingerprint}"


def task_runs(house: House) -> dict[str, tuple[str, str]]:
    """(name, state) of all task runs of stages that Prefect knows of, by id."""
    with sqlite3.connect(house.workspace / "prefect" / "prefect.db") as database:
        rows = database.execute("select id, name, state_name from task_run").fetchall()
    return {run: (name, state) for run, name, state in rows if name.split()[0] in STAGES}


def _written(house: House) -> set[tuple[str, int]]:
    """All that is kept, and when it was written: the artifacts, and what is in `state`.

    But the lock, which says who works, and the times of the source's files, which are others in a copy.
    """
    artifacts, state = (house.workspace / "artifacts").rglob("*"), house.workspace / "state"
    states = (path for path in state.rglob("*") if path.is_file() and path not in (state / "lock", state / SCAN))
    return {(str(path.relative_to(house.workspace)), path.stat().st_mtime_ns) for path in (*artifacts, *states)}


def test_a_night_with_nothing_new_is_all_cached_and_leaves_nothing_but_a_record_of_itself(house: House) -> None:
    assert foresee(house).is_nothing_new
    before, runs_before = _written(house), task_runs(house)
    assert whole_night(house) == {}
    after = _written(house)
    (left,) = {name for name, _ in after} ^ {name for name, _ in before}
    assert left.rpartition("/")[0] == "state/runs"
    touched = {name.rpartition("/")[0] for name, _ in after ^ before if name != left}
    assert touched == {"state/closed"}  # whose time says when a night saw them last
    runs = [run for key, run in task_runs(house).items() if key not in runs_before]
    assert {state for _, state in runs} == {"Cached"}
    assert {name.split()[0] for name, _ in runs} == set(STAGES)
    assert ("clean 1 earlier batch", "Cached") in runs


def test_new_documents_cost_their_batch_and_one_more_training_on_the_trunk(house: House) -> None:
    first = made_by(house, "train.model")
    write_lines(house.corpus / "more.jsonl", {f"more-{n}": english(800 + n) for n in range(4)})
    lines = list(whole_night(house).values())
    assert {line.label for line in lines if line.stage in STAGES[:4]} == {"0002-docs"}
    assert {(line.stage, line.label) for line in lines if line.stage in STAGES[5:]} == {
        ("evaluate", "benchmarks"),
        ("train", "model"),
        ("evaluate", "challenger"),
        ("evaluate", SCHEME),
        ("evaluate", "champion"),
        ("quantize", SCHEME),
        ("register", "challenger"),
        ("register", "gate"),
    }
    [second] = made_by(house, "train.model").keys() - first.keys()
    assert f"train/{artifacts(house.workspace)[second].inputs['trunk'].fingerprint}" in first
    again = run_night(house.workspace, house.corpus)
    assert "champion until then (version 1)" in again.out  # what it was judged against is shown on later nights too


def made_by(house: House, maker: str) -> dict[str, Manifest]:
    """The artifacts of a maker, by "stage/fingerprint"."""
    return {name: manifest for name, manifest in artifacts(house.workspace).items() if manifest.maker == maker}


def test_lost_and_damaged_artifacts_are_rebuilt_as_they_were_where_something_needs_them(house: House) -> None:
    """The plan names what it sees without opening it; what is found on opening is mended in the same night."""
    before = artifacts(house.workspace)
    picked = {
        "damaged": ["tokenize.encode", "tokenize.learn", "evaluate.scores", "register.version"],
        "deleted": ["train.model", "quantize.variant", "register.gate"],
    }
    names = {maker: first(house, maker) for makers in picked.values() for maker in makers}
    for maker in picked["damaged"]:
        damage(house.workspace / "artifacts" / names[maker])
    for maker in picked["deleted"]:
        shutil.rmtree(house.workspace / "artifacts" / names[maker])
    foreseen = {line.reason for step in foresee(house).steps for line in step.work}
    files = ("tokenizer.json", "registered.json", "per_document.parquet")
    assert foreseen == {"deleted", *(f"damaged: {file}" for file in files)}
    sealed = sealed_at(house.workspace)
    ended = run_night(house.workspace, house.corpus)
    assert ended.status == 0, ended.err
    assert {name for name, _ in sealed_at(house.workspace).items() - sealed.items()} == set(names.values())
    assert foresee(house).is_nothing_new
    after = artifacts(house.workspace)
    timed = {name for name in before if name.startswith("evaluate/")}  # tokens per second
    others = {*timed, names["register.gate"]}  # the model that it judges is the champion by now
    assert {name: m.digest for name, m in after.items() if name not in others} == {
        name: m.digest for name, m in before.items() if name not in others
    }
    assert after[names["register.gate"]].facts["reason"].startswith("accepted: the model in service")


def first(house: House, maker: str) -> str:
    """The name of the first artifact of a maker."""
    return next(iter(made_by(house, maker)))


def test_a_model_store_that_was_lost_gets_its_version_and_champion_back(house: House) -> None:
    for database in (MLFLOW, MLFLOW_COPY):
        (house.workspace / database).unlink()
    reasons = {line.name: line.reason for line in whole_night(house).values()}
    assert reasons == dict.fromkeys(("version", "gate"), "lost: MLflow has no version 1 of nightshift-tiny")
    settings = tiny_settings(house.workspace, house.corpus).of(RegisterSettings)
    champion = version_by_alias(registry_of(settings, house.workspace), CHAMPION)
    assert champion is not None
    assert f"train/{champion.model_fingerprint}" in made_by(house, "train.model")


def test_documents_that_leave_are_no_reason_to_train(house: House) -> None:
    (house.corpus / "note_104.txt").unlink()
    assert "train" not in {line.stage for step in foresee(house).steps for line in step.work if not step.step.condition}
    assert is_trained(house)


def test_when_no_new_document_survives_the_model_stands_as_the_plan_said_it_might(house: House) -> None:
    write_lines(house.corpus / "again.jsonl", {"same": english(101)})
    conditions = {(step.step.stage, step.step.label): step.step.condition for step in foresee(house).steps if step.work}
    judging = {place for place in conditions if place[0] in STAGES[5:] and place != ("evaluate", "benchmarks")}
    assert {stage for stage, _ in judging} == {"train", "evaluate", "quantize", "register"}
    assert {conditions[place] for place in judging} == {"unless nothing new survives"}
    assert {condition for place, condition in conditions.items() if place not in judging} == {""}
    assert is_trained(house)


def is_trained(house: House) -> bool:
    """Whether a refresh leads to a snapshot whose model is there, and judged."""
    settings, workspace = tiny_settings(house.workspace, house.corpus), Workspace(house.workspace)
    refresh(settings)
    return not any(step.work for step in plan_night(settings, workspace).steps if step.step.stage == "train")
