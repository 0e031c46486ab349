"""What happens after each step: a row of metrics, a look at the loss, a checkpoint when it is time, an early end."""

import json
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback

from pipeline_lib.base.errors import DataError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.trainer import is_finite

EXIT_TERMINATED = 143  # 128 + SIGTERM


@dataclass
class Clock:
    """Seconds spent by part of the work, kept in a file over kills."""

    path: Path
    mark: float  # monotonic time up to which everything is counted
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.exists():
            self.seconds = read_json(self.path)["seconds"]

    def lap(self, part: str) -> None:
        """Count the time since the last lap for this part."""
        now = time.monotonic()
        self.seconds = {**self.seconds, part: round(self.seconds.get(part, 0.0) + now - self.mark, 3)}
        self.mark = now
        write_json(self.path, {"seconds": self.seconds})

    def finish(self, part: str, *, num_tokens: int) -> None:
        """The last lap, with the tokens per second of all steps, those done twice after a kill included."""
        self.lap(part)
        stepping = self.seconds.get("trunk", 0.0) + self.seconds.get("branch", 0.0)
        write_json(
            self.path, {"seconds": self.seconds, "tokens_per_second": round(num_tokens / max(stepping, 1e-9), 1)}
        )

    @property
    def spent(self) -> float:
        """Seconds so far, those before a kill included."""
        return sum(self.seconds.values()) + time.monotonic() - self.mark


@dataclass
class StopSignal:
    """SIGTERM: leave at once, or, while steps are made, after the step and its checkpoint."""

    is_wanted: bool = False
    is_stepping: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.is_wanted = True
        if not self.is_stepping:
            raise SystemExit(EXIT_TERMINATED)


class Pace(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Seconds a step, over the last steps."""

    def __init__(self) -> None:
        self.times: deque[float] = deque(maxlen=20)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.times.append(time.monotonic())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.times.append(time.monotonic())

    @property
    def seconds_per_step(self) -> float:
        """The median of the last steps; one slow step does not count."""
        steps = sorted(after - before for before, after in pairwise(self.times))
        return steps[len(steps) // 2] if steps else 0.0


class EnoughMeasured(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Ends a measuring that takes long: on a slow machine it must not use up the time that it is to plan."""

    def __init__(self, *, least_steps: int, ends_at: float) -> None:
        self.least_steps, self.ends_at = least_steps, ends_at

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= self.least_steps and time.monotonic() >= self.ends_at:
            control.should_training_stop = True


class Report(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Appends a row for each step, and ends the training when its loss is no number."""

    def __init__(
        self, path: Path, *, phase: str, first_step: int, num_steps: int, tokens_per_step: int, pace: Pace
    ) -> None:
        self.file = path.open("ab")
        if self.file.tell() > 0:
            self.file.write(b"\n")  # closes a row that a kill cut off; empty lines are skipped
        self.phase, self.first_step, self.num_steps = phase, first_step, num_steps
        self.tokens_per_step, self.pace = tokens_per_step, pace

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        state.log_history.clear()  # it would be written into every checkpoint
        if "loss" not in logs:
            return
        step, loss, grad_norm = self.first_step + state.global_step, logs["loss"], logs.get("grad_norm")
        if not is_finite(loss, grad_norm):
            raise DataError(
                f"train: step {step} has loss {loss} and gradient norm {grad_norm}. No model is made of this. "
                "Lower train.learning_rate and run again."
            )
        seconds = max(self.pace.seconds_per_step, 1e-9)
        row = {
            "step": step,
            "num_steps": max(self.num_steps, step),
            "phase": self.phase,
            "loss": loss,
            "learning_rate": logs["learning_rate"],
            "grad_norm": grad_norm,
            "tokens_per_second": round(self.tokens_per_step / seconds, 1),
            "seconds_left": round(max(0, self.num_steps - step) * seconds, 1),
        }
        self.file.write(json.dumps(row).encode() + b"\n")
        self.file.flush()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        os.fsync(self.file.fileno())

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.file.close()


class Keeper(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Decides after each step whether to write a checkpoint and whether to go on."""

    def __init__(
        self, settings: TrainSettings, *, phase: str, stop: StopSignal, clock: Clock, is_late: Callable[[int], bool]
    ) -> None:
        self.settings, self.phase, self.stop, self.clock, self.is_late = settings, phase, stop, clock, is_late
        self.saved_at = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        failpoint("train", "step")
        is_last = state.global_step >= state.max_steps
        if self.stop.is_wanted or self.is_late(state.global_step):
            control.should_training_stop = True
        control.should_save = not is_last and (self.stop.is_wanted or self._is_due(state.global_step))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.saved_at = time.monotonic()
        self.clock.lap(self.phase)

    def _is_due(self, step: int) -> bool:
        steps, minutes = self.settings.checkpoint_every_steps, self.settings.checkpoint_every_minutes
        if steps is not None and step % steps == 0:
            return True
        return minutes is not None and time.monotonic() - self.saved_at >= minutes * 60
