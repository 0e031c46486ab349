"""rollback: put the previous champion back."""

from typing import Any

from prefect import flow

from pipeline_lib.settings.tree import Settings
from tasks.moves import roll_back
from tasks.stages import PrefectRuntime


@flow(name="rollback", flow_run_name="rollback-{settings.profile}")
def rollback(settings: Settings, reason: str = "by hand") -> dict[str, Any]:
    """Put the previous champion back; the present one becomes `previous`."""
    return roll_back(settings, reason, PrefectRuntime())
