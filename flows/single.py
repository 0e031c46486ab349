"""One stage by itself, without Prefect: the same steps of the same plan as a night."""

from collections.abc import Callable, Sequence

from flows.console import ConsoleReporter
from flows.halves import draw_benchmarks, encode, ingest
from flows.launch import check_first
from flows.show.summary import passed_over
from pipeline_lib.base.errors import DataError
from pipeline_lib.base.imports import arrow_without_pandas
from pipeline_lib.base.memory import NIGHT_BYTES, STAGE_BYTES, check_addresses
from pipeline_lib.model.tracking import check_answers, place_of
from pipeline_lib.plan.benchmarks import plan_benchmarks
from pipeline_lib.plan.data import ENCODING, DataPlan, plan_data, plan_sealed_data
from pipeline_lib.plan.landings import sources_that_land
from pipeline_lib.plan.models import ModelsPlan, plan_models, untrained
from pipeline_lib.plan.night import passed_over_of
from pipeline_lib.plan.verdict import plan_verdict
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.execute import Graph
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH
from pipeline_lib.store.workspace import Workspace
from tasks.gate import give_verdict
from tasks.land import land
from tasks.night import Given, Night, open_night, with_given
from tasks.runtime import PlainRuntime
from tasks.settle import settle_closed
from tasks.steps import do_stage, do_step
from tasks.train import do_train

TALKS_TO_MLFLOW = ("train", "register")
OPENS_MODELS = ("train", "evaluate", "quantize", "register")


def run_stage(settings: Settings, stage: str) -> None:
    """Do one stage for all batches. Raises `DataError` when the stage before it has not been done."""
    workspace = Workspace(settings.workspace.resolve())
    reporter = ConsoleReporter(gives_reasons=True)
    check_addresses(NIGHT_BYTES if stage in OPENS_MODELS else STAGE_BYTES)
    check_first(settings, workspace, reporter.say)
    if stage in TALKS_TO_MLFLOW:
        check_answers(place_of(settings.of(RegisterSettings).tracking_uri, workspace.root))
    arrow_without_pandas()
    with reporter, with_given(Given(reporter)), open_night(settings, stage, PlainRuntime()) as night:
        of_the_night = _OF_THE_NIGHT.get(stage)
        if of_the_night is None:
            _batches(settings, night, stage)
        else:
            of_the_night(settings, night)


def _ingest(settings: Settings, night: Night) -> None:
    for source in sources_that_land(settings):
        land(source, night)
    plan = plan_data(settings, night.workspace)
    ingest(plan, night)
    for line in passed_over(passed_over_of(plan)):
        night.reporter.say(f"passed over  {line}")


def _sealed(settings: Settings, night: Night, stage: str, before: str) -> DataPlan:
    """The plan over what is there, once the stage before is done for all batches."""
    plan = plan_sealed_data(settings, night.workspace)
    if not plan.batches:
        raise DataError(f"{stage}: there is no batch yet. Run nightshift ingest first.")
    _check(stage, plan.steps(before), night, before)
    return plan


def _check(stage: str, steps: Sequence[Step], night: Night, before: str) -> None:
    for step in steps:
        if step.missing(night.workspace.store):
            raise DataError(f"{stage}: {step.stage} {step.label} is not done. Run nightshift {before} first.")


def _batches(settings: Settings, night: Night, stage: str) -> None:
    """A stage that works batch by batch."""
    words = ["ingest", *(row.word for row in OF_A_BATCH)]
    plan = _sealed(settings, night, stage, words[words.index(stage) - 1])
    do_stage(stage, plan, night)


def _tokenize(settings: Settings, night: Night) -> None:
    words = ["ingest", *(row.word for row in OF_A_BATCH)]
    plan = encode(_sealed(settings, night, ENCODING, words[words.index(ENCODING) - 1]), night)
    draw_benchmarks(plan, night)
    settle_closed(plan, night)


def _models(
    settings: Settings, night: Night, stage: str, *, verdict_first: bool = True
) -> tuple[DataPlan, ModelsPlan, Graph]:
    data = _sealed(settings, night, stage, ENCODING)
    _check(stage, [data.snapshot], night, ENCODING)
    benchmarks = plan_benchmarks(settings, night.workspace, data)
    models = plan_models(settings, night.workspace, data, benchmarks, verdict_first=verdict_first)
    if models is None:
        raise DataError(
            f"{stage}: {untrained(settings)}. Raise train.budget_minutes where it is 0; else look at the funnel "
            "(nightshift status), add documents or correct [clean]."
        )
    return data, models, {**data.graph, **benchmarks.graph, **models.graph}


def _train(settings: Settings, night: Night) -> None:
    """Whoever asks for a training by itself gets one, also where the last model has no verdict yet."""
    _, models, graph = _models(settings, night, "train", verdict_first=False)
    for note in models.notes:
        night.reporter.say(note)
    do_train(models.train, night, graph)


def _evaluate(settings: Settings, night: Night) -> None:
    _, models, graph = _models(settings, night, "evaluate")
    _check("evaluate", [models.train], night, "train")
    done = [step.label for step in models.quantize if not step.missing(night.workspace.store)]
    for step in models.evaluate:
        if step is models.evaluate[0] or step.label in done:
            do_step(step, night, graph)


def _quantize(settings: Settings, night: Night) -> None:
    _, models, graph = _models(settings, night, "quantize")
    _check("quantize", [models.train], night, "train")
    for step in models.quantize:
        do_step(step, night, graph)


def _register(settings: Settings, night: Night) -> None:
    data, models, graph = _models(settings, night, "register")
    _check("register", [models.train], night, "train")
    _check("register", models.quantize, night, "quantize")
    for step in models.evaluate:
        do_step(step, night, graph)
    verdict = give_verdict(plan_verdict(settings, night.workspace, data, models), data, models, night)
    ConsoleReporter().console.print(verdict.sentence)


_OF_THE_NIGHT: dict[str, Callable[[Settings, Night], None]] = {
    "ingest": _ingest,
    ENCODING: _tokenize,
    "train": _train,
    "evaluate": _evaluate,
    "quantize": _quantize,
    "register": _register,
}
