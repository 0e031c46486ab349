"""Where a workspace stands, so that it notices when it was moved or copied.

    state/home.json    {"id": ..., "path": "file:///srv/.nightshift", "earlier": [], "copy_of": ""}

Whatever is about to write calls `settle`. In the usual case that reads this file and no more. Where the workspace is
found at another path, the path it had tells which of two it is: does the same workspace (the same id) still stand
there, then this is a second copy, which takes an id of its own; else it was moved. Either way the addresses in its
databases (`store/addresses.py`) are made to lead here.

`earlier` is written before the first address is changed and emptied after the last one. So a kill in between costs
nothing: the next command, at whatever path, knows all places that addresses may lead to. What MLflow says then was
made elsewhere is opened here even before that (`as_it_stands`), by a look that changes nothing.
"""

import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.addresses import MLFLOW, path_of, readdress, readdressed, roots_in
from pipeline_lib.store.layout import check_layout
from pipeline_lib.store.records import make_room, read_comfort, write_state

FILE = "home.json"


@dataclass(frozen=True)
class Home:
    """What the file says. Paths are `file:` URLs, since a path may be no text."""

    id: str  # of one workspace; "": not known
    path: str  # where it stands
    earlier: tuple[str, ...] = ()  # where addresses may still lead to, while they are rewritten
    copy_of: str = ""  # where it was copied from; "": it is no copy

    @property
    def places(self) -> list[Path]:
        """All places that its addresses may lead to."""
        return [path for address in (*self.earlier, self.path) if (path := path_of(address)) is not None]


def settle(root: Path) -> str:
    """Let the workspace stand where it is; a line if it was moved or copied, "" if it stands where it stood.

    Raises `DataError` for a workspace of another layout, in which nothing is written, and what `readdress` does.
    """
    root = root.resolve()
    check_layout(root)
    here, home = root.as_uri(), home_of(root)
    if (home is not None and home.path == here and not home.earlier) or not (root / "state").is_dir():
        return ""
    home = _arrived(root, here, home or _guessed(root, here))
    if home.earlier:
        _save(root, home)
        failpoint("home", "noticed")
        readdress(root, home.places[:-1])
        failpoint("home", "readdressed")
    _save(root, replace(home, earlier=()))
    return _line(root, home)


def home_of(root: Path) -> Home | None:
    """Where it stood when it was last written to; None where that is not known, or is a folder above: in that lies more
    than what was in the workspace, and the addresses themselves tell what was."""
    found, here = read_comfort(root / "state" / FILE, Home), root.resolve()
    is_above = found is not None and any(place in here.parents for place in found.places)
    return None if is_above else found


def as_it_stands(address: str, root: Path) -> str:
    """An address in its databases as it is to be read, whether or not the workspace has settled since it was moved."""
    home = home_of(root)
    return address if home is None else readdressed(address, home.places, root)


def _arrived(root: Path, here: str, home: Home) -> Home:
    """What is known of a workspace that is found at this path."""
    if home.path == here:
        return home
    is_copy = _is_still_at(path_of(home.path), root, home.id)
    earlier = tuple(dict.fromkeys(place for place in (*home.earlier, home.path) if place != here))
    copy_of = home.path if is_copy else home.copy_of
    return Home(home.id if home.id and not is_copy else uuid.uuid4().hex, here, earlier, copy_of)


def _guessed(root: Path, here: str) -> Home:
    """What the addresses themselves tell of a workspace that has no such file yet, or has lost it."""
    others = [other.as_uri() for other in roots_in(root)]
    return Home("", others[-1], tuple(others[:-1])) if others else Home(uuid.uuid4().hex, here)


def _is_still_at(old: Path | None, root: Path, own_id: str) -> bool:
    """Whether this workspace also stands at its old path, as another folder and not by another name of this one."""
    if old is None:
        return False
    try:
        if (old / "state").samefile(root / "state"):
            return False
    except OSError:
        return False
    if not own_id:
        return (old / MLFLOW).is_file()
    other = home_of(old)
    return other is not None and other.id == own_id


def _save(root: Path, home: Home) -> None:
    path = root / "state" / FILE
    make_room(path)
    write_state(path, asdict(home))


def _line(root: Path, home: Home) -> str:
    if not home.earlier:
        return ""
    was = path_of(home.earlier[-1])
    if home.copy_of == home.earlier[-1]:
        return (
            f"{root}: this is a second copy of the workspace at {was}; it goes its own way, and leaves that one alone"
        )
    return f"{root}: this workspace was moved here from {was}; MLflow's addresses have followed"
