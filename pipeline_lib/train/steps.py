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

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.words import counted
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.train.settings import TrainSettings

USABLE_SHARE = 0.8  # of the time left when the steps are laid out; the rest is for saving, scoring and a slower machine
MIN_STEPS = 2  # one of the trunk and one of the branch


@dataclass(frozen=True)
class Steps:
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

    def trunk_factor(self, step: int) -> float:
        """Share of the full learning rate at a step of the trunk, counted from 0."""
        return min(1.0, (step + 1) / (self.warmup_steps + 1))

    def branch_factor(self, step: int) -> float:
        """Share of the full learning rate at a step of the branch, counted from 0: from 1 to 1/decay_steps."""
        return max(0.0, 1 - step / self.decay_steps)


@dataclass(frozen=True)
class Extent:
    """What decides the steps of a night, beside the time."""

    settings: TrainSettings
    trunk_rows: int  # unread rows and the replay mixed into them
    past_trunk_steps: int  # of earlier nights; 0 in a new lineage
    max_steps: int | None  # of trunk and branch together

    def steps(
        self,
        *,
        seconds_per_step: float | None = None,
        seconds_left: float | None = None,
        tokens_per_second: float | None = None,
    ) -> Steps:
        """As long a trunk as the text, `max_steps` and the time left allow, whichever is least, and its branch.

        A machine that is slow or busy leaves its night the least steps, also when they end behind the budget. Raises
        `SettingsError` when MIN_STEPS alone take longer than the whole of it.
        """
        most = self._trunk_within(self.max_steps)
        trunk_steps = most
        if seconds_per_step is not None and seconds_left is not None:
            trunk_steps = min(most, self._trunk_within(self._steps_in(seconds_left, seconds_per_step)))
        steps = self.ended(trunk_steps)
        warmup_steps = (
            0 if self.past_trunk_steps else min(trunk_steps, round(self.settings.warmup_share * steps.num_steps))
        )
        return replace(
            steps, warmup_steps=warmup_steps, most_trunk_steps=most, measured_tokens_per_second=tokens_per_second
        )

    @property
    def least_steps(self) -> int:
        """What no budget cuts: a new lineage has to learn something, a trunk that goes on has."""
        return MIN_STEPS if self.past_trunk_steps else self.settings.least_steps

    def ended(self, trunk_steps: int) -> Steps:
        """The steps of a trunk that ends there. Its branch takes what `max_steps` leaves."""
        decay_steps = self.decay_steps(trunk_steps)
        if self.max_steps is not None:
            decay_steps = max(1, min(decay_steps, self.max_steps - trunk_steps))
        return Steps(trunk_steps + decay_steps, trunk_steps, 0, decay_steps, trunk_steps)

    def decay_steps(self, trunk_steps: int) -> int:
        """Steps of the branch behind a trunk of that length: `decay_share` of both together.

        A short night at the end of a long trunk gets more: a constant rate leaves as much unsettled as ever, and a
        few steps do not settle it. So at least `least_decay_steps`, as far as the trunk as a whole has earned them.
        """
        whole = self._branch_of(self.past_trunk_steps + trunk_steps)
        return max(self._branch_of(trunk_steps), min(self.settings.least_decay_steps, whole))

    def _branch_of(self, trunk_steps: int) -> int:
        share = self.settings.decay_share
        return max(1, math.floor(trunk_steps * share / (1 - share) + 1e-9))

    def _trunk_within(self, num_steps: int | None) -> int:
        """The trunk takes all its rows once; of a bound on all steps it leaves the branch its share.

        Rounded down, as the branch of a trunk is: so the planned end of a night, taken for its bound, gives its trunk.
        """
        by_rows = max(1, -(-self.trunk_rows // self.settings.batch_rows))
        if num_steps is None:
            return by_rows
        return min(by_rows, num_steps - max(1, math.floor(self.settings.decay_share * num_steps + 1e-9)))

    def _steps_in(self, seconds_left: float, seconds_per_step: float) -> int:
        least = MIN_STEPS * seconds_per_step
        if least > 60 * (self.settings.budget_minutes or 0):
            raise SettingsError(
                f"train.budget_minutes is too short: a step takes {seconds_per_step:.2f} s, and {MIN_STEPS} are the "
                f"least. Raise it above {least / 60:.1f}, or make the model or train.batch_rows smaller."
            )
        return max(self.least_steps, math.floor(USABLE_SHARE * seconds_left / seconds_per_step))


def write_steps(path: Path, steps: Steps) -> None:
    """Keep them, so that a resumed run takes the same ones."""
    write_json(path, asdict(steps))


def read_steps(path: Path) -> Steps | None:
    """The steps that were kept, if there are any."""
    return Steps(**read_json(path)) if path.exists() else None


def nights_like(num_unread: int, num_read: int) -> int:
    """In how many nights so many tokens are read, when each reads as many as one did that has read some."""
    return -(-num_unread // num_read)


def in_nights(count: int, *, is_least: bool = False) -> str:
    """A number of nights, as a plan and the end of a night say it."""
    return f"{'at least' if is_least else 'about'} {counted(count, 'night')}"
