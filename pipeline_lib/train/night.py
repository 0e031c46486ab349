"""The work of the training process, from the job in a folder to a sealed result: start, plan, trunk, branch.

Each part that is done is kept (score of the start, plan, trunk, result), and the two phases keep checkpoints, so the
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
    PLAN_FILE,
    RESULT_FOLDER,
    START_FILE,
    SUMMARY_FILE,
    TRUNK_FOLDER,
    is_finished,
    read_metrics,
)
from pipeline_lib.train.lineage import TRUNK_FILE, lineage
from pipeline_lib.train.model import device, load_model, precision, save_model
from pipeline_lib.train.opened import OPTIMIZER_FILE, Night, open_night
from pipeline_lib.train.optimizer import read_state
from pipeline_lib.train.plan import Plan, read_plan, write_plan
from pipeline_lib.train.repeat import plan_of
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
    night = open_night(work, started=started, stop=stop)
    if not is_whole(work / TRUNK_FOLDER):
        _make_trunk(night)
    _make_result(night)


def _make_trunk(night: Night) -> None:
    model = night.start_model()
    night.clock.lap("start")
    if not (night.work / START_FILE).exists():
        write_json(night.work / START_FILE, {"bits_per_byte": _score(night, model)})
    plan = _kept_plan(night, model)
    pace = Pace()
    phase = Phase(
        name="trunk",
        num_steps=plan.most_trunk_steps,
        rate_factor=plan.trunk_factor,
        dataset=night.rows(0, plan.most_trunk_steps),
        optimizer_state=night.start_state,
        folder=night.work / "trunk-phase",
    )
    trainer = _run(night, plan, phase, model, first_step=0, pace=pace, is_late=lambda step: _is_late(night, step, pace))
    num_steps = trainer.state.global_step
    if num_steps != plan.trunk_steps:
        write_plan(night.work / PLAN_FILE, night.planner.ended(num_steps))
    _save_trunk(night, trainer, num_steps)


def _make_result(night: Night) -> None:
    plan = read_plan(night.work / PLAN_FILE)
    if plan is None:
        raise DataError(f"{night.work / PLAN_FILE}: is gone. Delete the folder and run again.")
    trunk = night.work / TRUNK_FOLDER
    phase = Phase(
        name="branch",
        num_steps=plan.decay_steps,
        rate_factor=plan.branch_factor,
        dataset=night.rows(plan.trunk_steps, plan.decay_steps),
        optimizer_state=read_state(trunk / OPTIMIZER_FILE),
        folder=night.work / "branch-phase",
    )
    trainer = _run(
        night, plan, phase, load_model(trunk), first_step=plan.trunk_steps, pace=Pace(), is_late=lambda _: False
    )
    incoming = _fresh(night.work / f"{RESULT_FOLDER}.tmp")
    save_model(trainer.model, night.inputs.tokenizer, incoming / MODEL_FOLDER)
    write_json(incoming / SUMMARY_FILE, _summary(night, plan, trainer.model))
    put(incoming, night.work / RESULT_FOLDER)
    night.clock.finish("save", num_tokens=plan.num_steps * night.tokens_per_step)


def _kept_plan(night: Night, model: PreTrainedModel) -> Plan:
    """The plan of the run before; else that of the lost training, or a new one."""
    path = night.work / PLAN_FILE
    plan = read_plan(path)
    if plan is None:
        plan = _new_plan(night, model) if night.recorded is None else plan_of(night.recorded)
        write_plan(path, plan)
    return plan


def _new_plan(night: Night, model: PreTrainedModel) -> Plan:
    """Speed is measured when there is a budget to keep."""
    budget = night.settings.budget_minutes
    if budget is None:
        return night.planner.plan()
    seconds_per_step = _seconds_per_step(night, model, budget)
    return night.planner.plan(
        seconds_per_step=seconds_per_step,
        seconds_left=budget * 60 - night.clock.spent - night.clock.seconds["score"],
        tokens_per_second=round(night.tokens_per_step / seconds_per_step, 1),
    )


def _seconds_per_step(night: Night, model: PreTrainedModel, budget_minutes: float) -> float:
    """Measured on a copy of the model that is thrown away, with the very trainer that will do the work."""
    pace = Pace()
    enough = EnoughMeasured(
        least_steps=LEAST_MEASURED_STEPS, ends_at=time.monotonic() + MEASURED_SHARE * budget_minutes * 60
    )
    phase = Phase(
        name="measure",
        num_steps=MEASURED_STEPS,
        rate_factor=lambda _: 1.0,
        dataset=night.rows(0, MEASURED_STEPS),
        optimizer_state=None,
        folder=None,
    )
    run_phase(copy.deepcopy(model), settings=night.settings, phase=phase, callbacks=[pace, enough])
    night.clock.lap("measure")
    return pace.seconds_per_step


def _is_late(night: Night, step: int, pace: Pace) -> bool:
    """Whether the branch of a trunk that ends at `step` must start now to end inside the budget."""
    if night.settings.budget_minutes is None or night.recorded is not None:
        return False
    still_to_do = SLOWDOWN * night.planner.decay_steps(step) * pace.seconds_per_step + night.clock.seconds["score"]
    return night.clock.spent + still_to_do > LATE_SHARE * night.settings.budget_minutes * 60


def _run(
    night: Night,
    plan: Plan,
    phase: Phase,
    model: PreTrainedModel,
    *,
    first_step: int,
    pace: Pace,
    is_late: Callable[[int], bool],
) -> PhaseTrainer:
    """Run a phase to its end. Leaves the process with 143 when SIGTERM came before."""
    if night.stop.is_wanted:
        raise SystemExit(EXIT_TERMINATED)
    report = Report(
        night.work / METRICS_FILE,
        phase=phase.name,
        first_step=first_step,
        num_steps=plan.num_steps,
        tokens_per_step=night.tokens_per_step,
        pace=pace,
    )
    keeper = Keeper(night.settings, phase=phase.name, stop=night.stop, clock=night.clock, is_late=is_late)
    night.stop.is_stepping = True
    trainer = run_phase(model, settings=night.settings, phase=phase, callbacks=[pace, report, keeper])
    night.stop.is_stepping = False
    night.clock.lap(phase.name)
    if night.stop.is_wanted and trainer.state.global_step < phase.num_steps:
        raise SystemExit(EXIT_TERMINATED)
    return trainer


def _save_trunk(night: Night, trainer: PhaseTrainer, num_steps: int) -> None:
    incoming = _fresh(night.work / f"{TRUNK_FOLDER}.tmp")
    save_model(trainer.model, night.inputs.tokenizer, incoming)
    torch.save(trainer.optimizer.state_dict(), incoming / OPTIMIZER_FILE)
    before = {} if night.inputs.trunk is None else read_json(night.inputs.trunk / TRUNK_FILE)
    num_rows = num_steps * night.settings.batch_rows
    shards = [one.arrived for one in night.inputs.tokens]
    cursor = remembering(night.reading.cursor_behind(num_rows, num_steps), shards)
    facts = {
        "lineage": lineage(night.settings, night.inputs.tokenizer),
        "num_nights": before.get("num_nights", 0) + 1,
        "num_steps": cursor.num_steps,
        "num_tokens": before.get("num_tokens", 0) + num_steps * night.tokens_per_step,
        "read": night.reading.account(num_rows),
        "unread_tokens": unread(cursor, text_of(night.settings, shards)),
    }
    write_json(incoming / TRUNK_FILE, facts)
    write_cursor(cursor, incoming)
    put(incoming, night.work / TRUNK_FOLDER)


def _score(night: Night, model: PreTrainedModel) -> float | None:
    """Bits per byte on the beginnings of some held-out documents, in float32; None when there are none, or it has no
    finite answer for them."""
    tables = [read_table(path, columns=["document_id", "text"]) for path in night.inputs.heldout]
    documents = sorted((row["document_id"], row["text"]) for table in tables for row in table.to_pylist())
    texts = [text[:SCORED_CHARACTERS] for _, text in documents[: night.settings.start_documents]]
    value = None
    if any(texts):
        backend = torch_logits(model.to(device()).eval())
        tokenizer = open_tokenizer(night.inputs.tokenizer)
        bits = bits_per_document(backend, tokenizer, texts, context_tokens=night.settings.context_tokens)
        value = finite(round(bits_per_byte(bits, bytes_per_document(texts)), 6))
    night.clock.lap("score")
    return value


def _summary(night: Night, plan: Plan, model: PreTrainedModel) -> dict[str, Any]:
    rows = last_row_of_each_step(read_metrics(night.work / METRICS_FILE)[0])
    trunk = read_json(night.work / TRUNK_FOLDER / TRUNK_FILE)
    return {
        "start_bits_per_byte": read_json(night.work / START_FILE)["bits_per_byte"],
        "end_bits_per_byte": _score(night, model),
        "first_loss": rows[0]["loss"],
        "trunk_loss": final_loss(rows, "trunk"),
        "branch_loss": final_loss(rows, "branch"),
        "loss_curve": loss_curve(rows),
        **{name: getattr(plan, name) for name in ("num_steps", "trunk_steps", "warmup_steps", "decay_steps")},
        "total_trunk_steps": trunk["num_steps"],  # of all nights
        "num_rows": plan.num_steps * night.settings.batch_rows,
        "num_tokens": plan.num_steps * night.tokens_per_step,
        "read": trunk["read"],
        "unread_tokens": trunk["unread_tokens"],
        "num_parameters": sum(weight.numel() for weight in model.parameters()),
        "has_trunk": night.inputs.trunk is not None,
        "precision": precision(night.settings),
        "device": device().type,
        "threads": night.settings.threads,
        "num_epochs": night.settings.num_epochs,
    }


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
