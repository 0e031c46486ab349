"""What is written down once a part of the plan is done."""

from pipeline_lib.plan.documents import DocumentsPlan
from pipeline_lib.plan.tokens import TokensPlan
from tasks.night import Night


def settle_batches(plan: DocumentsPlan, night: Night) -> None:
    """The new batches are sealed: from now on they belong to the past."""
    if list(plan.batches) != night.workspace.batches():
        night.workspace.save_batches(plan.batches)


def settle_pins(plan: TokensPlan, night: Night) -> None:
    """The tokenizer is there: from now on it stays, and so do the documents that models are judged on."""
    for name, value in plan.pins.items():
        if night.workspace.pin(name) is None:
            night.workspace.save_pin(name, value)
