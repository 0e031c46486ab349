"""Steps of a night, done: what all stages have in common, with Prefect and without."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline_lib.run.work import Step, StepResult, missing, run_step, sum_shards
from pipeline_lib.store.artifact import Ref
from tasks.night import Night

MOST_SHOWN = 5  # finished batches of a stage that are shown one by one


def do_step(step: Step, night: Night) -> StepResult:
    """Do what is missing of a step."""

    def work() -> StepResult:
        result = run_step(
            step,
            night.workspace.store,
            night.engine,
            night.settings.guards,
            deadline_seconds=night.settings.resources.stage_deadline_minutes * 60,
            on_progress=lambda done, total: night.reporter.progress(done, total, "shards"),
        )
        remember(step, night)
        return result

    return _shown(step, work, night)


def do_steps(steps: Sequence[Step], night: Night) -> None:
    """Do the steps of one stage in their order.

    Whole batches of earlier nights share one task, so that the tasks of a night do not grow with the number of nights.
    """
    reused = [step for step in steps if not missing(step, night.workspace.store)]
    together = reused if len(reused) > MOST_SHOWN else []
    if together:
        shared = replace(together[-1], label=f"{len(together)} batches of earlier nights")
        _shown(shared, lambda: _sum(together, night), night)
    keys = {step.key for step in together}
    for step in steps:
        if step.key in keys:
            remember(step, night)
        else:
            do_step(step, night)


def remember(step: Step, night: Night) -> None:
    """Keep what the step consists of tonight: the next plan tells what changed since."""
    night.workspace.save_last(step.key, [work.fingerprint for work in step.works])


def _shown(step: Step, work: Callable[[], StepResult], night: Night) -> StepResult:
    """Run `work` as a task, and tell who watches of its begin and end."""

    def told() -> StepResult:
        started = time.monotonic()
        night.enter(step.stage, step.label)
        result = work()
        night.leave(step.stage, step.label, result, time.monotonic() - started)
        return result

    return night.runtime.do(step, told)


def _sum(steps: Sequence[Step], night: Night) -> StepResult:
    """What steps that are there already come to."""
    store, last = night.workspace.store, steps[-1].whole
    total = sum_shards([store.read(step.whole.stage, step.whole.fingerprint) for step in steps])
    return StepResult(
        ref=Ref(last.stage, last.fingerprint),
        is_cached=True,
        num_done=0,
        num_reused=sum(len(step.works) for step in steps),
        rows_in=total.rows_in,
        rows_out=total.rows_out,
        dropped=total.dropped,
        facts=total.facts,
    )
