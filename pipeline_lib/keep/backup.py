"""A backup of a workspace, while nights go on: what it holds goes into a folder (vault.py), where each piece lies once.

A file whose size, times and number are those that the backup before has noted is not read again. All else is, and of
that only pieces are written that the folder does not hold yet: a model that lies in artifacts and with MLflow, and the
pages of a database that a night did not touch, are there once. Nothing is held up: nights neither wait nor are waited
for. Databases are copied by SQLite, so that servers go on writing.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import IO

from pipeline_lib.base.errors import SettingsError, UpstreamError, WorkspaceBusy
from pipeline_lib.keep.belongings import YOUNG_SECONDS, Found, at_one_instant, belongings
from pipeline_lib.keep.noted import note
from pipeline_lib.keep.vault import (
    DATABASE_PIECE_BYTES,
    PIECE_BYTES,
    DamagedPiece,
    Entry,
    Head,
    Vault,
    check_free,
    check_owner,
    close_vault,
    marker_of,
    new_id,
    vault_for,
)
from pipeline_lib.store.addresses import MLFLOW, path_of
from pipeline_lib.store.databases import copy_at_once, is_damage
from pipeline_lib.store.files import translate_os_error
from pipeline_lib.store.home import Home, home_of, settle
from pipeline_lib.store.still import nothing_deleted_beside
from pipeline_lib.store.workspace import Workspace

Told = Callable[[float, float, str], None]  # MB done, MB in all, of what
Say = Callable[[str], None]

TRIES = 5  # to read an artifact or a model that changes meanwhile
INSTANT_SECONDS = 300.0
WAIT_SECONDS = 600.0  # for a gc, or for another backup
DRAFT = "work/backup"  # where databases are copied to: on the disk that SQLite works on anyway
MB = 1e6


@dataclass(frozen=True)
class BackedUp:
    """What a backup came to, or would."""

    head: Head
    new_bytes: int  # written; of a dry run: to be read
    removed: tuple[Head, ...] = ()  # by `keep`
    freed_bytes: int = 0
    unread: tuple[str, ...] = ()  # names of files that could not be read


@dataclass
class _Work:
    """A backup that is being made."""

    root: Path
    vault: Vault
    known: dict[str, Entry]  # of the backup before
    told: Told
    say: Say
    total_bytes: int = 0
    done_bytes: int = 0
    new_bytes: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)

    @property
    def draft(self) -> Path:
        """Where a database is copied to."""
        return self.root / DRAFT / "copied.db"

    def put(self, data: bytes) -> str:
        """Keep a piece."""
        digest, is_new = self.vault.put(data)
        self.new_bytes += len(data) if is_new else 0
        return digest

    def read(self, found: Found) -> bool:
        """Take a file in; whether it had to be read. Raises `FileNotFoundError` where it has gone."""
        before = known_entry(found, self.known)
        if before is not None and all(self.vault.has(*piece) for piece in before.sizes()):
            self.entries[found.name] = replace(before, mode=found.mode)
            return False
        self.entries[found.name] = self._copied(found) if found.is_database else self._as_it_is(found, found.path)
        self.done_bytes += found.num_bytes
        self.told(self.done_bytes / MB, max(self.total_bytes, self.done_bytes) / MB, "MB")
        return True

    def take_copy(self, found: Found) -> None:
        """Take in the copy of a database that lies at `draft`."""
        self.entries[found.name] = self._as_it_is(found, self.draft)

    def copy_aside(self, database: Path) -> None:
        """Copy a database as it is at this instant to `draft`; where it is damaged, its bytes."""
        shutil.rmtree(self.draft.parent, ignore_errors=True)
        self.draft.parent.mkdir(parents=True)
        try:
            copy_at_once(database, self.draft)
        except sqlite3.Error as exc:
            if not is_damage(exc):
                raise UpstreamError(f"{database}: cannot be copied ({exc}). See to that, and run again.") from exc
            self.say(f"{database}: is damaged; it is in this backup as it is")
            shutil.copyfile(database, self.draft)

    def _copied(self, found: Found) -> Entry:
        self.copy_aside(found.path)
        return self._as_it_is(found, self.draft)

    def _as_it_is(self, found: Found, path: Path) -> Entry:
        piece_bytes = DATABASE_PIECE_BYTES if found.is_database else PIECE_BYTES
        with path.open("rb") as file:
            pieces = list(pieces_of(file, piece_bytes, self.put))
        stamp = found.stamp if found.is_older_than(YOUNG_SECONDS) and not found.is_database else None
        size = sum(num_bytes for _, num_bytes in pieces)
        digests = tuple(digest for digest, _ in pieces)
        return Entry(found.name, size, found.mode, found.stamp[0], piece_bytes, digests, stamp)


def back_up(
    workspace: Workspace,
    folder: Path,
    *,
    now: float,
    keep: int | None,
    told: Told,
    say: Say,
    wait: float = WAIT_SECONDS,
) -> BackedUp:
    """Add a backup of the workspace to `folder`, begun at `now`; of those there, with `keep`, only the newest stay.

    Raises `SettingsError` for a folder that cannot be used, `WorkspaceBusy` where a gc or another backup goes on for
    more than `wait` seconds, `UpstreamError` on a full disk.
    """
    check_apart(workspace.root, folder)
    home = _settled(workspace, say)
    with nothing_deleted_beside(workspace.root, wait_seconds=wait, say=say):
        vault = vault_for(folder, home.id)
        with vault.written():
            if line := close_vault(folder):
                say(line)
            vault.sweep()
            removed, freed = _thinned(vault, keep, say)  # first: they may be what fills the disk
            _tell_of_another_place(vault, home, say)
            work = _Work(workspace.root, vault, _known(vault, say), told, say)
            try:
                head = _made(work, home, now)
            finally:
                shutil.rmtree(work.draft.parent, ignore_errors=True)
            more_removed, more_freed = _thinned(vault, keep, say)
            note(workspace, vault, vault.heads())
    return BackedUp(head, work.new_bytes, (*removed, *more_removed), freed + more_freed, tuple(sorted(work.unread)))


def foresee(workspace: Workspace, folder: Path, *, now: float, keep: int | None, say: Say) -> BackedUp:
    """What `back_up` would come to; nothing is changed. Raises as that does for a folder that cannot be used."""
    check_apart(workspace.root, folder)
    _check_there(workspace)
    home, marker = home_of(workspace.root), marker_of(folder)
    files, known, removed, freed = belongings(workspace.root), dict[str, Entry](), list[Head](), 0
    if marker is None:
        check_free(folder)
    else:
        if home is not None and home.path == workspace.root.resolve().as_uri():
            check_owner(folder, marker, home.id)
        vault = Vault(folder, marker)
        known, heads = _known(vault, say), vault.heads()
        removed = [] if keep is None else heads[keep - 1 :]
        # What the newest one needs, the one to come needs as well, all but a little.
        freed = _bytes_of(_let_go(vault, heads[: max(keep - 1, 1)], say)) if removed and keep is not None else 0
    num_bytes = sum(found.num_bytes for found in files)
    head = Head("", 0, now, "", workspace.root.resolve().as_uri(), len(files), num_bytes, ())
    new = sum(found.num_bytes for found in files if known_entry(found, known) is None)
    return BackedUp(head, new, tuple(removed), freed)


def known_entry(found: Found, known: dict[str, Entry]) -> Entry | None:
    """What the backup before has of a file that has not changed since."""
    before = known.get(found.name)
    if before is None or before.stamp != found.stamp or before.num_bytes != found.num_bytes:
        return None
    return before


def check_apart(root: Path, folder: Path) -> None:
    """Raises `SettingsError` where the folder of the backups lies in the workspace, or that in it."""
    inside, outside = folder.resolve(), root.resolve()
    if inside.is_relative_to(outside) or any(_is_same_folder(one, outside) for one in (inside, *inside.parents)):
        raise SettingsError(f"{folder}: lies in the workspace {root}, and would be lost with it. Name another folder.")
    if outside.is_relative_to(inside):
        raise SettingsError(f"{folder}: the workspace {root} lies in it. Name another folder, beside it or elsewhere.")


def _is_same_folder(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _settled(workspace: Workspace, say: Say) -> Home:
    """Where the workspace stands: one that was moved or copied settles first, unless somebody at work does."""
    root = workspace.root
    _check_there(workspace)
    if not _is_settled(root):
        with suppress(WorkspaceBusy), workspace.lock():
            if line := settle(root):
                say(line)
    home = home_of(root)
    if home is None or not _is_settled(root):
        raise WorkspaceBusy(f"{root}: was moved or copied, and somebody who is at work here settles it. Run again.")
    return home


def _check_there(workspace: Workspace) -> None:
    if not workspace.state.is_dir():
        raise SettingsError(f"{workspace.root}: there is no workspace to back up. Name one with --workspace.")


def _is_settled(root: Path) -> bool:
    home = home_of(root)
    return home is not None and home.id != "" and home.path == root.resolve().as_uri() and not home.earlier


def _tell_of_another_place(vault: Vault, home: Home, say: Say) -> None:
    """Two machines may each hold what was one workspace, and neither can see that."""
    for head in vault.heads()[:1]:
        if head.path != home.path:
            say(f"the backup before, {head.id}, is of {path_of(head.path)}. If that one lives on, name another folder")


def _known(vault: Vault, say: Say) -> dict[str, Entry]:
    """The files of the backup before, by name; none where its list is damaged: all is read again then."""
    for head in vault.heads():
        try:
            return {entry.name: entry for entry in vault.files(head)}
        except DamagedPiece as exc:
            say(f"{exc}; so backup {head.id} cannot be restored, and the one before it is compared with")
    return {}


def _made(work: _Work, home: Home, now: float) -> Head:
    """Take in all that the workspace holds; the backup, once it is whole."""
    files = belongings(work.root)
    work.total_bytes = sum(found.num_bytes for found in files if known_entry(found, work.known) is None)
    try:
        for found in files:
            if found.is_in_motion:
                with suppress(FileNotFoundError):
                    work.read(found)
        _take_state(work)
        # What the state names has been there since before that instant: it is looked for only now.
        rest = [found for found in belongings(work.root) if not (found.is_in_motion or found.is_state)]
        for group, members in groupby(rest, key=lambda found: found.group):
            if group != MLFLOW:
                _take_group(work, group, list(members))
    except OSError as exc:
        raise translate_os_error(exc, Path(str(exc.filename or work.root))) from exc
    entries = list(work.entries.values())
    head = Head(
        id=new_id(now),
        number=max((head.number for head in work.vault.heads()), default=0) + 1,
        time=now,
        release=metadata.version("nightshift"),
        path=home.path,
        num_files=len(entries),
        num_bytes=sum(entry.num_bytes for entry in entries),
        list=work.vault.put_list(entries),
    )
    work.vault.add(head)
    return head


def _take_state(work: _Work) -> None:
    """The state and MLflow's database, as they are at one instant."""

    def listed() -> Sequence[Found]:
        return [found for found in belongings(work.root, "state") if found.is_state]

    def copy_mlflow() -> None:
        if (work.root / MLFLOW).is_file():
            work.copy_aside(work.root / MLFLOW)

    before = set(work.entries)
    state = at_one_instant(listed, work.read, copy_mlflow, seconds=INSTANT_SECONDS)
    for name in work.entries.keys() - before - {found.name for found in state}:
        del work.entries[name]  # it went before that instant
    for database in belongings(work.root, MLFLOW):
        work.take_copy(database)


def _take_group(work: _Work, group: str, files: list[Found]) -> None:
    """An artifact, a model or a file: all of it as it stands, and once more where it has changed meanwhile.

    What changes all the time (a log that grows, a run of a user's own) is taken as it was read last.
    """
    for _ in range(TRIES):
        is_read = False
        for found in files:
            work.entries.pop(found.name, None)
            work.unread.discard(found.name)
            try:
                is_read = work.read(found) or is_read
            except FileNotFoundError:
                is_read = True
            except OSError:
                work.unread.add(found.name)
        if not is_read or files[0].is_database:
            return
        again = belongings(work.root, group)
        if [(one.name, one.stamp) for one in again] == [(one.name, one.stamp) for one in files]:
            return
        for name in {found.name for found in files} - {found.name for found in again}:
            work.entries.pop(name, None)
        files = again


def _thinned(vault: Vault, keep: int | None, say: Say) -> tuple[list[Head], int]:
    """Remove all but the newest backups, and what only they have named; those, and how many bytes that frees."""
    heads = vault.heads()
    removed = [] if keep is None else heads[keep:]
    if not removed:
        return [], 0
    places = _let_go(vault, heads[:keep], say)
    freed = _bytes_of(places)
    vault.remove(removed)
    for place in places:
        place.unlink(missing_ok=True)
    return removed, freed


def _let_go(vault: Vault, kept: Sequence[Head], say: Say) -> list[Path]:
    """The pieces that go with all but these backups; none where it cannot be told what is needed."""
    try:
        if not vault.odd_heads():
            return vault.unnamed(kept)
        say(f"{vault.root / 'backups'}: a backup there cannot be read, so the pieces of those removed stay")
    except DamagedPiece as exc:
        say(f"{exc}; so the pieces of the backups that are removed stay")
    return []


def pieces_of(file: IO[bytes], piece_bytes: int, put: Callable[[bytes], str]) -> Iterator[tuple[str, int]]:
    """Keep what a file holds; each piece with its bytes."""
    while data := file.read(piece_bytes):
        yield put(data), len(data)


def _bytes_of(places: Sequence[Path]) -> int:
    return sum(place.stat().st_size for place in places)
