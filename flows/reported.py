"""The page of a refresh within a night: made by a worker, shown, and never in the way."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.pages import link_to
from flows.show.report import Order, make_page
from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.report.records import page_that_stands
from tasks.night import Night

REPORT_KEY = "refresh-report"
DEADLINE_SECONDS = 1800.0


def report_on(funnel: Mapping[str, Any], night: Night) -> str | None:
    """Make the page, unless it stands; its path in the workspace ("reports/....html"): no record says where that is.
    None where it is switched off, or could not be made, which is said."""
    if not night.settings.report.every_refresh:
        return None
    try:
        path = page_that_stands(night.workspace) or _made(funnel, night)
    except Exception as exc:  # noqa: BLE001 - a page is only shown: whatever it fails of, the night goes on
        why = str(exc) if isinstance(exc, NightshiftError) else type(exc).__name__
        night.reporter.say(f"the page of this refresh could not be made ({why}); nightshift report tries it again")
        return None
    night.runtime.markdown(REPORT_KEY, _shown(path, str(funnel["sentence"])), "The page of the refresh")
    return path.relative_to(night.workspace.root).as_posix()


def _made(funnel: Mapping[str, Any], night: Night) -> Path:
    """Made in a worker process, which loads what draws, and this one does not."""
    order = Order(night.settings, funnel)
    return night.engine.call(make_page, order, deadline_seconds=DEADLINE_SECONDS, what="the page of the refresh")


def _shown(path: Path, sentence: str) -> str:
    """What the Prefect UI says of it. The link leads to our own server (flows/pages.py); others have no such page."""
    opens = f"`nightshift report {path.stem} --open` opens it, too."
    return f"{sentence}\n\n[The page of this refresh]({link_to(path)})\n\n{opens}\n"
