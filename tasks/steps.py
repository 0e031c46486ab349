"""Steps of a night, done: what all stages have in common, with Prefect and without."""

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, NightshiftError
from pipeline_lib.plan.data import DataPlan, closed_steps, full_graph
from pipeline_lib.plan.last import is_by, remember, remember_recipe
from pipeline_lib.run.execute import Bench, Graph, run_step, step_that_makes, step_that_mends
from pipeline_lib.run.guard import Limits, limits_of
from pipeline_lib.run.inputs import say_nothing
from pipeline_lib.run.lists import make_list, sum_of
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.run.step import Done, Step, manifest_of
from pipeline_lib.stages import BY_WORD
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import LISTS
from tasks.night import Night

MOST_SHOWN = 5  # finished batches of a stage that are shown one by one


def do_step(step: Step, night: Night, graph: Graph, *, report: Callable[[Any], None] = say_nothing) -> Done:
    """Do what is wanted of a step. `graph`: all works of the night, so that a damaged input can be made again."""

    def work() -> Done:
        done = run_step(
            step,
            _bench(night, graph),
            _limits(step, night),
            on_progress=lambda done, total: night.reporter.progress(done, total, "shards"),
            report=report,
        )
        remember(night.workspace, step)
        return done

    return _shown(step, work, night)


def make_again(exc: DamagedArtifact, night: Night) -> None:
    """Make what was found damaged again, of whatever night it is. Raises the error where nobody knows how."""
    bench = _bench(night, {})
    step = step_that_mends(exc, bench)
    _shown(step, lambda: run_step(step, bench), night)


def make_what_can_be(refs: Collection[Ref], night: Night) -> None:
    """Make again what of these can be made, of whatever night it is."""
    bench = _bench(night, full_graph(night.settings, night.workspace))
    step = step_that_makes(refs, bench.graph, bench.store)
    if step is not None:
        _shown(step, lambda: run_step(step, bench), night)


def make_one_by_one(refs: Collection[Ref], night: Night, more: Graph) -> None:
    """The same, and what `more` makes, each by itself: where one cannot be made, which is said, the others are."""
    bench = _bench(night, {**more, **full_graph(night.settings, night.workspace)})
    for ref in refs:
        step = None if bench.store.is_present(ref) else step_that_makes([ref], bench.graph, bench.store)
        try:
            if step is not None:
                _shown(step, partial(run_step, step, bench), night)
        except NightshiftError as exc:
            night.reporter.say(f"{ref} cannot be made again: {exc}")


def _bench(night: Night, graph: Graph) -> Bench:
    return Bench(
        night.workspace.root,
        night.engine,
        graph,
        night.settings.resources.stage_deadline_minutes * 60,
        partial(full_graph, night.settings, night.workspace),
    )


def do_stage(stage: str, plan: DataPlan, night: Night) -> None:
    """Do the steps of one stage of the data half, batch by batch.

    Whole batches of earlier nights share one task, so that the tasks of a night do not grow with the number of nights.
    """
    recall(plan, night)
    graph, steps, closed = plan.graph, plan.steps(stage), plan.earlier_sums[stage]
    reused = [step for step in steps if not step.missing(night.workspace.store)]
    together = reused if closed or len(reused) > MOST_SHOWN else []
    if closed or together:
        refs = [*closed, *(step.whole.ref for step in together)]
        count = plan.found.closed.count + len(together)
        label = f"{count} earlier batch{'' if count == 1 else 'es'}"
        stand_in = Work(Maker(f"{stage}.batches", 1, LISTS, make_list, is_light=True), members=tuple(refs))
        _shown(Step(stage, label, (), (), stand_in), lambda: _sum(refs, night), night)
    keys = {step.key for step in together}
    for step in steps:
        if step.key in keys:
            remember(night.workspace, step)
        else:
            do_step(step, night, graph)


def recall(plan: DataPlan, night: Night) -> None:
    """Remember of closed batches what this recipe made of them, where others were at work since."""
    if is_by(night.workspace, plan.recipe):
        return
    for step in closed_steps(plan, night.settings, night.workspace):
        remember(night.workspace, step)
    remember_recipe(night.workspace, plan.recipe)


def _limits(step: Step, night: Night) -> Limits | None:
    """What the guard allows the step to lose; None where losing documents is the stage's own affair."""
    if not BY_WORD[step.stage].is_guarded:
        return None
    before = manifest_of(night.workspace.store, step.previous) if step.previous else None
    return limits_of(step.label, night.settings.guards, before)


def _shown(step: Step, work: Callable[[], Done], night: Night) -> Done:
    """Run `work` as a task, and tell who watches of its begin and end."""

    def told() -> Done:
        started = time.monotonic()
        night.enter(step.stage, step.label)
        result = work()
        night.leave(step.stage, step.label, result, time.monotonic() - started)
        return result

    return night.runtime.do(step, told)


def _sum(refs: Sequence[Ref], night: Night) -> Done:
    """What batches that are there already come to."""
    found = [manifest_of(night.workspace.store, ref) for ref in refs]
    total = sum_of(manifest for manifest in found if manifest is not None)
    return Done(
        ref=refs[-1],
        is_cached=True,
        num_done=0,
        num_reused=len(refs),
        rows_in=total.rows_in,
        rows_out=total.rows_out,
        dropped=total.dropped,
        facts=total.facts,
    )
