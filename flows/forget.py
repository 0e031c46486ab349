"""`nightshift forget`: shows which document is meant, asks, and forgets it."""

import sys
from dataclasses import asdict
from typing import Any

import typer

from flows.console import ConsoleReporter, make_console
from flows.show.tables import print_json
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.words import counted
from pipeline_lib.forget.certificate import place_of
from pipeline_lib.forget.find import Sought, alike, models_that_learned, seek
from pipeline_lib.forget.names import is_begun
from pipeline_lib.past.names import documents
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.forgotten import Tombstone, read_tombstones, stones_of
from pipeline_lib.store.workspace import Workspace
from tasks.forget import forget, purge
from tasks.maintain import open_maintenance
from tasks.night import Given, LogReporter, with_given
from tasks.runtime import PlainRuntime

COPIES_SHOWN = 5


def forget_document(
    settings: Settings,
    workspace: Workspace,
    name: str,
    source: str | None,
    *,
    is_now: bool,
    is_dry: bool,
    is_sure: bool,
    as_json: bool,
) -> None:
    """Forget the document of this name. Raises as `seek`, and where nobody can be asked and nothing says yes."""
    if is_now and not is_dry and (buried := _waiting(workspace, name, source)):
        _take_out(settings, workspace, buried, as_json=as_json)
        return
    sought = seek(workspace, name, source)
    models, copies = models_that_learned(workspace, sought), alike(workspace, sought)
    if not as_json:
        _show(sought, models, copies)
    if is_dry:
        told = {"is_dry_run": True, **_told(sought, models, copies)}
        if as_json:
            print_json(told)
        else:
            make_console().print("nothing was changed; without --dry-run it is forgotten", style="bold")
        return
    if not is_sure:
        _ask()
    reporter = LogReporter() if as_json else ConsoleReporter()
    with with_given(Given(reporter)), open_maintenance(settings, "forget", PlainRuntime()) as night:
        stone = forget(night, sought, is_now=is_now)
        message = "a document was forgotten" if is_now else "a document was buried"
        night.end("completed", message)
    if as_json:
        print_json({"is_dry_run": False, **_told(sought, models, copies), **_outcome(workspace, stone)})
    elif not is_now:
        make_console().print(
            "it is left out of all that is made from now on. Maintenance takes it out of what is there, once a week; "
            "the same command with --now does it now",
            soft_wrap=True,
        )


def _waiting(workspace: Workspace, name: str, source: str | None) -> list[Tombstone]:
    """The tombstones of this name where all that had it is forgotten, and something of it may be there still."""
    buried = [one for one in stones_of(workspace.root, name) if source in (None, one.source)]
    if not any(one.purged is None for one in buried) and not (buried and is_begun(workspace.root)):
        return []
    is_there = any(source in (None, one.batch.source) for one in documents(workspace, name))
    return [] if is_there else buried


def _take_out(settings: Settings, workspace: Workspace, buried: list[Tombstone], *, as_json: bool) -> None:
    """What was buried before, now: the night that is opened goes on with what a kill has cut off."""
    reporter = LogReporter() if as_json else ConsoleReporter()
    with with_given(Given(reporter)), open_maintenance(settings, "forget", PlainRuntime()) as night:
        purge(night)
        night.end("completed", "a document was forgotten")
    if as_json:
        places = {one.place for one in buried}
        print_json([_outcome(workspace, one) for one in read_tombstones(workspace.root) if one.place in places])


def _ask() -> None:
    if not sys.stdin.isatty():
        raise SettingsError("forget: nobody is here to be asked. Say --yes; --dry-run shows what would be forgotten.")
    if not typer.confirm("Forget it for good?", err=True):
        raise SettingsError("forget: nothing was changed.")


def _show(sought: Sought, models: list[str], copies: list[str]) -> None:
    console = make_console()
    console.print(f"{sought.url}  ({sought.source})", style="bold", soft_wrap=True)
    lay = sorted({f"{one.batch.name} shard {one.shard}" for one in sought.versions})
    console.print(f"  {counted(len(lay), 'place')}: {', '.join(lay)}", soft_wrap=True)
    learned = f"{counted(len(models), 'model')} learned it: what is learned stays" if models else "no model learned it"
    side = "models were judged on it" if sought.is_held_out else learned
    console.print(f"  {side}", soft_wrap=True)
    batches = ", ".join(sorted({one.batch.name for one in sought.versions}))
    console.print(f"  not read from the source again as a whole: {batches}", soft_wrap=True)
    if copies:
        more = "" if len(copies) <= COPIES_SHOWN else f" and {len(copies) - COPIES_SHOWN} more"
        console.print(
            f"  the same text, or nearly, stays under {', '.join(copies[:COPIES_SHOWN])}{more}", soft_wrap=True
        )


def _told(sought: Sought, models: list[str], copies: list[str]) -> dict[str, Any]:
    versions = [
        {"document_id": one.document_id, "batch": one.batch.name, "shard": one.shard} for one in sought.versions
    ]
    return {"url": sought.url, "source": sought.source, "versions": versions, "models": models, "alike": copies}


def _outcome(workspace: Workspace, stone: Tombstone) -> dict[str, Any]:
    certificate = None if stone.purged is None else str(place_of(workspace, stone))
    return {"tombstone": asdict(stone), "certificate": certificate}
