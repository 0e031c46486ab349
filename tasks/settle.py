"""What is written down once a part of the plan is done."""

from pipeline_lib.ingest import stage as ingest
from pipeline_lib.ingest.plan import PLAN_FILE
from pipeline_lib.plan.batches import plan_copy
from pipeline_lib.plan.documents import DocumentsPlan
from pipeline_lib.plan.tokens import TokensPlan
from pipeline_lib.store.files import write_atomically
from tasks.night import Night


def settle_batches(plan: DocumentsPlan, night: Night) -> None:
    """The new batches are sealed: from now on they belong to the past, and can be rebuilt from a copy of their plan."""
    for batch in plan.batches:
        copy = plan_copy(night.workspace, batch.fingerprint)
        if not copy.is_file():
            sealed = night.workspace.store.open(ingest.STAGE, batch.fingerprint, files=[PLAN_FILE])
            write_atomically(copy, sealed.file(PLAN_FILE).read_bytes())
    if list(plan.batches) != night.workspace.batches():
        night.workspace.save_batches(plan.batches)


def settle_pins(plan: TokensPlan, night: Night) -> None:
    """The tokenizer is there: from now on it stays, and so do the documents that models are judged on."""
    for name, value in plan.pins.items():
        if night.workspace.pin(name) != value:
            night.workspace.save_pin(name, value)
