"""The one place where a library stage becomes a Prefect task.

A task is one stage of one batch: seconds to minutes of work, its shards inside. What is there already ends as
Completed(name="Cached"): the truth lies with the manifests, Prefect's state is the view of it. (A Prefect cache key
alone answers "Cached" for a folder that was deleted.)
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId
from prefect.client.schemas.objects import State, TaskRun
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus, StateAcceptDetails
from prefect.context import FlowRunContext, TaskRunContext
from prefect.runtime import flow_run
from prefect.states import Completed

from pipeline_lib.base.leaving import do_not_wait
from pipeline_lib.base.lifeline import exit_with_parent
from pipeline_lib.run.step import Done, Step
from pipeline_lib.stages import STAGES
from pipeline_lib.store.outbox import Outbox
from pipeline_lib.store.workspace import RunRecord
from tasks.delivery import PAGE, tell_all
from tasks.patience import NotShown, Patience
from tasks.policy import options
from tasks.reap import mark_crashed
from tasks.runtime import OWN_SERVER_VARIABLE, PREFECT, PlainRuntime, of_flow_run

# Set by the worker of `nightshift up`. It starts each flow in a session of its own, where no supervisor reaches it; so
# the flow ends with its worker by itself. A flow that a person starts has a shell as its parent, and may outlive it.
WORKER_VARIABLE = "NIGHTSHIFT_WORKER"
WRITTEN_SECONDS = 3.0  # at most; half a second is usual
logger = logging.getLogger("pipeline_lib.night")


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


class PrefectRuntime(PlainRuntime):
    """Steps are task runs, results are artifacts in the Prefect UI.

    The work never waits long for Prefect's server (`tasks/patience.py`), and never fails with it: what could not be
    shown is kept (`store/outbox.py`), also how the run and its tasks ended.
    """

    def __init__(self, workspace: Path) -> None:
        super().__init__()
        self._outbox = Outbox(workspace.resolve(), PREFECT)
        self._patience = Patience()
        self._task_runs: dict[UUID, TaskRun] = {}
        self._is_said = False
        self._is_of_worker = os.environ.pop(WORKER_VARIABLE, None) is not None  # once in a process
        if self._is_of_worker:
            exit_with_parent(os.getppid())
        context = FlowRunContext.get()
        if context is not None and context.client is not None:
            self._stand_in_for(context.client)

    @property
    def flow_run_id(self) -> str | None:  # type: ignore[override]
        """See `Runtime`."""
        found: str | None = flow_run.get_id()
        return found

    @property
    def task_run_id(self) -> str | None:  # type: ignore[override]
        """Of the task that is at work."""
        context = TaskRunContext.get()
        return None if context is None else str(context.task_run.id)

    def _show(self, method: str, path: str, body: Any, *, passes: bool = False) -> Any:
        run = self.flow_run_id
        if run is None:
            return None
        try:
            return self._patience.ask(partial(request, method, path, body))
        except NotShown:
            self._say_once()
            if not passes:
                self._outbox.keep(run, [{"method": method, "path": path, "body": body}])
        return None

    def _say_once(self) -> None:
        if not self._is_said:
            self._is_said = True
            logger.warning("Prefect's server does not take what it should show: the night goes on, and is shown later")

    def _stand_in_for(self, client: Any) -> None:
        """Prefect tells its server how the run ended by this client, and fails where it cannot: then it is kept."""
        tell = client.set_flow_run_state

        def set_flow_run_state(flow_run_id: UUID, state: "State[Any]", force: bool = False) -> Any:
            try:
                return self._patience.ask(partial(tell, flow_run_id, state, force=force))
            except NotShown:
                self._say_once()
                self._keep_tasks()
                self._outbox.keep(str(flow_run_id), [end_of_flow_run(str(flow_run_id), state)])
            if state.is_final():
                do_not_wait(leaves_with=int(not state.is_completed()) if self._is_of_worker else None)
            return OrchestrationResult(state=state, status=SetStateStatus.ACCEPT, details=StateAcceptDetails())

        client.set_flow_run_state = set_flow_run_state

    def do(self, step: Step, work: Callable[[], Done]) -> Done:
        """Run a step as a task of its stage."""
        named = TASKS[step.stage].with_options(task_run_name=f"{step.stage} {step.label}")

        def noted() -> Done:
            context = TaskRunContext.get()
            if context is not None:
                self._task_runs[context.task_run.id] = context.task_run
            return work()

        result: Done = named(noted, return_state=True).result()
        return result

    def reap(self, record: RunRecord) -> bool:
        """See `Runtime`."""
        if record.flow_run_id is not None:
            try:
                self._patience.ask(partial(mark_crashed, record.flow_run_id, record.message))
            except NotShown:
                return False
        return True

    def settle(self) -> None:
        """See `Runtime`. Prefect's server writes task states from a queue, and loses the queue when it ends."""
        if os.environ.get(OWN_SERVER_VARIABLE) and self._task_runs:
            try:
                if not self._patience.ask(partial(are_written, list(self._task_runs))):
                    self._keep_tasks()
            except NotShown:
                self._say_once()
                self._keep_tasks()
        if self._is_of_worker and not self._patience.is_over:  # else the command does it, or the next night
            with suppress(NotShown):  # of earlier nights: whatever comes of it, how this one ends is told
                Patience().ask(partial(tell_all, self._outbox, request))

    def _keep_tasks(self) -> None:
        """Keep how the tasks ended: what the server was told of it may be lost with its queue, or on the way there."""
        if self.flow_run_id is not None:
            over = filter(_has_ended, self._task_runs.values())
            self._outbox.keep(self.flow_run_id, map(end_of_task_run, over))
        self._task_runs.clear()


def request(method: str, path: str, body: Any = None) -> Any:
    """What Prefect's server answers to a request by Prefect's own client; None when that is nothing."""
    with get_client(sync_client=True) as client:
        answer = client.request(method, f"/{path}", **({} if body is None else {"json": body}))  # type: ignore[arg-type]
        return answer.json() if answer.content else None


def _has_ended(run: TaskRun) -> bool:
    return run.state is not None and run.state.is_final()


def end_of_flow_run(flow_run_id: str, state: "State[Any]") -> dict[str, Any]:
    """The request that tells how a flow run ended, whatever the server thinks of it."""
    said = {"type": state.type.value, "name": state.name, "message": state.message}
    return {"method": "POST", "path": f"flow_runs/{flow_run_id}/set_state", "body": {"state": said, "force": True}}


def end_of_task_run(run: TaskRun) -> dict[str, Any]:
    """The request that tells how a task run ended: the event that Prefect itself sends, so the server may know it."""
    state = run.state
    assert state is not None  # it has ended
    left_out = {"id", "created", "updated", "flow_run_id", "state_id", "state_type", "state_name", "state"}
    counted = {"estimated_start_time_delta", "estimated_run_time"}  # by the server
    said = {"type": state.type.value, "name": state.name, "message": state.message}
    event = {
        "id": str(state.id),
        "occurred": state.timestamp.isoformat(),
        "event": f"prefect.task-run.{state.name}",
        "resource": {
            "prefect.resource.id": f"prefect.task-run.{run.id}",
            "prefect.resource.name": run.name,
            "prefect.state-name": state.name or "",
            "prefect.state-type": state.type.value,
            "prefect.orchestration": "client",
        },
        "related": [of_flow_run(str(run.flow_run_id))],
        "payload": {
            "intended": {"from": "RUNNING", "to": state.type.value},
            "initial_state": None,
            "validated_state": {**said, "state_details": {}, "data": None},
            "task_run": run.model_dump(mode="json", exclude_none=True, exclude=left_out | counted),
        },
    }
    return {"method": "POST", "path": "events", "body": [event]}


def are_written(task_runs: Sequence[UUID]) -> bool:
    """Whether the server knows how all of these ended, as soon as it does; False after `WRITTEN_SECONDS`."""
    ends_at = time.monotonic() + WRITTEN_SECONDS
    chosen = TaskRunFilter(id=TaskRunFilterId(any_=list(task_runs)))
    with get_client(sync_client=True) as client:
        while time.monotonic() < ends_at:
            known = client.read_task_runs(task_run_filter=chosen)
            if sum(run.state is not None and run.state.is_final() for run in known) >= min(len(task_runs), PAGE):
                return True
            time.sleep(0.05)
    return False


def ended(sentence: str, result: dict[str, Any]) -> Any:
    """What a flow returns: to its caller `result`, and in the Prefect UI a state that says how it went."""
    return Completed(message=sentence, data=result)
