"""One stage by itself, without Prefect: the same steps of the same plan as a night."""

from collections.abc import Callable

from flows.console import ConsoleReporter
from flows.launch import check_first
from pipeline_lib.base.errors import DataError
from pipeline_lib.model.tracking import check_answers, place_of
from pipeline_lib.plan.data import DataPlan, plan_data, plan_sealed_data
from pipeline_lib.plan.judge import plan_judge
from pipeline_lib.plan.models import ModelsPlan, plan_models
from pipeline_lib.run.work import Step, missing
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.gate import judge
from tasks.night import Given, Night, open_night, with_given
from tasks.runtime import PlainRuntime
from tasks.settle import settle_batches, settle_pins
from tasks.steps import do_step, do_steps
from tasks.train import do_train

TALKS_TO_MLFLOW = ("train", "register")
BEFORE = {
    "clean": "ingest",
    "dedup": "clean",
    "scrub": "dedup",
    "tokenize": "scrub",
    "train": "tokenize",
    "evaluate": "train",
    "quantize": "train",
    "register": "quantize",
}


def run_stage(settings: Settings, stage: str) -> None:
    """Do one stage for all batches. Raises `DataError` when the stage before it has not been done."""
    workspace = Workspace(settings.workspace.resolve())
    check_first(settings, workspace)
    if stage in TALKS_TO_MLFLOW:
        check_answers(place_of(settings.register.tracking_uri, workspace.root))
    reporter = ConsoleReporter()
    with reporter, with_given(Given(reporter)), open_night(settings, stage, PlainRuntime()) as night:
        _STAGES[stage](settings, night)


def _ingest(settings: Settings, night: Night) -> None:
    documents = plan_data(settings, night.workspace).documents
    do_steps(documents.ingest, night)
    settle_batches(documents, night)


def _sealed(settings: Settings, night: Night, stage: str, needed: Callable[[DataPlan], tuple[Step, ...]]) -> DataPlan:
    """The plan over what is there, once the stage before is done for all batches."""
    plan = plan_sealed_data(settings, night.workspace)
    if not plan.documents.batches:
        raise DataError(f"{stage}: there is no batch yet. Run nightshift ingest first.")
    _check(stage, needed(plan), night)
    return plan


def _check(stage: str, before: tuple[Step, ...], night: Night) -> None:
    for step in before:
        if missing(step, night.workspace.store):
            raise DataError(f"{stage}: {step.stage} {step.label} is not done. Run nightshift {BEFORE[stage]} first.")


def _clean(settings: Settings, night: Night) -> None:
    do_steps(_sealed(settings, night, "clean", lambda plan: plan.documents.ingest).documents.clean, night)


def _dedup(settings: Settings, night: Night) -> None:
    do_steps(_sealed(settings, night, "dedup", lambda plan: plan.documents.clean).documents.dedup, night)


def _scrub(settings: Settings, night: Night) -> None:
    do_steps(_sealed(settings, night, "scrub", lambda plan: plan.documents.dedup).documents.scrub, night)


def _tokenize(settings: Settings, night: Night) -> None:
    tokens = _sealed(settings, night, "tokenize", lambda plan: plan.documents.scrub).tokens
    do_step(tokens.tokenizer, night)
    settle_pins(tokens, night)
    do_steps(tokens.tokens, night)
    do_step(tokens.snapshot, night)


def _models(settings: Settings, night: Night, stage: str) -> tuple[DataPlan, ModelsPlan]:
    data = _sealed(settings, night, stage, lambda plan: (*plan.tokens.tokens, plan.tokens.snapshot))
    return data, plan_models(settings, night.workspace, data)


def _train(settings: Settings, night: Night) -> None:
    do_train(_models(settings, night, "train")[1].train, night)


def _evaluate(settings: Settings, night: Night) -> None:
    models = _models(settings, night, "evaluate")[1]
    _check("evaluate", (models.train,), night)
    do_step(models.evaluate, night)
    if not missing(models.quantize, night.workspace.store):
        do_step(models.evaluate_int8, night)


def _quantize(settings: Settings, night: Night) -> None:
    models = _models(settings, night, "quantize")[1]
    _check("quantize", (models.train,), night)
    do_step(models.quantize, night)


def _register(settings: Settings, night: Night) -> None:
    data, models = _models(settings, night, "register")
    _check("register", (models.train, models.quantize), night)
    do_step(models.evaluate, night)
    do_step(models.evaluate_int8, night)
    verdict = judge(plan_judge(settings, night.workspace, data, models), models, night)
    ConsoleReporter().console.print(verdict.sentence)


_STAGES: dict[str, Callable[[Settings, Night], None]] = {
    "ingest": _ingest,
    "clean": _clean,
    "dedup": _dedup,
    "scrub": _scrub,
    "tokenize": _tokenize,
    "train": _train,
    "evaluate": _evaluate,
    "quantize": _quantize,
    "register": _register,
}
