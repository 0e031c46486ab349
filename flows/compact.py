"""`nightshift compact`: small token shards come to lie together, or it is shown what that would be."""

from flows.console import ConsoleReporter, make_console
from flows.launch import check_first
from flows.show.tables import print_json
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.compact import Compacted, as_data, compact, planned
from tasks.maintain import open_maintenance
from tasks.night import Given, LogReporter, with_given
from tasks.runtime import PlainRuntime


def compact_shards(settings: Settings, workspace: Workspace, *, is_dry: bool, as_json: bool) -> None:
    """Compact, or say what that would be."""
    if is_dry:
        done = planned(settings, workspace)
    else:
        reporter = LogReporter() if as_json else ConsoleReporter()
        check_first(settings, workspace, reporter.say)
        with with_given(Given(reporter)), open_maintenance(settings, "compact", PlainRuntime()) as night:
            done = compact(night)
            night.end("completed", done.sentence(), as_data(done))
    if as_json:
        print_json({"is_dry_run": is_dry, **as_data(done)})
    else:
        _show(done, settings, is_dry=is_dry)


def _show(done: Compacted, settings: Settings, *, is_dry: bool) -> None:
    console = make_console()
    for note in done.notes:
        console.print(note, soft_wrap=True)
    if done.shards:
        days = settings.maintenance.keep_days
        console.print(
            f"the places where they lay go with nightshift gc, once nothing has needed them for {days:g} days "
            "(maintenance.keep_days)",
            soft_wrap=True,
        )
    console.print(done.sentence(is_dry=is_dry), style="bold", soft_wrap=True)
