"""The page of a refresh: made where it is not there yet, kept in the workspace, named by its path."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.past.made import last_of
from pipeline_lib.report.records import keep_newest, names, page_path, read, save, save_page
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace


@dataclass(frozen=True)
class Order:
    """What a page is to be made of: all that a worker process needs for it."""

    settings: Settings
    told: Mapping[str, Any] = field(default_factory=dict)  # what the night says of itself


def make_page(order: Order) -> Path:
    """Make the page of what is there now, and keep it (loads matplotlib). Raises `DataError` before any refresh."""
    from flows.show.page import html_of
    from pipeline_lib.report.night import count_night
    from pipeline_lib.report.samples import samples_of

    workspace = Workspace(order.settings.workspace.resolve())
    counted = count_night(order.settings, workspace, order.told, now=time.time())
    samples = samples_of(workspace.store, counted.candidates, order.settings.of(ScrubSettings))
    html = html_of(counted.record, counted.before, samples)
    save(workspace, counted.record)
    path = save_page(workspace, counted.record.name, html)
    keep_newest(workspace, order.settings.report.keep_pages)
    return path


def told_by(workspace: Workspace) -> Mapping[str, Any]:
    """What the last night on record said of what is there now; nothing where it was another state."""
    snapshots = last_of(workspace, "tokenize-snapshot", "tokenize.snapshot")
    for run in reversed(workspace.runs()):
        told: Mapping[str, Any] = (run.summary or {}).get("refresh") or {}
        if told:
            is_same = snapshots and told.get("snapshot", {}).get("fingerprint") == snapshots[-1].fingerprint
            return told if is_same else {}
    return {}


def page_named(workspace: Workspace, wanted: str) -> Path:
    """The newest page whose name begins like this, or ends: a day, or the digest. It is drawn again, without samples,
    where only its numbers are there. Raises `SettingsError` where there is none.
    """
    known = names(workspace)
    name = next((name for name in reversed(known) if name.startswith(wanted) or name.endswith(f"-{wanted}")), None)
    record = None if name is None else read(workspace, name)
    if name is None or record is None:
        told = ", ".join(known[-5:]) or "none yet"
        raise SettingsError(
            f"report: no page is named {wanted}. The newest are: {told}. Without a name it is that of the last refresh."
        )
    path = page_path(workspace, name)
    if not path.is_file():
        from flows.show.page import html_of

        before = read(workspace, record.before) if record.before else None
        save_page(workspace, name, html_of(record, before, []))
    return path
