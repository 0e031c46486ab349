"""What a training process has open: its order, what it reads, where it works, the clock and signal it obeys."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.reading.index import Specials
from pipeline_lib.train.callbacks import Clock, StopSignal
from pipeline_lib.train.cursor import read_cursor
from pipeline_lib.train.job import START_FILE, STEPS_FILE, TIMINGS_FILE, TrainInputs, read_job
from pipeline_lib.train.lineage import trunk_fits
from pipeline_lib.train.model import load_model, new_model, special_ids
from pipeline_lib.train.optimizer import read_state
from pipeline_lib.train.reading import Reading, Rows, open_reading
from pipeline_lib.train.repeat import read_repeat, settings_of
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.steps import Extent

OPTIMIZER_FILE = "optimizer.pt"


@dataclass
class Training:
    """One training."""

    work: Path
    settings: TrainSettings
    inputs: TrainInputs
    clock: Clock
    stop: StopSignal
    reading: Reading
    specials: Specials
    recorded: Mapping[str, Any] | None  # the lost training that this one repeats

    @property
    def tokens_per_step(self) -> int:
        """Positions of one step, padding included."""
        return self.settings.batch_rows * self.settings.context_tokens

    @cached_property
    def start_state(self) -> dict[str, Any] | None:
        """The optimizer of last night's trunk."""
        return None if self.inputs.trunk is None else read_state(self.inputs.trunk / OPTIMIZER_FILE)

    def start_model(self) -> PreTrainedModel:
        """Last night's trunk, or random weights. The same at every call."""
        if self.inputs.trunk is None:
            return new_model(self.settings, self.inputs.tokenizer)
        model = load_model(self.inputs.trunk)
        model.config.max_position_embeddings = self.settings.context_tokens  # rotary positions have no weights
        return model

    @property
    def extent(self) -> Extent:
        """What decides the steps."""
        max_steps = self.inputs.num_rows // self.settings.batch_rows
        return Extent(self.settings, self.reading.total, self.reading.cursor.num_steps, max_steps)

    def rows(self, first_step: int, num_steps: int) -> Rows:
        """The rows of these steps, counted over trunk and branch: the branch reads on where the trunk ended."""
        batch = self.settings.batch_rows
        return Rows(self.reading, self.specials, first_step * batch, num_steps * batch)


def open_training(work: Path, *, started: float, stop: StopSignal) -> Training:
    """Raises `DataError` when there is nothing to train on, or the trunk does not fit."""
    settings, inputs = read_job(work)
    recorded = read_repeat(work)
    settings = settings_of(settings, recorded)
    torch.set_num_threads(settings.threads)
    if inputs.trunk is not None and not trunk_fits(settings, inputs.tokenizer, inputs.trunk):
        raise DataError(
            f"{inputs.trunk}: this trunk has another shape, optimizer or tokenizer under the same name, as another "
            "release of a library may make them. Raise tokenize.generation: models then start anew."
        )
    cursor = read_cursor(inputs.trunk, [one.arrived for one in inputs.tokens])
    reading = open_reading(settings, inputs.tokens, cursor, inputs.num_rows)
    if reading.num_new == 0:
        raise DataError("train: there is no unread text. Without it there is nothing to train.")
    specials = Specials(*special_ids(inputs.tokenizer))
    if not (work / STEPS_FILE).exists():  # what was tried has made nothing, and takes nothing of this run's budget
        for name in (TIMINGS_FILE, START_FILE):
            (work / name).unlink(missing_ok=True)
    clock = Clock(work / TIMINGS_FILE, started)
    return Training(work, settings, inputs, clock, stop, reading, specials, recorded)
