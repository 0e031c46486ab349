"""maintenance: once a week, what nothing needs any more goes."""

from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.prefect_runs import forget_old_runs
from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.stages import AllSettings
from tasks.maintain import collect, sentence_of
from tasks.night import open_night
from tasks.stages import PrefectRuntime, ended


@flow(name="maintenance", flow_run_name="maintenance-{settings.profile}")
def maintenance(settings: AllSettings) -> dict[str, Any]:
    """Remove what nothing needs any more. Where a night is at work nothing is removed: next week will do."""
    try:
        with open_night(settings, "maintenance", PrefectRuntime()) as night:
            told = collect(night)
            forgotten = forget_old_runs(night.workspace, settings.maintenance.keep_runs_days, night.reporter.say)
            told["goes"] += [{"kind": "runs in Prefect", "count": forgotten, "bytes": 0}] if forgotten else []
            night.end("completed", sentence_of(told), told)
            return ended(sentence_of(told), told)
    except WorkspaceBusy as exc:
        skipped: Any = Completed(name="Skipped", message=str(exc))
        return skipped
