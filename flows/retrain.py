"""retrain: from the newest snapshot to a judged model."""

from typing import Any

from prefect import flow

from pipeline_lib.plan.data import plan_sealed_data
from pipeline_lib.plan.judge import plan_judge
from pipeline_lib.plan.models import plan_models
from pipeline_lib.settings import Settings
from tasks.gate import judge
from tasks.night import open_night
from tasks.publish import publish_scores
from tasks.stages import PrefectRuntime, ended, name_runs, own_flow_run_id
from tasks.steps import do_step
from tasks.train import do_train


@flow(name="retrain", flow_run_name="retrain-{settings.profile}")
def retrain(settings: Settings) -> dict[str, Any]:
    """Train on the snapshot, measure, quantize, register, and promote the model if it is better than the champion.

    Gives the figures of the challenger and the verdict. No new text: all of it is there already.
    """
    with open_night(settings, "retrain", PrefectRuntime(), flow_run_id=own_flow_run_id()) as night:
        data = plan_sealed_data(settings, night.workspace)
        models = plan_models(settings, night.workspace, data)
        name_runs(data, night)
        do_train(models.train, night)
        do_step(models.evaluate, night)
        do_step(models.quantize, night)
        do_step(models.evaluate_int8, night)
        verdict = judge(plan_judge(settings, night.workspace, data, models), models, night)
        return ended(verdict.sentence, publish_scores(models, verdict, night))
