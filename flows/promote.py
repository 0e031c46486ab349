"""promote: make a registered version the champion."""

from typing import Any

from prefect import flow

from pipeline_lib.settings.tree import Settings
from tasks.moves import promote_version
from tasks.stages import PrefectRuntime


@flow(name="promote", flow_run_name="promote-{settings.profile}-version-{version}")
def promote(settings: Settings, version: int, reason: str = "by hand") -> dict[str, Any]:
    """Make `version` the champion; the champion until now becomes `previous`. Its files are verified first."""
    return promote_version(settings, version, reason, PrefectRuntime())
