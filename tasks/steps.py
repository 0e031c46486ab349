"""Steps of a night, done: what all stages have in common, with Prefect and without."""

import time
from collections.abc import Sequence
from dataclasses import replace

from pipeline_lib.work import Step, StepResult, missing, run_step
from tasks.night import Night

MOST_SHOWN = 5  # finished batches of a stage that are shown one by one


def do_step(step: Step, night: Night) -> StepResult:
    """Do what is missing of a step."""

    def work() -> StepResult:
        started = time.monotonic()
        night.enter(step.stage, step.label)
        result = run_step(
            step,
            night.workspace.store,
            night.engine,
            night.settings.guards,
            deadline_seconds=night.settings.resources.stage_deadline_minutes * 60,
            on_progress=lambda done, total: night.reporter.progress(done, total, "shards"),
        )
        remember(step, night)
        night.leave(step.stage, step.label, result, time.monotonic() - started)
        return result

    return night.runtime.do(step, work)


def do_steps(steps: Sequence[Step], night: Night) -> None:
    """Do the steps of one stage in their order.

    Whole batches of earlier nights share one task, so that the tasks of a night do not grow with the number of nights.
    """
    reused = [step for step in steps if not missing(step, night.workspace.store)]
    together = {step.key for step in reused} if len(reused) > MOST_SHOWN else set()
    if together:
        do_step(replace(reused[-1], label=f"{len(reused)} batches of earlier nights", shards=()), night)
    for step in steps:
        if step.key in together:
            remember(step, night)
        else:
            do_step(step, night)


def remember(step: Step, night: Night) -> None:
    """Keep what the step consists of tonight: the next plan tells what changed since."""
    night.workspace.save_last(step.key, [work.fingerprint for work in step.works])
