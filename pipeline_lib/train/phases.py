"""The work of the training process, from the job in a folder to a sealed result: start, steps, trunk, branch.

Each part that is done is kept (score of the start, steps, trunk, result), and the two phases keep checkpoints, so the
same call after a kill goes on where it was and, on a CPU with the same number of threads, ends with the same bits.
"""

import copy
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.records import finite
from pipeline_lib.model.scoring import (
    bits_per_byte,
    bits_per_document,
    bytes_per_document,
    open_tokenizer,
    torch_logits,
)
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.tables import read_table
from pipeline_lib.train.callbacks import EXIT_TERMINATED, EnoughMeasured, Keeper, Pace, Report, StopSignal
from pipeline_lib.train.checkpoints import is_whole, put
from pipeline_lib.train.cursor import remembering, unread, write_cursor
from pipeline_lib.train.extent import text_of
from pipeline_lib.train.job import (
    METRICS_FILE,
    MODEL_FOLDER,
    RESULT_FOLDER,
    START_FILE,
    STEPS_FILE,
    SUMMARY_FILE,
    TRUNK_FOLDER,
    is_finished,
    read_metrics,
)
from pipeline_lib.train.lineage import TRUNK_FILE, lineage
from pipeline_lib.train.model import device, load_model, precision, save_model
from pipeline_lib.train.opened import OPTIMIZER_FILE, Training, open_training
from pipeline_lib.train.optimizer import read_state
from pipeline_lib.train.repeat import steps_of
from pipeline_lib.train.steps import Steps, read_steps, write_steps
from pipeline_lib.train.summary import final_loss, last_row_of_each_step, loss_curve
from pipeline_lib.train.trainer import Phase, PhaseTrainer, run_phase

MEASURED_STEPS = 7  # the median of them: the first ones, which allocate, do not count
LEAST_MEASURED_STEPS = 2  # where steps take so long that 7 would use up the night
MEASURED_SHARE = 0.1  # of the budget
SCORED_CHARACTERS = 2000  # of each document at the start and the end
LATE_SHARE = 0.95  # of the budget: the rest is for saving
SLOWDOWN = 1.3  # the branch is given time for steps so much slower than the last ones of the trunk


def train(work: Path, *, started: float, stop: StopSignal) -> None:
    """Do the job of the folder `work`, or what is left of it. `started`: monotonic time the budget counts from."""
    if is_finished(work):
        return
    training = open_training(work, started=started, stop=stop)
    if not is_whole(work / TRUNK_FOLDER):
        _make_trunk(training)
    _make_result(training)


def _make_trunk(training: Training) -> None:
    model = training.start_model()
    training.clock.lap("start")
    if not (training.work / START_FILE).exists():
        write_json(training.work / START_FILE, {"bits_per_byte": _score(training, model)})
    steps = _kept_steps(training, model)
    pace = Pace()
    phase = Phase(
        name="trunk",
        num_steps=steps.most_trunk_steps,
        rate_factor=steps.trunk_factor,
        dataset=training.rows(0, steps.most_trunk_steps),
        optimizer_state=training.start_state,
        folder=training.work / "trunk-phase",
    )
    trainer = _run(
        training, steps, phase, model, first_step=0, pace=pace, is_late=lambda step: _is_late(training, step, pace)
    )
    num_steps = trainer.state.global_step
    if num_steps != steps.trunk_steps:
        write_steps(training.work / STEPS_FILE, training.extent.ended(num_steps))
    _save_trunk(training, trainer, num_steps)


def _make_result(training: Training) -> None:
    steps = read_steps(training.work / STEPS_FILE)
    if steps is None:
        raise DataError(f"{training.work / STEPS_FILE}: is gone. Delete the folder and run again.")
    trunk = training.work / TRUNK_FOLDER
    phase = Phase(
        name="branch",
        num_steps=steps.decay_steps,
        rate_factor=steps.branch_factor,
        dataset=training.rows(steps.trunk_steps, steps.decay_steps),
        optimizer_state=read_state(trunk / OPTIMIZER_FILE),
        folder=training.work / "branch-phase",
    )
    trainer = _run(
        training, steps, phase, load_model(trunk), first_step=steps.trunk_steps, pace=Pace(), is_late=lambda _: False
    )
    incoming = _fresh(training.work / f"{RESULT_FOLDER}.tmp")
    save_model(trainer.model, training.inputs.tokenizer, incoming / MODEL_FOLDER)
    write_json(incoming / SUMMARY_FILE, _summary(training, steps, trainer.model))
    put(incoming, training.work / RESULT_FOLDER)
    training.clock.finish("save", num_tokens=steps.num_steps * training.tokens_per_step)


def _kept_steps(training: Training, model: PreTrainedModel) -> Steps:
    """The steps of the run before; else those of the lost training, or new ones."""
    path = training.work / STEPS_FILE
    steps = read_steps(path)
    if steps is None:
        steps = _new_steps(training, model) if training.recorded is None else steps_of(training.recorded)
        write_steps(path, steps)
    return steps


def _new_steps(training: Training, model: PreTrainedModel) -> Steps:
    """Speed is measured when there is a budget to keep."""
    budget = training.settings.budget_minutes
    if budget is None:
        return training.extent.steps()
    seconds_per_step = _seconds_per_step(training, model, budget)
    return training.extent.steps(
        seconds_per_step=seconds_per_step,
        seconds_left=budget * 60 - training.clock.spent - training.clock.seconds["score"],
        tokens_per_second=round(training.tokens_per_step / seconds_per_step, 1),
    )


def _seconds_per_step(training: Training, model: PreTrainedModel, budget_minutes: float) -> float:
    """Measured on a copy of the model that is thrown away, with the very trainer that will do the work."""
    pace = Pace()
    enough = EnoughMeasured(
        least_steps=LEAST_MEASURED_STEPS, ends_at=time.monotonic() + MEASURED_SHARE * budget_minutes * 60
    )
    phase = Phase(
        name="measure",
        num_steps=MEASURED_STEPS,
        rate_factor=lambda _: 1.0,
        dataset=training.rows(0, MEASURED_STEPS),
        optimizer_state=None,
        folder=None,
    )
    run_phase(copy.deepcopy(model), settings=training.settings, phase=phase, callbacks=[pace, enough])
    training.clock.lap("measure")
    return pace.seconds_per_step


def _is_late(training: Training, step: int, pace: Pace) -> bool:
    """Whether the branch of a trunk that ends at `step` must start now to end inside the budget."""
    if training.settings.budget_minutes is None or training.recorded is not None:
        return False
    if training.extent.ended(step).num_steps < training.extent.least_steps:
        return False
    still_to_do = SLOWDOWN * training.extent.decay_steps(step) * pace.seconds_per_step + training.clock.seconds["score"]
    return training.clock.spent + still_to_do > LATE_SHARE * training.settings.budget_minutes * 60


def _run(
    training: Training,
    steps: Steps,
    phase: Phase,
    model: PreTrainedModel,
    *,
    first_step: int,
    pace: Pace,
    is_late: Callable[[int], bool],
) -> PhaseTrainer:
    """Run a phase to its end. Leaves the process with 143 when SIGTERM came before."""
    if training.stop.is_wanted:
        raise SystemExit(EXIT_TERMINATED)
    report = Report(
        training.work / METRICS_FILE,
        phase=phase.name,
        first_step=first_step,
        num_steps=steps.num_steps,
        tokens_per_step=training.tokens_per_step,
        pace=pace,
    )
    keeper = Keeper(training.settings, phase=phase.name, stop=training.stop, clock=training.clock, is_late=is_late)
    training.stop.is_stepping = True
    trainer = run_phase(model, settings=training.settings, phase=phase, callbacks=[pace, report, keeper])
    training.stop.is_stepping = False
    training.clock.lap(phase.name)
    if training.stop.is_wanted and trainer.state.global_step < phase.num_steps:
        raise SystemExit(EXIT_TERMINATED)
    return trainer


def _save_trunk(training: Training, trainer: PhaseTrainer, num_steps: int) -> None:
    incoming = _fresh(training.work / f"{TRUNK_FOLDER}.tmp")
    save_model(trainer.model, training.inputs.tokenizer, incoming)
    with (incoming / OPTIMIZER_FILE).open("wb") as file:  # given a path, torch names what is in the file by it
        torch.save(trainer.optimizer.state_dict(), file)
    before = {} if training.inputs.trunk is None else read_json(training.inputs.trunk / TRUNK_FILE)
    num_rows = num_steps * training.settings.batch_rows
    shards = [one.arrived for one in training.inputs.tokens]
    cursor = remembering(training.reading.cursor_behind(num_rows, num_steps), shards)
    facts = {
        "lineage": lineage(training.settings, training.inputs.tokenizer),
        "num_nights": before.get("num_nights", 0) + 1,
        "num_steps": cursor.num_steps,
        "num_tokens": before.get("num_tokens", 0) + num_steps * training.tokens_per_step,
        "read": training.reading.account(num_rows),
        "unread_tokens": unread(cursor, text_of(training.settings, shards)),
    }
    write_json(incoming / TRUNK_FILE, facts)
    write_cursor(cursor, incoming)
    put(incoming, training.work / TRUNK_FOLDER)


def _score(training: Training, model: PreTrainedModel) -> float | None:
    """Bits per byte on the beginnings of some held-out documents, in float32; None when there are none, or it has no
    finite answer for them."""
    tables = [read_table(path, columns=["document_id", "text"]) for path in training.inputs.heldout]
    documents = sorted((row["document_id"], row["text"]) for table in tables for row in table.to_pylist())
    texts = [text[:SCORED_CHARACTERS] for _, text in documents[: training.settings.start_documents]]
    value = None
    if any(texts):
        backend = torch_logits(model.to(device()).eval())
        tokenizer = open_tokenizer(training.inputs.tokenizer)
        bits = bits_per_document(backend, tokenizer, texts, context_tokens=training.settings.context_tokens)
        value = finite(round(bits_per_byte(bits, bytes_per_document(texts)), 6))
    training.clock.lap("score")
    return value


def _summary(training: Training, steps: Steps, model: PreTrainedModel) -> dict[str, Any]:
    rows = last_row_of_each_step(read_metrics(training.work / METRICS_FILE)[0])
    trunk = read_json(training.work / TRUNK_FOLDER / TRUNK_FILE)
    return {
        "start_bits_per_byte": read_json(training.work / START_FILE)["bits_per_byte"],
        "end_bits_per_byte": _score(training, model),
        "first_loss": rows[0]["loss"],
        "trunk_loss": final_loss(rows, "trunk"),
        "branch_loss": final_loss(rows, "branch"),
        "loss_curve": loss_curve(rows),
        **{name: getattr(steps, name) for name in ("num_steps", "trunk_steps", "warmup_steps", "decay_steps")},
        "total_trunk_steps": trunk["num_steps"],  # of all nights
        "num_rows": steps.num_steps * training.settings.batch_rows,
        "num_tokens": steps.num_steps * training.tokens_per_step,
        "read": trunk["read"],
        "unread_tokens": trunk["unread_tokens"],
        "num_parameters": sum(weight.numel() for weight in model.parameters()),
        "has_trunk": training.inputs.trunk is not None,
        "precision": precision(training.settings),
        "device": device().type,
        "threads": training.settings.threads,
        "num_epochs": training.settings.num_epochs,
    }


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
