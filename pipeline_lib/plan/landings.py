"""Landings: what the sources without files of their own answered last, where it is whole.

    state/pins/landing-<source>.json     the newest landing of a source

One that is gone or damaged counts as none: it is not scanned (in an empty folder all that the source ever gave would be
gone), and the next night asks the source for all that it holds.
"""

from pathlib import Path

from pipeline_lib.ingest.records import LandingSource
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace


def sources_that_land(settings: Settings) -> list[Source]:
    """The sources that have to be asked before they have files."""
    return [source for source in settings.of(IngestSettings).sources if isinstance(source, LandingSource)]


def whole_landing(workspace: Workspace, source: Source) -> Ref | None:
    """The newest landing of a source; None for a source with files of its own, and where it is not whole."""
    if not isinstance(source, LandingSource):
        return None
    landing = workspace.pin(_pin(source.name), Ref)
    return landing if landing is not None and workspace.store.is_present(landing) else None


def save_landing(workspace: Workspace, source: Source, landing: Ref) -> None:
    """From now on this is the newest landing of a source."""
    workspace.save_pin(_pin(source.name), landing)


def is_unasked(source: Source, landing: Ref | None) -> bool:
    """Whether nobody knows what the source holds: it has no files of its own, and no landing."""
    return landing is None and isinstance(source, LandingSource)


def folder_of(workspace: Workspace, landing: Ref | None) -> Path | None:
    """Where a landing lies."""
    return None if landing is None else workspace.store.path(landing.stage, landing.fingerprint)


def _pin(source: str) -> str:
    return f"landing-{source}"
