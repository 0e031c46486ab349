"""The one place where a library stage becomes a Prefect task.

A task is one stage of one batch: seconds to minutes of work, its shards inside. What is there already ends as
Completed(name="Cached"): the truth lies with the manifests, Prefect's state is the view of it. (A Prefect cache key
alone answers "Cached" for a folder that was deleted.)
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect import Task, task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed

from pipeline_lib.base.lifeline import exit_with_parent
from pipeline_lib.run.step import Done, Step
from pipeline_lib.stages import STAGES
from pipeline_lib.store.workspace import RunRecord
from tasks.policy import options
from tasks.reap import mark_crashed
from tasks.runtime import OWN_SERVER_VARIABLE

# Set by the worker of `nightshift up`. It starts each flow in a session of its own, where no supervisor reaches it; so
# the flow ends with its worker by itself. A flow that a person starts has a shell as its parent, and may outlive it.
WORKER_VARIABLE = "NIGHTSHIFT_WORKER"
WRITTEN_SECONDS = 10.0  # at most; half a second is usual
PAGE = 200  # task runs in one answer of Prefect's API


def _run(work: Callable[[], Done]) -> "State[Done]":
    """Do a step and say how it went."""
    result = work()
    return Completed(name="Cached" if result.is_cached else "Completed", message=_said(result), data=result)


def _said(result: Done) -> str:
    largest = sorted(result.dropped.items(), key=lambda item: -item[1])[:5]
    dropped = ", ".join(f"{reason} {count}" for reason, count in largest) or "nothing dropped"
    made = f"{result.num_reused} reused, {result.num_done} made"
    return f"{result.rows_in} in, {result.rows_out} out ({dropped}); {made}"


TASKS: dict[str, Task[..., Any]] = {
    stage.word: task(_run, name=stage.word, cache_policy=NO_CACHE, persist_result=False, **options(stage.policy))
    for stage in STAGES
}


class PrefectRuntime:
    """Steps are task runs, results are artifacts in the Prefect UI."""

    def __init__(self) -> None:
        self._bars: dict[str, UUID] = {}
        self._name = ""
        self._task_runs: list[UUID] = []
        if os.environ.pop(WORKER_VARIABLE, None):  # once in a process
            exit_with_parent(os.getppid())

    @property
    def flow_run_id(self) -> str | None:
        """See `Runtime`."""
        found: str | None = flow_run.get_id()
        return found

    def name(self, name: str) -> None:
        """See `Runtime`."""
        if name != self._name and self.flow_run_id is not None:
            with get_client(sync_client=True) as client:
                client.update_flow_run(UUID(self.flow_run_id), name=name)
            self._name = name

    def do(self, step: Step, work: Callable[[], Done]) -> Done:
        """Run a step as a task of its stage."""
        named = TASKS[step.stage].with_options(task_run_name=f"{step.stage} {step.label}")
        state = named(work, return_state=True)
        if state.state_details.task_run_id is not None:
            self._task_runs.append(state.state_details.task_run_id)
        result: Done = state.result()
        return result

    def table(self, key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
        """See `Runtime`."""
        create_table_artifact(table=[dict(row) for row in rows], key=key, description=description)

    def markdown(self, key: str, text: str, description: str) -> None:
        """See `Runtime`."""
        create_markdown_artifact(text, key=key, description=description)

    def link(self, key: str, url: str, text: str, description: str) -> None:
        """See `Runtime`."""
        create_link_artifact(url, link_text=text, key=key, description=description)

    def progress(self, key: str, percent: float, description: str) -> None:
        """See `Runtime`."""
        if key in self._bars:
            update_progress_artifact(self._bars[key], percent)
            return
        made = create_progress_artifact(percent, key=key, description=description)
        if isinstance(made, UUID):
            self._bars[key] = made

    def event(self, name: str, resource: str, payload: Mapping[str, Any]) -> None:
        """See `Runtime`."""
        emit_event(name, resource={"prefect.resource.id": resource}, payload=dict(payload))

    def reap(self, record: RunRecord) -> bool:
        """See `Runtime`."""
        if record.flow_run_id is not None:
            mark_crashed(record.flow_run_id, record.message)
        return True

    def settle(self) -> None:
        """See `Runtime`. Prefect's server writes task states from a queue, and loses the queue when it ends."""
        if os.environ.get(OWN_SERVER_VARIABLE) and self._task_runs:
            wait_until_written(self._task_runs)


def wait_until_written(task_runs: Sequence[UUID]) -> None:
    """Return when the server knows how all of these ended, or after `WRITTEN_SECONDS`."""
    ends_at = time.monotonic() + WRITTEN_SECONDS
    chosen = TaskRunFilter(id=TaskRunFilterId(any_=list(task_runs)))
    with get_client(sync_client=True) as client:
        while time.monotonic() < ends_at:
            known = client.read_task_runs(task_run_filter=chosen)
            if sum(run.state is not None and run.state.is_final() for run in known) >= min(len(task_runs), PAGE):
                return
            time.sleep(0.05)


def ended(sentence: str, result: dict[str, Any]) -> Any:
    """What a flow returns: to its caller `result`, and in the Prefect UI a state that says how it went."""
    return Completed(message=sentence, data=result)
