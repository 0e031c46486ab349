"""The one place where a library stage becomes a Prefect task.

A task is one stage of one batch: seconds to minutes of work, its shards inside. It takes a step of the plan and gives
back a reference of a few hundred bytes. What is there already ends as Completed(name="Cached"): the truth lies with
the manifests, Prefect's state is the view of it. (A Prefect cache key alone answers "Cached" for a folder that was
deleted.)
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.utilities.annotations import quote

from pipeline_lib.work import Step, StepResult, missing, run_step
from tasks.night import Night
from tasks.policy import POLICIES, options

MOST_SHOWN = 5  # finished batches of a stage that get a task each


def _do(step: Step, night: Night) -> "State[StepResult]":
    """Do what is missing of a step and say how it went."""
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
    return Completed(name="Cached" if result.is_cached else "Completed", message=_said(result), data=result)


def _said(result: StepResult) -> str:
    dropped = ", ".join(
        f"{reason} {count}" for reason, count in sorted(result.dropped.items(), key=lambda d: -d[1])[:5]
    )
    how = f"{result.num_reused} reused, {result.num_done} made"
    return f"{result.rows_in} in, {result.rows_out} out ({dropped or 'nothing dropped'}); {how}"


TASKS: dict[str, Task[..., Any]] = {
    stage: task(_do, name=stage, cache_policy=NO_CACHE, persist_result=False, **options(stage)) for stage in POLICIES
}


def do_step(step: Step, night: Night) -> StepResult:
    """Run one step as a Prefect task of its stage."""
    named = TASKS[step.stage].with_options(task_run_name=f"{step.stage} {step.label}")
    result: StepResult = named(quote(step), quote(night), return_state=True).result()
    return result


def do_steps(steps: Sequence[Step], night: Night) -> None:
    """Run the steps of one stage in their order. Whole batches of earlier nights share one task, so that the number of
    tasks of a night does not grow with the number of nights.
    """
    reused = [step for step in steps if not missing(step, night.workspace.store)]
    apart = {step.key for step in reused} if len(reused) > MOST_SHOWN else set()
    if apart:
        do_step(_together(reused), night)
    for step in steps:
        if step.key in apart:
            remember(step, night)
        else:
            do_step(step, night)


def remember(step: Step, night: Night) -> None:
    """Keep what the step consists of tonight: the next plan tells what changed since."""
    night.workspace.save_last(step.key, [work.fingerprint for work in step.works])


def _together(steps: Sequence[Step]) -> Step:
    """Several finished batches as one step that has nothing left to do."""
    newest = steps[-1]
    return replace(newest, label=f"{len(steps)} batches of earlier nights", shards=(), whole=newest.whole)
