"""refresh: from the sources to a snapshot that a training can start from."""

from typing import Any

from prefect import flow

from pipeline_lib.plan.data import plan_data
from pipeline_lib.settings import Settings
from tasks.night import open_night
from tasks.publish import publish_funnel
from tasks.settle import settle_batches, settle_pins
from tasks.stages import PrefectRuntime, ended, name_runs, own_flow_run_id
from tasks.steps import do_step, do_steps


@flow(name="refresh", flow_run_name="refresh-{settings.profile}")
def refresh(settings: Settings) -> dict[str, Any]:
    """Take in what is new, clean it, drop duplicates and personal data, tokenize it.

    Gives the funnel: for each stage documents in, out and dropped by reason; and the snapshot.
    """
    with open_night(settings, "refresh", PrefectRuntime(), flow_run_id=own_flow_run_id()) as night:
        plan = plan_data(settings, night.workspace)
        do_steps(plan.documents.ingest, night)
        settle_batches(plan.documents, night)
        do_steps(plan.documents.clean, night)
        do_steps(plan.documents.dedup, night)
        do_steps(plan.documents.scrub, night)
        do_step(plan.tokens.tokenizer, night)
        settle_pins(plan.tokens, night)
        do_steps(plan.tokens.tokens, night)
        do_step(plan.tokens.snapshot, night)
        name_runs(plan, night)
        funnel = publish_funnel(plan, night)
        return ended(funnel["sentence"], funnel)
