"""The two halves of a night, as tables of contents: which stages run, in which order.

A flow runs them as Prefect tasks, a test without Prefect runs them as they are: that is the runtime's choice.
"""

from typing import Any

from pipeline_lib.plan.data import plan_data, plan_sealed_data
from pipeline_lib.plan.judge import plan_judge
from pipeline_lib.plan.models import plan_models
from tasks.gate import judge
from tasks.night import Night
from tasks.publish import name_run, publish_funnel, publish_scores
from tasks.settle import settle_batches, settle_pins
from tasks.steps import do_step, do_steps
from tasks.train import do_train


def refresh_data(night: Night) -> dict[str, Any]:
    """Take in what is new, clean it, drop duplicates and personal data, tokenize it.

    Gives the funnel: for each stage documents in, out and dropped by reason; and the snapshot.
    """
    plan = night.plan or plan_data(night.settings, night.workspace)
    do_steps(plan.documents.ingest, night)
    settle_batches(plan.documents, night)
    do_steps(plan.documents.clean, night)
    do_steps(plan.documents.dedup, night)
    do_steps(plan.documents.scrub, night)
    do_step(plan.tokens.tokenizer, night)
    settle_pins(plan.tokens, night)
    do_steps(plan.tokens.tokens, night)
    do_step(plan.tokens.snapshot, night)
    name_run(plan, night)
    return publish_funnel(plan, night)


def retrain_model(night: Night) -> dict[str, Any]:
    """Train on the snapshot, measure, quantize, register, and promote the model if it is better than the champion.

    Gives the figures of the challenger and the verdict. No new text: all of it is there already.
    """
    data = plan_sealed_data(night.settings, night.workspace)
    models = plan_models(night.settings, night.workspace, data)
    name_run(data, night)
    do_train(models.train, night)
    do_step(models.evaluate, night)
    do_step(models.quantize, night)
    do_step(models.evaluate_int8, night)
    verdict = judge(plan_judge(night.settings, night.workspace, data, models), models, night)
    return publish_scores(models, verdict, night)
