"""The steps of a night: how many, and at which rate.

    rate |   ________________            warm-up only in a new lineage; then constant: this is the trunk
         |  /                \\           the branch leaves the trunk's end and decays linearly to zero
         | /                  \\
         +-------- trunk ------ branch ->

The trunk never decays, so the next night goes on from it without a new warm-up, which was the best of eight ways
(mean loss 5.383; from scratch 5.894; re-warming the decayed model 5.469).
"""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline_lib.errors import SettingsError
from pipeline_lib.storage import read_json, write_json
from pipeline_lib.train.settings import TrainSettings

USABLE_SHARE = 0.8  # of the time left when the plan is made; the rest is for saving, scoring and a slower machine
MIN_STEPS = 2  # one on the trunk and one on the branch


@dataclass(frozen=True)
class Plan:
    """`trunk_steps` + `decay_steps` = `num_steps`; the warm-up is the first part of the trunk.

    With a budget these are an expectation from a speed measured once. The trunk has a constant rate, so it need not
    know its end: it goes on while the time allows, up to `most_trunk_steps`, and the branch follows from its length.
    """

    num_steps: int
    trunk_steps: int
    warmup_steps: int
    decay_steps: int
    most_trunk_steps: int
    measured_tokens_per_second: float | None = None

    def ended_trunk(self, step: int, decay_share: float) -> "Plan":
        """The plan once the trunk has ended at `step`; as it was when that is where it was expected to end."""
        if step == self.trunk_steps:
            return self
        decay_steps = branch_of(step, decay_share)
        return replace(self, num_steps=step + decay_steps, trunk_steps=step, decay_steps=decay_steps)

    def trunk_factor(self, step: int) -> float:
        """Share of the full learning rate at a step of the trunk, counted from 0."""
        return min(1.0, (step + 1) / (self.warmup_steps + 1))

    def branch_factor(self, step: int) -> float:
        """Share of the full learning rate at a step of the branch, counted from 0: from 1 to 1/decay_steps."""
        return max(0.0, 1 - step / self.decay_steps)


def make_plan(
    settings: TrainSettings,
    *,
    rows_per_epoch: int,
    has_trunk: bool,
    seconds_per_step: float | None = None,
    seconds_left: float | None = None,
    tokens_per_second: float | None = None,
) -> Plan:
    """As many steps as the rows, `max_steps` and the time left allow, whichever is least.

    Raises `SettingsError` when the time is too short for any schedule.
    """
    most = max(MIN_STEPS, math.floor(settings.num_epochs * rows_per_epoch / settings.batch_rows))
    most = most if settings.max_steps is None else min(most, settings.max_steps)
    num_steps = most
    if seconds_per_step is not None and seconds_left is not None:
        num_steps = min(most, _steps_in(seconds_left, seconds_per_step))
    trunk_steps = _trunk_of(num_steps, settings.decay_share)
    warmup_steps = 0 if has_trunk else min(trunk_steps, round(settings.warmup_share * num_steps))
    return Plan(
        num_steps=num_steps,
        trunk_steps=trunk_steps,
        warmup_steps=warmup_steps,
        decay_steps=num_steps - trunk_steps,
        most_trunk_steps=_trunk_of(most, settings.decay_share),
        measured_tokens_per_second=tokens_per_second,
    )


def branch_of(trunk_steps: int, decay_share: float) -> int:
    """Steps of the branch behind a trunk of that length: `decay_share` of both together, and at least one."""
    return max(1, math.floor(trunk_steps * decay_share / (1 - decay_share) + 1e-9))


def _trunk_of(num_steps: int, decay_share: float) -> int:
    return num_steps - min(num_steps - 1, max(1, round(decay_share * num_steps)))


def _steps_in(seconds_left: float, seconds_per_step: float) -> int:
    num_steps = math.floor(USABLE_SHARE * seconds_left / seconds_per_step)
    if num_steps < MIN_STEPS:
        raise SettingsError(
            f"train.budget_minutes is too short: {max(0.0, seconds_left):.0f} s are left after the start and a step "
            f"takes {seconds_per_step:.2f} s. Raise it, or make the model or train.batch_rows smaller."
        )
    return num_steps


def write_plan(path: Path, plan: Plan) -> None:
    """Keep the plan, so that a resumed run takes the same steps."""
    write_json(path, asdict(plan))


def read_plan(path: Path) -> Plan | None:
    """The plan that was kept, if there is one."""
    return Plan(**read_json(path)) if path.exists() else None
