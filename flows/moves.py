"""`nightshift promote` and `nightshift rollback`: move the champion, say what moved, and show it where Prefect runs.

No Prefect server is needed, and none is waited for: what moves is the library's work (`pipeline_lib/register`). Most of
the time MLflow is being loaded, a fifth faster with the collector off.
"""

from collections.abc import Mapping
from typing import Any

from flows.console import ConsoleReporter
from flows.standing import settle_in
from flows.told import Teller
from pipeline_lib.base.imports import collector_off
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.moves import foretell, promote_version, roll_back
from tasks.runtime import PlainRuntime


def promote_by_hand(
    settings: Settings, version: int, *, reason: str, is_dry: bool, unsigned: int | None = None
) -> None:
    """Promote a version, or say what that would move."""
    if is_dry:
        _foretell(settings, version, unsigned)
        return
    settle_in(Workspace(settings.workspace.resolve()), ConsoleReporter().say)
    teller = Teller(settings)
    with collector_off():
        move = promote_version(settings, version, reason, PlainRuntime(), unsigned=unsigned)
    name = f"promote-{settings.profile}-version-{version}"
    _say(teller, move, flow="promote", name=name, parameters={"version": version, "reason": reason})


def rollback_by_hand(settings: Settings, *, reason: str, is_dry: bool, unsigned: int | None = None) -> None:
    """Put the previous champion back, or say what that would move."""
    if is_dry:
        _foretell(settings, None, unsigned)
        return
    settle_in(Workspace(settings.workspace.resolve()), ConsoleReporter().say)
    teller = Teller(settings)
    with collector_off():
        move = roll_back(settings, reason, PlainRuntime(), unsigned=unsigned)
    _say(teller, move, flow="rollback", name=f"rollback-{settings.profile}", parameters={"reason": reason})


def _foretell(settings: Settings, version: int | None, unsigned: int | None) -> None:
    ConsoleReporter().console.print(foretell(settings, version, unsigned=unsigned))


def _say(teller: Teller, move: Mapping[str, Any], **run: Any) -> None:
    before = "none" if move["previous"] is None else move["previous"]
    reporter = ConsoleReporter()
    reporter.console.print(f"{move['name']}: champion {before} -> {move['version']} ({move['kind']})")
    if not_shown := teller.tell(move, **run):
        reporter.say(not_shown)
