"""Whole nights by `nightshift run`, one after the other: what was planned is what was made, and no more than is new."""

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from pipeline_lib.plan.data import plan_sealed_data
from pipeline_lib.plan.models import plan_models
from pipeline_lib.plan.night import NightPlan, plan_night
from pipeline_lib.plan.reasons import Line
from pipeline_lib.register.registry import CHAMPION, version_by_alias
from pipeline_lib.register.stage import registry_of
from pipeline_lib.run.work import missing
from pipeline_lib.store.files import sha256_of
from pipeline_lib.store.local import Store
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


def foresee(house: House) -> NightPlan:
    return plan_night(tiny_settings(house.workspace, house.corpus), Workspace(house.workspace))


def whole_night(house: House) -> Mapping[str, Line]:
    """A night, whose plan must say exactly what is then made: its lines by "stage/fingerprint"."""
    foreseen = {f"{line.stage}/{line.fingerprint}": line for step in foresee(house).steps for line in step.work}
    before = sealed_at(house.workspace)
    ended = run_night(house.workspace, house.corpus)
    assert ended.status == 0, ended.err
    assert {name for name, _ in sealed_at(house.workspace).items() - before.items()} == foreseen.keys()
    return foreseen


def task_runs(house: House) -> dict[str, tuple[str, str]]:
    """(name, state) of all task runs of stages that Prefect knows of, by id."""
    with sqlite3.connect(house.workspace / "prefect" / "prefect.db") as database:
        rows = database.execute("select id, name, state_name from task_run").fetchall()
    return {run: (name, state) for run, name, state in rows if name.split()[0] in STAGES}


def test_a_night_with_nothing_new_is_all_cached_and_touches_nothing(house: House) -> None:
    assert foresee(house).is_nothing_new
    folders = {path: path.stat().st_mtime_ns for path in (house.workspace / "artifacts").rglob("*")}
    runs_before = task_runs(house)
    assert whole_night(house) == {}
    assert {path: path.stat().st_mtime_ns for path in (house.workspace / "artifacts").rglob("*")} == folders
    runs = [run for key, run in task_runs(house).items() if key not in runs_before]
    assert {state for _, state in runs} == {"Cached"}
    assert {name.split()[0] for name, _ in runs} == set(STAGES)


def test_new_documents_cost_their_batch_and_one_more_training_on_the_trunk(house: House) -> None:
    [first] = of_stage(house, "train")
    write_lines(house.corpus / "more.jsonl", {f"more-{n}": english(800 + n) for n in range(4)})
    made = whole_night(house)
    assert {line.label for line in made.values() if line.stage in STAGES[:4]} == {"0002-docs"}
    models = {(line.stage, line.label) for line in made.values() if line.stage in STAGES[5:]}
    assert models == {
        ("train", "model"),
        ("evaluate", "challenger"),
        ("evaluate", "challenger-int8"),
        ("evaluate", "champion"),
        ("quantize", "challenger"),
        ("register", "challenger"),
        ("register", "gate"),
    }
    [second] = [name for name in of_stage(house, "train") if name != first]
    on = artifacts(house.workspace)[f"train/{second}"].settings["on"]
    batches = Workspace(house.workspace).batches()
    store = Store(house.workspace / "artifacts")
    assert on["trunk"] == first
    assert len(on["new"]) == len(store.read("ingest", batches[1].fingerprint).shards) == 1
    assert foresee(house).is_nothing_new
    again = run_night(house.workspace, house.corpus)
    assert "champion until then (version 1)" in again.out  # what it was judged against is shown on later nights too


def of_stage(house: House, stage: str) -> list[str]:
    return [manifest.fingerprint for manifest in artifacts(house.workspace).values() if manifest.stage == stage]


def test_lost_and_damaged_artifacts_of_every_stage_are_rebuilt_as_they_were(house: House) -> None:
    before = artifacts(house.workspace)
    picked = {
        "damaged": [
            first(house, "ingest", "documents.v1"), first(house, "dedup", "documents.v1", kind="batch"),
            first(house, "tokenize", "tokenizer.v1"), first(house, "evaluate", "scores.v1"),
            first(house, "register", "version.v1"),
        ],
        "deleted": [
            first(house, "clean", "documents.v1"), first(house, "scrub", "documents.v1"),
            first(house, "train", "model.v1"), first(house, "quantize", "quantized.v1"),
            first(house, "register", "gate.v1"),
        ],
    }  # fmt: skip
    scores = Path("artifacts") / picked["damaged"][3] / "scores.json"
    scores_before = sha256_of(house.workspace / scores)
    for name in picked["damaged"]:
        damage(house.workspace / "artifacts" / name)
    for name in picked["deleted"]:
        shutil.rmtree(house.workspace / "artifacts" / name)
    made = whole_night(house)
    assert {name: line.reason.split(":")[0] for name, line in made.items()} == {
        name: reason for reason, names in picked.items() for name in names
    }
    after = artifacts(house.workspace)
    timed = {name for name, manifest in before.items() if manifest.stage == "evaluate"}  # tokens per second
    assert {name: m.digest for name, m in after.items() if name not in timed} == {
        name: m.digest for name, m in before.items() if name not in timed
    }
    assert sha256_of(house.workspace / scores) == scores_before


def test_a_model_store_that_was_lost_gets_its_version_and_champion_back(house: House) -> None:
    (house.workspace / "mlflow.db").unlink()
    made = whole_night(house)
    reasons = {line.stage: line.reason for line in made.values()}
    assert reasons == {"register": "lost: MLflow has no version 1 of nightshift-tiny"}
    registry = registry_of(tiny_settings(house.workspace, house.corpus).register, house.workspace)
    champion = version_by_alias(registry, CHAMPION)
    assert champion is not None
    assert [champion.model_fingerprint] == of_stage(house, "train")
    assert foresee(house).is_nothing_new


def first(house: House, stage: str, schema: str, *, kind: str | None = None) -> str:
    """The name of the first artifact of that stage and schema."""
    return next(
        name
        for name, manifest in artifacts(house.workspace).items()
        if (manifest.stage, manifest.schema) == (stage, schema) and kind in (None, manifest.kind)
    )


def test_documents_that_leave_are_no_reason_to_train(house: House) -> None:
    (house.corpus / "note_104.txt").unlink()
    assert not {line.stage for step in foresee(house).steps for line in step.work} & set(STAGES[5:])
    assert is_trained(house)


def test_when_no_new_document_survives_the_model_stands_as_the_plan_said_it_might(house: House) -> None:
    write_lines(house.corpus / "again.jsonl", {"same": english(101)})
    conditions = {step.step.stage: step.step.condition for step in foresee(house).steps if step.work}
    assert {conditions[stage] for stage in STAGES[5:]} == {"unless nothing new survives"}
    assert {conditions[stage] for stage in STAGES[:5]} == {""}
    assert is_trained(house)


def is_trained(house: House) -> bool:
    """Whether a refresh leads to a snapshot whose model is there."""
    settings = tiny_settings(house.workspace, house.corpus)
    refresh(settings)
    workspace = Workspace(house.workspace)
    models = plan_models(settings, workspace, plan_sealed_data(settings, workspace))
    return not any(missing(step, workspace.store) for (step,) in models.stages)
