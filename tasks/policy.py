"""How often and how hard each stage is tried: one table.

Retried is only what may recover (`UpstreamError`: network, disk, tracker), with exponential back-off and jitter; never
wrong settings, damaged data or a refusing gate. Deadlines are not Prefect's (`timeout_seconds` does not stop threads
or native code): the engine and the training stage kill their processes when time is up.
"""

from dataclasses import dataclass
from typing import Any

from prefect.tasks import exponential_backoff

from pipeline_lib.base.errors import UpstreamError


@dataclass(frozen=True)
class Policy:
    """The retry policy of one stage."""

    retries: int
    back_off_seconds: float  # doubled at each try
    jitter: float = 0.5  # share by which a wait may be longer


POLICIES = {
    "ingest": Policy(retries=3, back_off_seconds=5),
    "clean": Policy(retries=2, back_off_seconds=2),
    "dedup": Policy(retries=2, back_off_seconds=2),
    "scrub": Policy(retries=2, back_off_seconds=2),
    "tokenize": Policy(retries=2, back_off_seconds=2),
    "train": Policy(retries=2, back_off_seconds=10),
    "evaluate": Policy(retries=1, back_off_seconds=5),
    "quantize": Policy(retries=1, back_off_seconds=5),
    "register": Policy(retries=4, back_off_seconds=5),
}


def may_recover(_task: Any, _task_run: Any, state: Any) -> bool:
    """Whether a failed task is worth another try."""
    return isinstance(state.result(raise_on_failure=False), UpstreamError)


def options(stage: str) -> dict[str, Any]:
    """The arguments of `prefect.task` that carry the policy of a stage."""
    policy = POLICIES[stage]
    return {
        "retries": policy.retries,
        "retry_delay_seconds": exponential_backoff(policy.back_off_seconds),
        "retry_jitter_factor": policy.jitter,
        "retry_condition_fn": may_recover,
    }
