"""`nightshift verify`: all that a workspace keeps is read once and compared with its digests; damage is healed."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from flows.console import ConsoleReporter
from flows.prefect_database import put_damaged_aside
from flows.servers import DATABASE
from flows.show.tables import lasting
from flows.show.verify import show_verified
from flows.standing import recorded, settle_in
from pipeline_lib.base.errors import DataError, UpstreamError, WorkspaceBusy
from pipeline_lib.keep.verify import Progress
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.night import Given, LogReporter, Reporter, with_given
from tasks.runtime import PlainRuntime
from tasks.verify import Database, Wish, as_data, verify

PREFECT = "prefect"  # the folder of its database
MB = 1e6


def verify_all(settings: Settings, workspace: Workspace, wish: Wish, *, as_json: bool) -> int:
    """Read everything, heal what is damaged; the exit status: 3 while something is damaged, 4 where MLflow did not let
    all be read."""
    console = None if as_json else ConsoleReporter()
    reporter: Reporter = console or LogReporter()
    if not wish.is_dry:
        _settle(workspace, reporter.say)
    reporter.started("verify", "")
    with with_given(Given(reporter)):
        if console is None:
            found = verify(settings, workspace, PlainRuntime(), own_databases(workspace), wish)
        else:
            with console:
                found = verify(settings, workspace, PlainRuntime(), own_databases(workspace), wish, tell=_bar(console))
    show_verified(found, as_data(found), is_dry=wish.is_dry, as_json=as_json)
    if found.stays:
        return DataError.exit_code
    return 0 if found.is_all else UpstreamError.exit_code


def own_databases(workspace: Workspace) -> Mapping[str, Database]:
    """What Prefect keeps in the workspace, by name."""
    path = workspace.root / PREFECT / DATABASE

    def mend() -> str:
        up = recorded(workspace)
        if up is not None:
            return f"nightshift up (process {up.process_id}) uses it. Stop that, and run nightshift verify again"
        return put_damaged_aside(path) or "whole again"

    return {f"{PREFECT}/{DATABASE}": Database(path, mend)}


def _settle(workspace: Workspace, say: Callable[[str], None]) -> None:
    """Let a workspace that was moved stand where it is, unless a night is at work, which has done so."""
    if workspace.state.is_dir():
        with suppress(WorkspaceBusy), workspace.lock():
            settle_in(workspace, say)


def _bar(console: ConsoleReporter) -> Callable[[Progress], None]:
    def tell(found: Progress) -> None:
        pace = found.num_bytes / max(found.seconds, 1e-3) / MB
        note = f"MB of {found.kind}, {pace:,.0f} MB/s, {lasting(found.seconds_left)} left"
        console.progress(found.num_bytes / MB, (found.num_bytes + found.left_bytes) / MB, note)

    return tell
