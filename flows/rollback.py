"""rollback: put the previous champion back."""

from typing import Any

from prefect import flow

from pipeline_lib.stages import AllSettings
from tasks.moves import roll_back
from tasks.stages import PrefectRuntime


@flow(name="rollback", flow_run_name="rollback-{settings.profile}")
def rollback(settings: AllSettings, reason: str = "by hand") -> dict[str, Any]:
    """Put the previous champion back; the present one becomes `previous`."""
    return roll_back(settings, reason, PrefectRuntime())
