"""What of a workspace a backup holds, in the order in which that is read while a night goes on.

    first    state/runs, state/outbox            only shown, and always in motion
    then     the rest of state/, and mlflow.db   as they were at one instant: what a kill at that instant leaves
    last     all else                            keys, prefect/, mlartifacts/, artifacts/

Artifacts come last: whatever the state of that instant names was there then, and stays, since gc waits for a backup's
end. What nights add meanwhile is named by nobody, as after a kill. Left out is what is of no use elsewhere: work
folders (a training that is under way begins again), trials of steps, logs, locks, temporary files, the addresses of
servers that run, and the stamps by which artifacts are known to be verified, so that a restored one is looked at
again. A link is followed: its file is the workspace's also where that disk is gone.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.keep.vault import MARKER, Stamp
from pipeline_lib.store.ablations import FOLDER as ABLATIONS
from pipeline_lib.store.addresses import FILES_OF_MLFLOW
from pipeline_lib.store.databases import BESIDE, PARTS
from pipeline_lib.store.files import translate_os_error
from pipeline_lib.store.local import INCOMING, VERIFIED

STATE, ARTIFACTS = "state", "artifacts"
IN_MOTION = ("state/runs/", "state/outbox/")
FOLDERS_LEFT_OUT = ("work", "logs", ABLATIONS, f"{ARTIFACTS}/{INCOMING}")
FILES_LEFT_OUT = ("state/lock", "state/up.json")
BY_OTHERS = (f"{ARTIFACTS}/", f"{FILES_OF_MLFLOW}/")  # a file of any name may be part of a model
LOCKS, TEMPORARY, DATABASE = ".lock", (".tmp", ".old", BESIDE), ".db"
LOGS_OF_DATABASES = tuple(f"{DATABASE}{part}" for part in PARTS if part)

GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # or a link that leads nowhere
OWN_RIGHTS = 0o700
YOUNG_SECONDS = 2.0  # two changes within it may leave one stamp, on any disk
TICK_SECONDS = 0.05  # the same on the disks that workspaces lie on
GROUP_PARTS = 3  # artifacts/clean/1f0c...: what appears at once, and goes at once


@dataclass(frozen=True)
class Found:
    """A file of a workspace, as it stood when it was looked at."""

    name: str  # relative to the workspace, with "/"
    path: Path
    num_bytes: int
    mode: int
    stamp: Stamp
    seen: float  # Unix seconds

    @property
    def is_database(self) -> bool:
        """Whether SQLite's own way of copying is asked for: servers write to it."""
        return self.name.endswith(DATABASE) and not self.name.startswith(BY_OTHERS)

    @property
    def group(self) -> str:
        """The artifact, run or model it belongs to; itself where it belongs to none."""
        return "/".join(self.name.split("/")[:GROUP_PARTS]) if self.name.startswith(BY_OTHERS) else self.name

    @property
    def is_in_motion(self) -> bool:
        """Whether it is only shown."""
        return self.name.startswith(IN_MOTION)

    @property
    def is_state(self) -> bool:
        """Whether it has to be of the same instant as the rest of the state."""
        return self.name.startswith(f"{STATE}/") and not self.is_in_motion

    def is_older_than(self, seconds: float) -> bool:
        """Whether it was left alone for so long when it was looked at, or is of a clock that runs ahead."""
        age = self.seen - max(self.stamp[:2]) / 1e9
        return not 0 <= age < seconds


def belongings(root: Path, below: str = "") -> list[Found]:
    """The files below a folder of a workspace, all where it is left out, in the order of their names.

    What goes while it is looked at is left out. Raises `UpstreamError` for what may not be looked at.
    """
    start = root / below if below else root
    try:
        files = [_found(root, start)] if start.is_file() else _walk(root, start)
        return sorted((found for found in files if found is not None), key=lambda found: found.name)
    except OSError as exc:
        raise translate_os_error(exc, Path(os.fsdecode(exc.filename or start))) from exc


def at_one_instant(
    listed: Callable[[], Sequence[Found]], read: Callable[[Found], object], ended: Callable[[], None], *, seconds: float
) -> list[Found]:
    """Read files as they stand at one instant, in which `ended` is called; the files.

    All that was read is looked at once more after that: what has not changed since it was read, was so in between. What
    has is read again. Raises `UpstreamError` where it goes on changing for so many seconds.
    """
    ends_at, done = time.monotonic() + seconds, dict[str, Found]()
    while True:
        for found in listed():
            if not _is_same(done.get(found.name), found):
                try:
                    read(found)
                except FileNotFoundError:
                    continue  # it is missing below, or there again
                done[found.name] = found
        ended()
        now = {found.name: found for found in listed()}
        done = {name: found for name, found in done.items() if name in now}
        if all(_is_same(done.get(name), found) for name, found in now.items()):
            return list(now.values())
        if time.monotonic() > ends_at:
            raise UpstreamError("backup: the state of the workspace changes all the time. Run it again later.")
        time.sleep(TICK_SECONDS)


def _is_same(before: Found | None, now: Found) -> bool:
    return (
        before is not None
        and (before.stamp, before.num_bytes) == (now.stamp, now.num_bytes)
        and before.is_older_than(TICK_SECONDS)
    )


def _walk(root: Path, start: Path) -> Iterator[Found | None]:
    seen: set[tuple[int, int]] = set()  # a link may lead to a folder above it
    for place, folders, files in os.walk(start, followlinks=True, onerror=_unless_gone):
        folder = Path(place)
        try:
            status = folder.stat()
        except FileNotFoundError:
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        if MARKER in files:  # a folder of backups, to which a link leads
            folders.clear()
            continue
        folders[:] = [name for name in folders if _name(root, folder / name) not in FOLDERS_LEFT_OUT]
        yield from (_found(root, folder / name) for name in files)


def _unless_gone(exc: OSError) -> None:
    if exc.errno not in GONE:
        raise exc


def _found(root: Path, path: Path) -> Found | None:
    name = _name(root, path)
    if is_left_out(name):
        return None
    try:
        status = path.stat()
    except OSError as exc:
        _unless_gone(exc)
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return Found(name, path, status.st_size, status.st_mode & OWN_RIGHTS, stamp, time.time())


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def is_left_out(name: str) -> bool:
    """Whether a file of this name, relative to its workspace, is of no use elsewhere."""
    last = name.rpartition("/")[2]
    if name.startswith(BY_OTHERS):
        return name.startswith(f"{ARTIFACTS}/") and last == VERIFIED
    if name in FILES_LEFT_OUT or last.endswith(LOCKS):
        return True
    return last.endswith(LOGS_OF_DATABASES) or (last.startswith(".") and last.endswith(TEMPORARY))
