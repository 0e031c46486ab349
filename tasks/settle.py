"""What is written down once a part of the plan is done."""

from pipeline_lib.plan.benchmarks import BenchmarksPlan
from pipeline_lib.plan.closed import save_closed
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.sides import save_pin
from pipeline_lib.plan.tokenizer import TokenizerPlan, pinned_in
from tasks.night import Night


def settle_batches(plan: DataPlan, night: Night) -> None:
    """The new batches are sealed: from now on they belong to the past. Those that are given up leave it, on record."""
    known = night.workspace.given_up()
    if lost := [batch for batch in plan.found.given_up if batch not in known]:
        night.workspace.save_given_up([*known, *lost])  # first: the catalog forgets them
    if list(plan.batches) != night.workspace.batches():
        night.workspace.save_batches(plan.batches)


def settle_tokenizer(plan: TokenizerPlan, night: Night) -> None:
    """The tokenizer is there: from now on it stays."""
    if pinned_in(night.workspace, plan.pin) != plan.pinned:
        night.workspace.save_pin(plan.pin, plan.pinned)


def settle_benchmarks(plan: BenchmarksPlan, night: Night) -> None:
    """The benchmarks are there: models are judged on them until they grow or are renewed."""
    save_pin(night.workspace, plan.pin)


def settle_closed(plan: DataPlan, night: Night) -> None:
    """All that was wanted of the data half is whole: from now on a few nodes stand for its batches."""
    if not plan.tokenizer.pinned.is_provisional:
        save_closed(night.workspace, plan.recipe, plan.batches, plan.carried.carried)
