"""refresh: from the sources to a snapshot that a training can start from."""

from typing import Any

from prefect import flow

from flows.halves import refresh_data
from pipeline_lib.stages import AllSettings
from tasks.night import open_night
from tasks.stages import PrefectRuntime, ended


@flow(name="refresh", flow_run_name="refresh-{settings.profile}")
def refresh(settings: AllSettings) -> dict[str, Any]:
    """Take in what is new, clean it, drop duplicates and personal data, tokenize it."""
    with open_night(settings, "refresh", PrefectRuntime(settings.workspace)) as night:
        funnel = refresh_data(night)
        return ended(funnel["sentence"], funnel)
