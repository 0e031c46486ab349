"""maintenance: once a week, what nothing needs any more goes."""

from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.prefect_runs import forget_old_runs
from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.stages import AllSettings
from tasks.maintain import collect, open_maintenance, sentence_of
from tasks.stages import PrefectRuntime, ended


@flow(name="maintenance", flow_run_name="maintenance-{settings.profile}")
def maintenance(settings: AllSettings) -> dict[str, Any]:
    """Remove what nothing needs any more. Beside a night or a backup nothing is removed: next week will do."""
    try:
        with open_maintenance(settings, "maintenance", PrefectRuntime(settings.workspace)) as night:
            told = collect(night)
            forgotten = forget_old_runs(night.workspace, settings.maintenance.keep_runs_days, night.reporter.say)
            told["goes"] += [{"kind": "runs in Prefect", "count": forgotten, "bytes": 0}] if forgotten else []
            night.end("completed", sentence_of(told), told)
            return ended(sentence_of(told), told)
    except WorkspaceBusy as exc:
        skipped: Any = Completed(name="Skipped", message=str(exc))
        return skipped
