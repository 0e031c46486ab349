"""gc in this process, at a time that it is told."""

import time

from pipeline_lib.keep.outlook import Outlook, look, sweep
from pipeline_lib.settings.tree import Settings
from tests.tiny_night import night_here


def collect(settings: Settings, now: float | None = None) -> Outlook:
    """What went, waits and stays; `now` in Unix seconds."""
    with night_here(settings) as night:
        found = look(settings, night.workspace, now=time.time() if now is None else now)
        sweep(found, settings, night.workspace)
    return found
