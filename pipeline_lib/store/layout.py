"""The layout of a workspace: a number that says which releases understand it.

    workspace/state/layout.json    {"layout": 2}

Layout 1 had no such file. There is no way from it to layout 2: artifacts have other names and other contents there, and
none would ever be reused. So a workspace of another layout is refused before anything is read or written in it, and
nothing of it is deleted.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.store.files import write_json
from pipeline_lib.store.records import read_state

LAYOUT = 2
FILE = "layout.json"
HOME = "home.json"  # which no workspace of layout 1 has
RESTORING = ".restoring"  # stands in a workspace until all of a backup is there (keep/restore.py)
# What a workspace that has worked holds, in every layout: an empty folder, or one with logs alone, is as good as new.
TRACES = ("artifacts", "state/catalog.json")
FOLDERS = (
    "ablations", "artifacts", "certificates", "keys", "logs",
    "mlartifacts", "mlflow", "prefect", "reports", "state", "work",
)  # fmt: skip
# All that lies at the top of a workspace. A disk of its own has a folder for what its repair finds.
OURS = re.compile(rf"{'|'.join(FOLDERS)}|up\.out|mlflow\.db(-wal|-shm|-journal)?|lost\+found|\..*")
ASIDE = re.compile(r".*\.\d{8}-\d{6}(-\d+)?")  # what was put aside, under a name with a date


@dataclass(frozen=True)
class Layout:
    """What the file says."""

    layout: int


def check_layout(root: Path) -> None:
    """Return if the workspace is new or of this layout; reads, and changes nothing.

    Raises `SettingsError` for what can be none, `DataError` for one of another layout.
    """
    check_place(root)
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


def check_place(root: Path) -> None:
    """Return if a workspace is here, or can be made here.

    A night closes its workspace to others and removes what is left over there, so a folder of somebody's own files
    (`--workspace ~`, a mistyped name) is none. Raises `SettingsError`.
    """
    nearest = next(path for path in (root, *root.parents) if path.exists())
    if not nearest.is_dir():
        raise SettingsError(f"{root}: {nearest} is a file, so no workspace can be here. --workspace names a folder.")
    if nearest != root or (root / "state" / FILE).exists() or has_worked(root):
        return
    if others := sorted(path.name for path in root.iterdir() if not is_ours(path.name)):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise SettingsError(
            f"{root}: is no workspace, and holds files of others ({others[0]}{more}). Name a new or an empty folder "
            "with --workspace."
        )


def is_ours(name: str) -> bool:
    """Whether a file or folder of that name may lie at the top of a workspace."""
    return bool(OURS.fullmatch(name) or ASIDE.fullmatch(name))


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
