"""nightly: the whole night."""

from typing import Any

from prefect import flow

from flows.refresh import refresh
from flows.retrain import retrain
from pipeline_lib.settings import Settings
from tasks.night import open_night
from tasks.stages import PrefectRuntime, ended, own_flow_run_id


@flow(name="nightly", flow_run_name="nightly-{settings.profile}")
def nightly(settings: Settings) -> dict[str, Any]:
    """Refresh the data, retrain, judge; promote the model if it is better than the one in service."""
    with open_night(settings, "nightly", PrefectRuntime(), flow_run_id=own_flow_run_id()) as night:
        refreshed = refresh(settings)
        retrained = retrain(settings)
        result = {"refresh": refreshed, **retrained}
        night.end("completed", retrained["verdict"], result)
        return ended(retrained["verdict"], result)
