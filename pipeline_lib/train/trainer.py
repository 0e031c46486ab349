"""One phase of a training: the Trainer of transformers, thinly subclassed, and what happens after each of its steps.

The Trainer brings devices, autocast, clipping, the loop and exact resume for 3 to 4 ms a step. Ours are the order of
the rows, the loss over targets, the optimizer, checkpoints that are whole, and the watch over the loss
(`logging_nan_inf_filter`, on by default there, would hide a NaN).
"""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import SequentialSampler
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from pipeline_lib.model.reading.index import IGNORED
from pipeline_lib.train.checkpoints import PREFIX, newest_checkpoint, put, remove_old_checkpoints
from pipeline_lib.train.model import device, precision
from pipeline_lib.train.optimizer import build_optimizer, load_momenta
from pipeline_lib.train.reading import Rows
from pipeline_lib.train.settings import TrainSettings

COLUMNS = {"attend": ("input_ids", "labels"), "restart": ("input_ids", "labels", "position_ids")}
INCOMING = "incoming.tmp"  # where a checkpoint is written before it is sealed


@dataclass(frozen=True)
class Phase:
    """A stretch of steps with its own schedule, data and checkpoints."""

    name: str
    num_steps: int
    rate_factor: Callable[[int], float]  # step from 0 -> share of the learning rate
    dataset: Rows
    optimizer_state: Mapping[str, Any] | None  # moving averages to start from
    folder: Path | None  # of its checkpoints; None keeps none


class PhaseTrainer(Trainer):  # type: ignore[misc]  # transformers carries no types
    """A Trainer that reads rows in their given order and writes checkpoints that are whole."""

    def __init__(self, *, model: PreTrainedModel, settings: TrainSettings, phase: Phase, **kwargs: Any):
        self.settings, self.phase = settings, phase
        super().__init__(
            model=model,
            args=_arguments(settings, phase),
            train_dataset=phase.dataset,
            data_collator=partial(_collate, names=COLUMNS[settings.document_borders]),
            **kwargs,
        )
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset or self.train_dataset)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Muon and AdamW, with the moving averages that the phase starts from."""
        optimizer = build_optimizer(model or self.model, self.settings)
        if self.phase.optimizer_state is not None:
            load_momenta(optimizer, self.phase.optimizer_state)
        self.optimizer = optimizer
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule of the phase."""
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, self.phase.rate_factor)
        return self.lr_scheduler

    def compute_loss(
        self, model: Any, inputs: Mapping[str, torch.Tensor], return_outputs: bool = False, **_: Any
    ) -> torch.Tensor:
        """Mean nats per target; a batch of padding alone has 0.

        Given positions that begin anew, transformers' causal mask keeps what lies before such a beginning out of sight.
        """
        targets_N = inputs["labels"].flatten()
        others = {name: tensor for name, tensor in inputs.items() if name != "labels"}
        scores_BTV = model(**others, use_cache=False).logits
        total = torch.nn.functional.cross_entropy(
            scores_BTV.float().flatten(0, 1), targets_N, ignore_index=IGNORED, reduction="sum"
        )
        return total / (targets_N != IGNORED).sum().clamp(min=1)

    def _get_output_dir(self, trial: Any) -> str:
        return str(self.checkpoint_folder / INCOMING)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        incoming = self.checkpoint_folder / INCOMING
        shutil.rmtree(incoming, ignore_errors=True)
        super()._save_checkpoint(model, trial)
        name = f"{PREFIX}{self.state.global_step}"
        put(incoming / name, self.checkpoint_folder / name)
        remove_old_checkpoints(self.checkpoint_folder)

    @property
    def checkpoint_folder(self) -> Path:
        """Where the checkpoints of this phase are."""
        return Path(self.args.output_dir)


def run_phase(
    model: PreTrainedModel,
    *,
    settings: TrainSettings,
    phase: Phase,
    callbacks: Sequence[TrainerCallback],
) -> PhaseTrainer:
    """Train to the end of the phase, or until a callback stops it, from its newest checkpoint if there is one."""
    trainer = PhaseTrainer(model=model, settings=settings, phase=phase, callbacks=list(callbacks))
    checkpoint = None if phase.folder is None else newest_checkpoint(phase.folder)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return trainer


def _arguments(settings: TrainSettings, phase: Phase) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(phase.folder or Path()),  # nothing is written there without a folder
        max_steps=phase.num_steps,
        per_device_train_batch_size=settings.batch_rows,
        learning_rate=settings.learning_rate,
        max_grad_norm=settings.max_grad_norm,
        bf16=precision(settings) == "bf16",
        use_cpu=device().type == "cpu",
        seed=settings.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",  # our callback says when
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=device().type == "cuda",
    )


def _collate(rows: Sequence[Mapping[str, Any]], *, names: Sequence[str]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in names}


def is_finite(*values: float | None) -> bool:
    """Whether all numbers that are there are finite."""
    return all(value is None or math.isfinite(value) for value in values)
