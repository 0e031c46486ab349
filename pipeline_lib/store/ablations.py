"""Where trials of single steps lie (`nightshift ablate`): `ablations`, a folder of which no night knows.

    artifacts    what trials make; what nights have made is there as links, so that it is read and not copied
    work         checkpoints of trials
    keys         a link to the keys of the workspace
    lock         held while a trial works, and while the folder is removed

Nothing refers to it: it can be removed at any time, and a trial that is asked for again is made again. So `gc` removes
it, `forget` does since its texts may hold what shall be gone, and a backup leaves it out.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.store.files import open_lock, took_lock, translate_os_error
from pipeline_lib.store.local import Store
from pipeline_lib.store.private import NO_OTHERS

FOLDER = "ablations"
LOCK = "lock"
KEYS = "keys"
ARTIFACTS = "artifacts"
OF_MODELS = ("train", "quantize", "register")  # stages of which a trial reads nothing


def place_in(root: Path) -> Path:
    """The folder of the trials of a workspace."""
    return root / FOLDER


@contextmanager
def held(root: Path) -> Iterator[Path]:
    """Hold the folder, made if need be. Raises `WorkspaceBusy` at once where a trial is at work in it."""
    place = place_in(root)
    try:
        place.mkdir(mode=NO_OTHERS, exist_ok=True)
    except OSError as exc:
        raise translate_os_error(exc, place) from exc
    descriptor = open_lock(place / LOCK)
    try:
        if not took_lock(descriptor):
            raise WorkspaceBusy(
                f"{place}: nightshift ablate is at work here. Wait for it, or stop it: it goes on where it was."
            )
        os.utime(place / LOCK)
        yield place
        os.utime(place / LOCK)
    finally:
        os.close(descriptor)


def last_used(root: Path) -> float | None:
    """When a trial was at work last, in Unix seconds; None where there is none."""
    try:
        return (place_in(root) / LOCK).stat().st_mtime
    except OSError:
        return None


def link(root: Path) -> Store:
    """The store of the trials, in which all is found that nights have made by now. Only who holds it may call this.

    Links are relative: a workspace that moves takes them along. One that leads nowhere any more goes.
    """
    place = place_in(root)
    own, theirs = place / ARTIFACTS, root / ARTIFACTS
    try:
        for stage in sorted(folder for folder in theirs.glob("[a-z]*") if folder.name not in OF_MODELS):
            _link_all(stage, own / stage.name)
        keys = place / KEYS
        if not keys.is_symlink():
            keys.symlink_to(Path("..") / KEYS)
    except OSError as exc:
        raise translate_os_error(exc, place) from exc
    return Store(own)


def _link_all(theirs: Path, own: Path) -> None:
    own.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in theirs.iterdir()}
    for entry in list(os.scandir(own)):
        if entry.is_symlink() and entry.name not in names:
            Path(entry.path).unlink()
        else:
            names.discard(entry.name)
    up = Path(*[".."] * 3) / ARTIFACTS / theirs.name
    for name in sorted(names):
        (own / name).symlink_to(up / name)


def remove_unless_held(root: Path) -> None:
    """Remove all trials, unless one is at work."""
    with suppress(WorkspaceBusy):
        remove(root)


def remove(root: Path) -> None:
    """Remove all trials. Raises `WorkspaceBusy` where one is at work."""
    place = place_in(root)
    if not place.is_dir():
        return
    with held(root):
        for path in place.iterdir():
            if path.name != LOCK:  # it goes last: whoever begins meanwhile waits at it
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.rmtree(place, ignore_errors=True)
