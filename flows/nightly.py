"""nightly: the whole night, all of its stages in one run.

The halves are not flows inside this flow: a flow run inside another costs Prefect half a second, and a night that is
one run shows all of its stages in one picture.
"""

from typing import Any

from prefect import flow

from flows.halves import whole_night
from pipeline_lib.stages import AllSettings
from tasks.stages import PrefectRuntime, ended


@flow(name="nightly", flow_run_name="nightly-{settings.profile}")
def nightly(settings: AllSettings) -> dict[str, Any]:
    """Refresh the data, retrain, judge; promote the model if it is better than the one in service."""
    result = whole_night(settings, PrefectRuntime(settings.workspace))
    return ended(result["verdict"], result)
