"""retrain: from the newest snapshot to a judged model."""

from typing import Any

from prefect import flow

from flows.halves import retrain_model
from pipeline_lib.stages import AllSettings
from tasks.night import open_night
from tasks.stages import PrefectRuntime, ended


@flow(name="retrain", flow_run_name="retrain-{settings.profile}")
def retrain(settings: AllSettings) -> dict[str, Any]:
    """Train on the snapshot, measure, quantize, register, and promote the model if it is better than the champion."""
    with open_night(settings, "retrain", PrefectRuntime(settings.workspace)) as night:
        retrained = retrain_model(night)
        return ended(retrained["verdict"], retrained)
