"""Asking the sources that have no files of their own: what they answer lands here, and is looked at then."""

from datetime import UTC, datetime

from pipeline_lib.ingest import works
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.plan.batches import landing_of
from pipeline_lib.run.step import Step
from tasks.night import Night
from tasks.steps import do_step


def land(source: Source, night: Night) -> None:
    """Ask one source for what it holds; what it gave last time is not fetched again."""
    before = landing_of(night.workspace, source.name)
    asked = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    work = works.land(night.settings.of(IngestSettings), source.name, asked, before)
    step = Step("ingest", f"landing of {source.name}", (), (work,), work, todo=frozenset([work.ref]))
    do_step(step, night, {work.ref: work})
    night.workspace.save_pin(f"landing-{source.name}", work.ref)
