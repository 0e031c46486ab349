"""The layout of a workspace: a number that says which releases understand it.

    workspace/state/layout.json    {"layout": 2}

Layout 1 had no such file. There is no way from it to layout 2: artifacts have other names and other contents there, and
none would ever be reused. So a workspace of another layout is refused before anything is read or written in it, and
nothing of it is deleted.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.files import write_json
from pipeline_lib.store.records import read_state

LAYOUT = 2
FILE = "layout.json"
HOME = "home.json"  # which no workspace of layout 1 has
RESTORING = ".restoring"  # stands in a workspace until all of a backup is there (keep/restore.py)
# What a workspace that has worked holds, in every layout: an empty folder, or one with logs alone, is as good as new.
TRACES = ("artifacts", "state/catalog.json")


@dataclass(frozen=True)
class Layout:
    """What the file says."""

    layout: int


def check_layout(root: Path) -> None:
    """Return if the workspace is new or of this layout. Raises `DataError` otherwise; reads, and changes nothing."""
    if (root / RESTORING).exists():
        raise DataError(
            f"{root}: a backup is being restored here, or that was cut off. Run the same nightshift restore again: it "
            "goes on from there."
        )
    found = layout_of(root)
    if found is None or found == LAYOUT:
        return
    if (root / "state" / HOME).exists() and not (root / "state" / FILE).exists():
        raise DataError(
            f"{root / 'state' / FILE}: is missing, though this is no workspace of layout 1. If it worked with this "
            f'release, write {{"layout": {LAYOUT}}} into that file and run again; nothing was changed.'
        )
    whose = "an older" if found < LAYOUT else "a newer"
    raise DataError(
        f"{root}: this workspace has layout {found}, of {whose} release of Nightshift; this one works in layout "
        f"{LAYOUT}. Move the folder aside, or name another one with --workspace; nothing in it was changed."
    )


def layout_of(root: Path) -> int | None:
    """The number of the layout; None where nothing has worked yet."""
    advice = "Put it back from a copy, or name another workspace with --workspace."
    found = read_state(root / "state" / FILE, Layout, advice=advice)
    if found is not None:
        return found.layout
    return 1 if has_worked(root) else None


def has_worked(root: Path) -> bool:
    """Whether something was made in this workspace, whatever is on record of how."""
    return any((root / trace).exists() for trace in TRACES)


def write_layout(root: Path) -> None:
    """Say which layout this is, where nothing has worked yet: before the first file that would make it look older."""
    if layout_of(root) is None:
        write_json(root / "state" / FILE, {"layout": LAYOUT})
