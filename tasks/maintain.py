"""Maintenance of a workspace: what nothing needs any more goes, and what went is shown as a table."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.words import counted
from pipeline_lib.keep.outlook import Outlook, Thing, look, sweep
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.forgotten import read_tombstones
from pipeline_lib.store.still import no_backup_beside
from tasks.night import Night, open_night
from tasks.runtime import Runtime

MAINTENANCE_KEY = "maintenance"


@dataclass(frozen=True)
class Row:
    """Things of one kind."""

    kind: str
    count: int
    num_bytes: int


@contextmanager
def open_maintenance(settings: Settings, flow: str, runtime: Runtime) -> Iterator[Night]:
    """A night that may remove what nights have made. Raises `WorkspaceBusy` beside a night, or a backup."""
    with no_backup_beside(settings.workspace.resolve()), open_night(settings, flow, runtime) as night:
        yield night


def collect(night: Night) -> dict[str, Any]:
    """Remove what goes; what went, waits and stays, as JSON."""
    _forget(night)
    night.enter("gc", "looking")
    outlook = look(night.settings, night.workspace, now=time.time())
    sweep(outlook, night.settings, night.workspace)
    told = as_data(outlook)
    rows = [{"what became of it": word, **row} for word in ("goes", "waits", "stays") for row in told[word]]
    night.runtime.table(MAINTENANCE_KEY, rows, sentence_of(told))
    return told


def _forget(night: Night) -> None:
    """What is buried is taken out, and versions that are tagged no more, or not yet, are."""
    if read_tombstones(night.workspace.root):
        from tasks.forget import purge  # which load Arrow
        from tasks.learned import tagged

        purge(night)
        tagged(night.settings, night.workspace, night.reporter.say)


def as_data(outlook: Outlook) -> dict[str, Any]:
    """What goes, waits and stays: for programs, and for the page."""
    stays = [{"kind": why, "count": own.count, "bytes": own.num_bytes} for why, own in outlook.stays.items()]
    return {"goes": _rows(outlook.goes), "waits": _rows(outlook.waits), "stays": stays}


def sentence_of(told: dict[str, Any], *, is_dry: bool = False) -> str:
    """In one line what it comes to: "removed 12 things, 3.4 MB"."""
    count, size = (sum(row[name] for row in told["goes"]) for name in ("count", "bytes"))
    verb = "would remove" if is_dry else "removed"
    return f"{verb} {counted(count, 'thing')}, {size / 1e6:,.1f} MB" if count else f"{verb} nothing"


def _rows(things: Iterable[Thing]) -> list[dict[str, Any]]:
    found: dict[str, Row] = {}
    for thing in things:
        before = found.get(thing.kind, Row(thing.kind, 0, 0))
        found[thing.kind] = Row(thing.kind, before.count + 1, before.num_bytes + thing.num_bytes)
    return [{"kind": row.kind, "count": row.count, "bytes": row.num_bytes} for _, row in sorted(found.items())]
