"""rollback: put the previous champion back."""

from typing import Any

from prefect import flow

from pipeline_lib.stages import AllSettings
from tasks.moves import roll_back
from tasks.stages import PrefectRuntime


@flow(name="rollback", flow_run_name="rollback-{settings.profile}")
def rollback(settings: AllSettings, reason: str = "by hand", unsigned: int | None = None) -> dict[str, Any]:
    """Put the previous champion back; the present one becomes `previous`.

    Its files and their signature are verified first; `unsigned` names it where nobody signed it who is trusted.
    """
    return roll_back(settings, reason, PrefectRuntime(settings.workspace), unsigned=unsigned)
