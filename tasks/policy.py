"""The retry policy of a stage, from the table of stages, as Prefect takes it.

Retried is only what may recover (`UpstreamError`: network, disk, tracker), with exponential back-off and jitter; never
wrong settings, damaged data or a refusing gate. Deadlines are not Prefect's (`timeout_seconds` does not stop threads
or native code): the engine and the training stage kill their processes when time is up.
"""

from typing import Any

from prefect.tasks import exponential_backoff

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.run.stage import Policy


def may_recover(_task: Any, _task_run: Any, state: Any) -> bool:
    """Whether a failed task is worth another try."""
    return isinstance(state.result(raise_on_failure=False), UpstreamError)


def options(policy: Policy) -> dict[str, Any]:
    """The arguments of `prefect.task` that carry a policy."""
    return {
        "retries": policy.retries,
        "retry_delay_seconds": exponential_backoff(policy.back_off_seconds),
        "retry_jitter_factor": policy.jitter,
        "retry_condition_fn": may_recover,
    }
