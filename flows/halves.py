"""The two halves of a night, as tables of contents: which stages run, in which order.

A flow runs them as Prefect tasks, a test without Prefect runs them as they are: that is the runtime's choice.
"""

from collections.abc import Callable
from typing import Any

from flows.reported import report_on
from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.plan.batches import keep_plans
from pipeline_lib.plan.benchmarks import BenchmarksPlan, not_there, plan_benchmarks
from pipeline_lib.plan.data import ENCODING, DataPlan, night_key, plan_again, plan_data, plan_sealed_data
from pipeline_lib.plan.landings import sources_that_land
from pipeline_lib.plan.models import plan_models, untrained
from pipeline_lib.plan.verdict import plan_verdict
from pipeline_lib.run.damage import Damages
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH
from tasks.gate import give_verdict
from tasks.land import land
from tasks.moves import settle_champion
from tasks.night import Night, open_night
from tasks.publish import name_run, publish_funnel, publish_scores
from tasks.runtime import Runtime
from tasks.settle import settle_batches, settle_benchmarks, settle_closed, settle_tokenizer
from tasks.steps import do_stage, do_step, make_what_can_be
from tasks.train import do_train


def whole_night(settings: Settings, runtime: Runtime) -> dict[str, Any]:
    """Both halves in one run. Gives the funnel of the first as "refresh", beside what the second gives."""
    with open_night(settings, "nightly", runtime) as night:
        refreshed = refresh_data(night)
        retrained = retrain_model(night)
        result = {"refresh": refreshed, **retrained}
        night.end("completed", retrained["verdict"], result)
    return result


def refresh_data(night: Night) -> dict[str, Any]:
    """Take in what is new, clean it, drop duplicates and personal data, tokenize it.

    Gives the funnel: for each stage documents in, out and dropped by reason; and the snapshot.
    """
    return _mending(_refresh, night)


def retrain_model(night: Night) -> dict[str, Any]:
    """Train on the snapshot, measure, quantize, register, and promote the model if it is better than the champion.

    Gives the figures of the challenger and the verdict. No new text: all of it is there already.
    """
    return _mending(_retrain, night)


def _mending(half: Callable[[Night], dict[str, Any]], night: Night) -> dict[str, Any]:
    """Plan and do it again when something turns out damaged: now that it was opened, the plan sees what is to be made.

    What a step opens is mended by the step; this is for what is shown, and for what a plan took for whole.
    """
    damages = Damages()
    while True:
        try:
            return half(night)
        except DamagedArtifact as exc:
            damages.meet(exc)
            night.reporter.say(f"{exc} It is made again now.")
            night.plan = None


def _refresh(night: Night) -> dict[str, Any]:
    plan = _looked(night)
    ingest(plan, night)
    for stage in OF_A_BATCH:
        if stage.word == ENCODING:
            plan = encode(plan, night)
        else:
            do_stage(stage.word, plan, night)
    benchmarks = draw_benchmarks(plan, night)
    settle_closed(plan, night)
    name_run(plan, night)
    funnel = publish_funnel(plan, benchmarks, night)
    return {**funnel, "report": report_on(funnel, night)}


def _looked(night: Night) -> DataPlan:
    """What there is to do. Sources that have to be asked are asked first: what lands of them is looked at then."""
    night_key(night.settings, night.workspace)
    landing = sources_that_land(night.settings)
    for source in landing:
        land(source, night)
    return night.plan if night.plan is not None and not landing else plan_data(night.settings, night.workspace)


def ingest(plan: DataPlan, night: Night) -> None:
    """Read what is new, and make it part of the past."""
    keep_plans(plan.found.opened, night.workspace.root)
    do_stage("ingest", plan, night)
    settle_batches(plan, night)


def encode(plan: DataPlan, night: Night) -> DataPlan:
    """The tokenizer, the token shards and the snapshot; the plan by which they were made.

    Only now it is known how much text there is, and so whether a tokenizer can be pinned.
    """
    plan = plan_again(plan, night.settings, night.workspace)
    for stage in OF_A_BATCH:
        if stage.word != ENCODING and any(step.missing(night.workspace.store) for step in plan.steps(stage.word)):
            do_stage(stage.word, plan, night)  # another tokenizer needs text that was thought not to be needed
    do_step(plan.tokenizer.step, night, plan.graph)
    settle_tokenizer(plan.tokenizer, night)
    do_stage(ENCODING, plan, night)
    do_step(plan.snapshot, night, plan.graph)
    return plan


def draw_benchmarks(plan: DataPlan, night: Night) -> BenchmarksPlan:
    """The benchmarks that models are judged on from now on; the plan by which they were made.

    Text that is gone, and that nobody can make again, is no reason to judge on nothing: they do without it.
    """
    try:
        return _drawn(plan_benchmarks(night.settings, night.workspace, plan, renews=True), plan, night)
    except DamagedArtifact as exc:
        if not exc.fingerprint:  # a disk that damages what is just made
            raise
        for _ in ("tables", "their texts"):
            make_what_can_be(not_there(night.workspace, plan), night)
        lost = f"{exc.stage}/{exc.fingerprint}"
        night.reporter.say(f"{lost} is gone, and so is what it was made from: the benchmarks do without it")
        spared = plan_benchmarks(night.settings, night.workspace, plan, renews=True, spares=True)
        return _drawn(spared, plan, night)


def _drawn(benchmarks: BenchmarksPlan, plan: DataPlan, night: Night) -> BenchmarksPlan:
    if benchmarks.step is not None:
        do_step(benchmarks.step, night, {**plan.graph, **benchmarks.graph})
    settle_benchmarks(benchmarks, night)
    return benchmarks


def _retrain(night: Night) -> dict[str, Any]:
    settle_champion(night.settings)
    data = plan_sealed_data(night.settings, night.workspace)
    benchmarks = plan_benchmarks(night.settings, night.workspace, data)
    models = plan_models(night.settings, night.workspace, data, benchmarks)
    name_run(data, night)
    if models is None:
        return {"verdict": f"nothing trained: {untrained(night.settings)}", "scores": {}}
    graph = {**data.graph, **benchmarks.graph, **models.graph}
    for note in models.notes:
        night.reporter.say(note)
    do_train(models.train, night, graph)
    for step in models.steps[1:]:
        do_step(step, night, graph)
    verdict = give_verdict(plan_verdict(night.settings, night.workspace, data, models), data, models, night)
    return publish_scores(models, verdict, night)
