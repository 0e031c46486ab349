"""maintenance: once a week token shards are joined, what nothing needs goes, and a part of the rest is verified."""

from typing import Any

from prefect import flow
from prefect.states import Completed, Failed

from flows.prefect_runs import forget_old_runs
from flows.verify import own_databases
from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.workspace import Workspace
from tasks.compact import as_data as compacted_as_data
from tasks.compact import compact_or_say
from tasks.maintain import collect, open_maintenance, sentence_of
from tasks.stages import PrefectRuntime, ended
from tasks.verify import Wish, as_data, verify


@flow(name="maintenance", flow_run_name="maintenance-{settings.profile}")
def maintenance(settings: AllSettings) -> dict[str, Any]:
    """Compact, remove what nothing needs any more, then read and compare for `maintenance.verify_minutes`.

    Beside a night or a backup nothing is done: next week will do. It fails where something is damaged and cannot be
    healed.
    """
    runtime = PrefectRuntime(settings.workspace)
    try:
        with open_maintenance(settings, "maintenance", runtime) as night:
            compacted = compact_or_say(night)
            told = {**collect(night), "compacted": compacted_as_data(compacted)}
            forgotten = forget_old_runs(night.workspace, settings.maintenance.keep_runs_days, night.reporter.say)
            told["goes"] += [{"kind": "runs in Prefect", "count": forgotten, "bytes": 0}] if forgotten else []
            night.end("completed", sentence_of(told), told)
    except WorkspaceBusy as exc:
        skipped: Any = Completed(name="Skipped", message=str(exc))
        return skipped
    seconds = settings.maintenance.verify_minutes * 60
    if not seconds:
        return ended(sentence_of(told), told)
    workspace = Workspace(settings.workspace.resolve())
    found = verify(settings, workspace, runtime, own_databases(workspace), Wish(seconds=seconds))
    sentence = f"{sentence_of(told)}; {found.sentence}"
    if found.stays:
        failed: Any = Failed(message=f"{sentence}. nightshift verify says what to do")
        return failed
    return ended(sentence, {**told, "verified": as_data(found)})
