"""Runs that were killed are shown as what they are, in the Prefect UI too.

A process that is killed with -9 cannot report it, and Prefect goes on showing its run as Running for ever. Our own
records name the process of each run; whose process is gone was killed.
"""

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.states import Crashed


def mark_crashed(flow_run_id: str, message: str) -> None:
    """Set a flow run and its tasks to Crashed, as far as they have not ended. Unknown ones are left."""
    crashed = Crashed(message=message)
    with get_client(sync_client=True) as client:
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run_id)]))
        for task in client.read_task_runs(flow_run_filter=chosen):
            if _is_open(task.state):
                client.set_task_run_state(task.id, crashed, force=True)
        for run in client.read_flow_runs(flow_run_filter=chosen):
            if _is_open(run.state):
                client.set_flow_run_state(run.id, crashed, force=True)


def _is_open(state: State | None) -> bool:
    """Prefect's server writes a task first and its state after that: a kill in between leaves one without a state."""
    return state is None or not state.is_final()
