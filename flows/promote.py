"""promote: make a registered version the champion."""

from typing import Any

from prefect import flow

from pipeline_lib.stages import AllSettings
from tasks.moves import promote_version
from tasks.stages import PrefectRuntime


@flow(name="promote", flow_run_name="promote-{settings.profile}-version-{version}")
def promote(
    settings: AllSettings, version: int, reason: str = "by hand", unsigned: int | None = None
) -> dict[str, Any]:
    """Make `version` the champion; the champion until now becomes `previous`.

    Its files and their signature are verified first; `unsigned` names it again where nobody signed it who is trusted.
    """
    return promote_version(settings, version, reason, PrefectRuntime(settings.workspace), unsigned=unsigned)
