"""Landings: what the sources without files of their own answered last, where it is whole, and when that was.

    state/pins/landing-<source>.json     the newest landing of a source, and when the source was asked last

One that is gone or damaged counts as none: it is not scanned (in an empty folder all that the source ever gave would be
gone), and the next night asks the source for all that it holds.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.ingest.plan import STAGE
from pipeline_lib.ingest.records import LandingSource
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Seconds, Workspace

PIN = "landing-"  # and the name of a source


@dataclass(frozen=True)
class Landed:
    """The newest landing of a source. It may have been asked since, and have had nothing new to say."""

    stage: str
    fingerprint: str
    asked: Seconds = 0.0

    @property
    def ref(self) -> Ref:
        """The landing as an artifact."""
        return Ref(self.stage, self.fingerprint)


def sources_that_land(settings: Settings) -> list[Source]:
    """The sources that have to be asked before they have files."""
    return [source for source in settings.of(IngestSettings).sources if isinstance(source, LandingSource)]


def whole_landing(workspace: Workspace, source: Source) -> Ref | None:
    """The newest landing of a source; None for a source with files of its own, and where it is not whole."""
    if not isinstance(source, LandingSource):
        return None
    landed = workspace.pin_or_none(_pin(source.name), Landed)
    return landed.ref if landed is not None and workspace.store.is_present(landed.ref) else None


def landings_of(workspace: Workspace, source: Source, own: str) -> list[Ref | None]:
    """Where the files of an earlier batch may lie: in the landing it was read from, `own`, or still in the newest.

    None stands for the files of a source that has its own; an empty list: they lie nowhere.
    """
    if not isinstance(source, LandingSource):
        return [None]
    read = Ref(STAGE, own)
    landings = [read] if own and workspace.store.is_present(read) else []
    newest = whole_landing(workspace, source)
    return [*landings, *([newest] if newest is not None and newest not in landings else [])]


def save_landing(workspace: Workspace, source: Source, landing: Ref) -> None:
    """From now on this is the newest landing of a source, which has just been asked."""
    landed = Landed(landing.stage, landing.fingerprint, round(time.time(), 3))
    workspace.save_pin(_pin(source.name), landed)


def note_of(workspace: Workspace, source: Source) -> str:
    """What a plan cannot know of a source that is asked first in a night."""
    landed = workspace.pin_or_none(_pin(source.name), Landed)
    if landed is None:
        return f"{source.name} has never been asked what it holds: it is left out here; a night asks it first"
    condition = workspace.store.condition(landed.ref)
    if not condition.is_present:
        lost = f"{source.name}: its landing is {condition.reason}"
        return f"{lost}; it is left out here; a night asks it first, for all that it holds"
    clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(landed.asked))
    return f"{source.name} as it was when it was asked, {clock}; a night asks it first, and may find more"


def is_lost(workspace: Workspace, source: Source) -> bool:
    """Whether a source has no whole landing, so that a night has to ask it for all that it holds."""
    return is_unasked(source, whole_landing(workspace, source))


def is_unasked(source: Source, landing: Ref | None) -> bool:
    """Whether nobody knows what the source holds: it has no files of its own, and no landing."""
    return landing is None and isinstance(source, LandingSource)


def folder_of(workspace: Workspace, landing: Ref | None) -> Path | None:
    """Where a landing lies."""
    return None if landing is None else workspace.store.path(landing.stage, landing.fingerprint)


def _pin(source: str) -> str:
    return f"{PIN}{source}"
