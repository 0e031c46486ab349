"""A backup put into a folder that is new or empty, each piece compared with its name before it is written.

    WORKSPACE/.restoring    which backup is being restored here; gone when all of it is there

Until then no other command works in that folder (store/layout.py). So a kill costs nothing: the same restore goes on
with what is there, as far as it is right. What the workspace knows of the place it stood at follows then
(store/home.py): where the original is gone it has moved, beside the original it is a second copy. A piece that is
damaged is told by the files that need it, with the newest backup that needs none such.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline_lib.base.errors import DataError, SettingsError, WorkspaceBusy
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.keep.noted import note
from pipeline_lib.keep.vault import DamagedPiece, Entry, Head, Vault, is_locked
from pipeline_lib.store.files import fsync_folder, remove_file, translate_os_error
from pipeline_lib.store.home import settle
from pipeline_lib.store.layout import RESTORING
from pipeline_lib.store.private import NO_OTHERS
from pipeline_lib.store.records import read_comfort, write_state
from pipeline_lib.store.workspace import Workspace

Told = Callable[[float, float, str], None]  # MB done, MB in all, of what
Take = Callable[[Entry, Iterator[bytes]], None]

PART = ".restoring.part"  # the name of a file that is being written, in its folder
STATE = "state/"
NAMES_SHOWN = 5
MB = 1e6


@dataclass(frozen=True)
class Half:
    """What `.restoring` says."""

    backup: str  # its id


@dataclass(frozen=True)
class Restored:
    """What was restored."""

    head: Head
    line: str  # where it stood, if that was elsewhere, and what became of its addresses
    left_out: tuple[str, ...]  # names of files that are damaged in the backup


def chosen(heads: Sequence[Head], at: str | None, folder: Path) -> Head:
    """The newest backup whose id begins so; the newest of all where none is named. Raises `SettingsError`.

    Signs between the digits do not count: "2026-11-29 18:15" is as good as "20261129-1815".
    """
    if not heads:
        raise SettingsError(f"{folder}: no backup in it is whole. nightshift backup FOLDER makes one.")
    asked = None if at is None else _plain(at)
    for head in heads:
        if asked is None or (asked and _plain(head.id).startswith(asked)):
            return head
    raise SettingsError(f"{folder}: has no backup {at}. nightshift restore FOLDER --list shows those that it has.")


def check_target(target: Path, vault: Vault, head: Head) -> None:
    """Raises `SettingsError` for a folder that holds anything but the half of a restore, or lies among the backups."""
    if target.resolve().is_relative_to(vault.root.resolve()):
        raise SettingsError(f"restore: {target} lies in the folder of the backups. Name another one with --to.")
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir() or half_in(target) is None:
        raise SettingsError(
            f"restore: {target} is there and not empty, and nothing is written over. Name another folder with --to, or "
            "move that one away."
        )
    _not_of(vault, head, target)


def half_in(target: Path) -> Half | None:
    """What says that a restore into this folder was cut off."""
    return read_comfort(target / RESTORING, Half)


def verify(vault: Vault, head: Head, told: Told) -> None:
    """Read all of a backup, and write nothing. Raises `DataError`, as `restore` does, for damage."""
    entries = entries_of(vault, head)
    if damaged := _each(vault, entries, told, lambda _entry, contents: _read(contents)):
        raise damage_error(vault, head, entries, damaged)


def restore(vault: Vault, head: Head, target: Path, *, is_partly: bool, told: Told) -> Restored:
    """Make `target` the workspace that was backed up; with `is_partly` also where some of its files are damaged.

    Raises `SettingsError` for a folder that cannot be used, `DataError` for damage, `UpstreamError` on a full disk.
    """
    check_target(target, vault, head)
    entries = sorted(entries_of(vault, head), key=lambda entry: (entry.name.startswith(STATE), entry.name))
    try:
        target.mkdir(mode=NO_OTHERS, parents=True, exist_ok=True)
        with suppress(OSError):  # a share: each night says who may read it
            target.chmod(NO_OTHERS)
        with _alone(target):
            for name in _not_of(vault, head, target):
                (target / name).unlink(missing_ok=True)
            write_state(target / RESTORING, asdict(Half(head.id)))
            damaged = _each(vault, entries, told, lambda entry, contents: _write(target / entry.name, entry, contents))
            if damaged and not is_partly:
                raise damage_error(vault, head, entries, damaged)
            for folder, _, _ in os.walk(target):
                fsync_folder(Path(folder))
            failpoint("restore", "before_end")
            remove_file(target / RESTORING)
    except OSError as exc:
        raise translate_os_error(exc, Path(os.fsdecode(exc.filename or target))) from exc
    failpoint("restore", "before_settling")
    return Restored(head, _arrive(Workspace(target.resolve()), vault, head), tuple(damaged))


def _not_of(vault: Vault, head: Head, target: Path) -> list[str]:
    """What another backup, whose restore into this folder was cut off, may have left there. Raises `SettingsError`."""
    half = half_in(target)
    if half is None or half.backup == head.id:
        return []
    with suppress(DamagedPiece):
        for other in vault.heads():
            if other.id == half.backup:
                own = {entry.name for entry in vault.files(head)}
                return [entry.name for entry in vault.files(other) if entry.name not in own]
    raise SettingsError(
        f"restore: {target} holds a part of backup {half.backup}, which is not here any more. Name another folder with "
        "--to, or delete that one."
    )


def entries_of(vault: Vault, head: Head) -> list[Entry]:
    """The files of a backup. Raises `DataError`, which names another backup, where its list is damaged."""
    try:
        return vault.files(head)
    except DamagedPiece as exc:
        raise DataError(f"backup {head.id}: its list is damaged ({exc}). {_way_out(vault, head, ())}") from exc


def damage_error(vault: Vault, head: Head, entries: Sequence[Entry], damaged: Collection[str]) -> DataError:
    """What is damaged in a backup, and which other one needs nothing of it."""
    names = sorted(damaged)
    pieces = {piece for entry in entries if entry.name in damaged for piece in entry.pieces}
    odd = {piece for piece in pieces if not _is_whole(vault, piece)}
    places = _some([str(vault.place(piece)) for piece in sorted(odd)])
    return DataError(
        f"backup {head.id}: cannot be restored in full, since pieces of it are damaged or gone ({places}). These files "
        f"need them: {_some(names)}. "
        f"{_way_out(vault, head, odd)} --partly restores all the rest; an artifact that is missing then is made again "
        "when something needs it, as far as what it was made from is there. Where the workspace is still whole: delete "
        "these pieces, and nightshift backup puts them there again."
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _way_out(vault: Vault, head: Head, odd: Collection[str]) -> str:
    for other in vault.heads():
        with suppress(DamagedPiece):
            named = {piece for entry in vault.files(other) for piece in entry.pieces}
            if other.id != head.id and named.isdisjoint(odd):
                return f"Backup {other.id} needs nothing of that: nightshift restore FOLDER --at {other.id}."
    return "No other backup here is without that."


def _plain(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum() and sign not in "tz")


def _is_whole(vault: Vault, piece: str) -> bool:
    try:
        vault.piece(piece)
    except DamagedPiece:
        return False
    return True


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Be the only restore into this folder, as far as its disk knows locks. Raises `WorkspaceBusy`."""
    descriptor = os.open(target, os.O_RDONLY)
    try:
        if not is_locked(descriptor, fcntl.LOCK_EX):
            raise WorkspaceBusy(f"{target}: another restore is at work here. Wait for its end.")
        yield
    finally:
        os.close(descriptor)


def _each(vault: Vault, entries: Sequence[Entry], told: Told, take: Take) -> set[str]:
    """Give each file to `take` with what it holds; the names of those that are damaged."""
    total, done, damaged = sum(entry.num_bytes for entry in entries), 0, set()
    for entry in entries:
        try:
            take(entry, _contents(vault, entry))
        except DamagedPiece:
            damaged.add(entry.name)
        done += entry.num_bytes
        told(done / MB, total / MB, "MB")
    return damaged


def _contents(vault: Vault, entry: Entry) -> Iterator[bytes]:
    """The pieces of a file. Raises `DamagedPiece`."""
    for piece, num_bytes in entry.sizes():
        data = vault.piece(piece)
        if len(data) != num_bytes:
            raise DamagedPiece(f"{vault.place(piece)}: is of another size")
        yield data


def _read(contents: Iterator[bytes]) -> None:
    for _ in contents:
        pass


def _write(path: Path, entry: Entry, contents: Iterator[bytes]) -> None:
    """Write a file, unless a restore that was cut off has done so. A half of one never has its name."""
    if not _is_there(path, entry):
        part = path.with_name(PART)
        path.parent.mkdir(mode=NO_OTHERS, parents=True, exist_ok=True)
        failpoint("restore", "before_file")
        try:
            with part.open("wb") as file:
                for data in contents:
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(entry.mode)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))


def _is_there(path: Path, entry: Entry) -> bool:
    """Whether the file is there as it should be: read, and not taken for granted."""
    try:
        with path.open("rb") as file:
            found = [hashlib.sha256(data).hexdigest() for data in iter(lambda: file.read(entry.piece_bytes), b"")]
    except OSError:
        return False
    return tuple(found) == entry.pieces


def _arrive(workspace: Workspace, vault: Vault, head: Head) -> str:
    """Let the workspace stand where it is now; a line where that is another place than it had."""
    with workspace.lock():
        line = settle(workspace.root)
        for run in workspace.runs():
            if run.state == "running":  # where the original stands; here nobody goes on with it
                workspace.save_run(run.ended_as("killed", head.time))
        if vault.marker.id:
            note(workspace, vault, vault.heads())
    return line
