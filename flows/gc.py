"""`nightshift gc`: what nothing needs any more goes, or is shown."""

import time

from flows.console import ConsoleReporter
from flows.launch import check_first
from flows.prefect_runs import forget_old_runs, old_runs
from flows.show.gc import show_gc
from pipeline_lib.keep.outlook import look
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.maintain import as_data, collect, open_maintenance, sentence_of
from tasks.night import Given, LogReporter, with_given
from tasks.runtime import PlainRuntime


def collect_garbage(settings: Settings, workspace: Workspace, *, is_dry: bool, as_json: bool) -> None:
    """Remove what nothing needs any more, or say what that would be."""
    days = settings.maintenance.keep_runs_days
    if is_dry:
        told = as_data(look(settings, workspace, now=time.time()))
        count = old_runs(workspace, days)
    else:
        reporter = LogReporter() if as_json else ConsoleReporter()
        check_first(settings, workspace, reporter.say)
        with with_given(Given(reporter)), open_maintenance(settings, "gc", PlainRuntime()) as night:
            told = collect(night)
            night.end("completed", sentence_of(told), told)
            count = forget_old_runs(workspace, days, reporter.say)
    told["goes"] += [{"kind": "runs in Prefect", "count": count, "bytes": 0}] if count else []
    show_gc(told, settings, is_dry=is_dry, as_json=as_json)
