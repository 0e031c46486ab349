"""A folder of backups: what files hold, each piece once, and of each backup a list of what the workspace held.

    FOLDER/nightshift-backups.json    whose backups these are
    FOLDER/backups/<id>.json          one backup: when, of where, and which pieces its list is of; written last of all
    FOLDER/objects/3f/3f9c...         a piece of a file, or of such a list (JSON, gzip), named by its SHA-256
    FOLDER/incoming/                  what is being written
    FOLDER/lock                       held by who writes; shared by those who read

A file is its pieces in their order, so `cat` puts it together where nothing else is at hand. What is cut off or runs
into a full disk leaves pieces that no backup names: the next one finds them there. Older backups are never touched.
"""

import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline_lib.base.errors import DataError, SettingsError, UpstreamError, WorkspaceBusy
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.files import OWNER_ONLY, fsync_folder, nearest_folder, remove_file, translate_os_error
from pipeline_lib.store.private import NO_OTHERS, OTHERS
from pipeline_lib.store.records import read_state, read_whole, write_state

FORMAT = 1
LOST = "These backups can be restored; for new ones put it back from a copy, or name another folder."
MARKER = "nightshift-backups.json"
LOCK = "lock"
SECTION_FILES = 64  # of a list, on average
PIECE_BYTES = 1 << 20
DATABASE_PIECE_BYTES = 1 << 16  # a night changes few pages of a database, here and there
LOOK_SECONDS = 0.2
DIGEST = re.compile(r"[0-9a-f]{64}")
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")

Stamp = tuple[int, int, int]  # times of the last change of a file and of its entry, in ns, and its number


@dataclass(frozen=True)
class Marker:
    """Whose backups lie in a folder."""

    format: int
    id: str  # of the folder, wherever it is mounted
    workspace: str  # id of the workspace (store/home.py)


@dataclass(frozen=True)
class Head:
    """One backup. Its id is the time at which it was begun, on the clock of that place, as people type it."""

    id: str  # "20261129-181500-3f9c"
    number: int  # from 1, in the order in which they were made, whatever the clock says
    time: float  # Unix seconds
    release: str  # of Nightshift
    path: str  # where the workspace stood, a `file:` URL
    num_files: int
    num_bytes: int  # of the files, each in full
    list: tuple[str, ...]  # the pieces of its list


@dataclass(frozen=True)
class Entry:
    """A file of a backup."""

    name: str  # relative to the workspace, with "/"
    num_bytes: int
    mode: int  # the rights of its owner
    mtime_ns: int
    piece_bytes: int  # of each piece but the last
    pieces: tuple[str, ...]
    stamp: Stamp | None  # by which it is known to be unchanged; None: it was too young, or is a database

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Each piece with its bytes."""
        for number, piece in enumerate(self.pieces):
            yield piece, min(self.piece_bytes, self.num_bytes - number * self.piece_bytes)


class DamagedPiece(Exception):
    """A piece is not there, or is not what was written."""


@dataclass(frozen=True)
class Vault:
    """A folder of backups."""

    root: Path
    marker: Marker

    def put(self, data: bytes) -> tuple[str, bool]:
        """Keep a piece; its name, and whether it is new here, or was damaged. Raises `UpstreamError` on a full disk."""
        digest = hashlib.sha256(data).hexdigest()
        with suppress(OSError):
            if self.has(digest, len(data)) and self.place(digest).read_bytes() == data:
                return digest, False
        failpoint("backup", "before_piece")
        with _saying_what_is_kept(self.root):
            self._write(self.place(digest), data)
        return digest, True

    def _write(self, place: Path, data: bytes) -> None:
        """Put a piece in its place, flushed. Its name is flushed with all others, before a backup names it."""
        part = self._incoming / f"{place.name}.{os.getpid()}"
        try:
            place.parent.mkdir(mode=NO_OTHERS, exist_ok=True)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(place)
        except OSError as exc:
            with suppress(OSError):
                part.unlink()
            raise translate_os_error(exc, place) from exc

    def has(self, digest: str, num_bytes: int) -> bool:
        """Whether a piece is here, as far as its size tells."""
        try:
            return self.place(digest).stat().st_size == num_bytes
        except OSError:
            return False

    def piece(self, digest: str) -> bytes:
        """A piece, compared with its name. Raises `DamagedPiece`."""
        try:
            data = self.place(digest).read_bytes()
        except OSError as exc:
            raise DamagedPiece(f"{self.place(digest)}: {exc.strerror}") from exc
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedPiece(f"{self.place(digest)}: is not what was written")
        return data

    def heads(self) -> list[Head]:
        """The backups, the newest first. One that cannot be read is passed over with a word."""
        found = (read_whole(path, Head) for path in self._backups.glob("[!.]*.json"))
        right = (head for head in found if head is not None and ID.fullmatch(head.id))
        return sorted(right, key=lambda head: (head.number, head.id), reverse=True)

    def odd_heads(self) -> list[Path]:
        """The files of backups of which cannot be read what they are."""
        right = {f"{head.id}.json" for head in self.heads()}
        return sorted(path for path in self._backups.glob("[!.]*.json") if path.name not in right)

    def files(self, head: Head) -> list[Entry]:
        """What a backup holds, in the order of names. Raises `DamagedPiece` where its list is not whole."""
        sections = [self.piece(digest) for digest in head.list]
        try:
            return [_entry(row) for section in sections for row in json.loads(gzip.decompress(section))]
        except (OSError, EOFError, ValueError, TypeError, RecursionError, zlib.error) as exc:
            raise DamagedPiece(f"{self._backups / head.id}.json: its list is none") from exc

    def put_list(self, entries: Iterable[Entry]) -> tuple[str, ...]:
        """Keep the list of a backup; its pieces.

        It is cut behind names that say so by themselves: a file more changes one section, and the others are here.
        """
        sections: list[list[Entry]] = [[]]
        for entry in sorted(entries, key=lambda entry: entry.name):
            sections[-1].append(entry)
            if zlib.crc32(os.fsencode(entry.name)) % SECTION_FILES == 0:
                sections.append([])
        return tuple(self.put(_section(section))[0] for section in sections if section)

    def add(self, head: Head) -> None:
        """A backup is whole: all of its pieces are here, and their names are flushed now."""
        with _saying_what_is_kept(self.root):
            try:
                for folder in (self._objects, *self._objects.iterdir()):
                    fsync_folder(folder)
            except OSError as exc:
                raise translate_os_error(exc, self._objects) from exc
            failpoint("backup", "before_head")
            write_state(self._backups / f"{head.id}.json", asdict(head))

    def remove(self, heads: Sequence[Head]) -> None:
        """Forget these backups; the pieces that no other one names are still here."""
        for head in heads:
            remove_file(self._backups / f"{head.id}.json")
            failpoint("backup", "after_head_removed")

    def unnamed(self, heads: Iterable[Head]) -> list[Path]:
        """The pieces that none of these backups names. Raises `DamagedPiece` where one does not say what it names."""
        named: set[str] = set()
        for head in heads:
            named.update(head.list)
            named.update(piece for entry in self.files(head) for piece in entry.pieces)
        return [place for place in self.places() if place.name not in named]

    def sweep(self) -> None:
        """Remove what was being written when somebody was killed. Only who has the lock may call this."""
        for path in self._incoming.glob("*"):
            with suppress(OSError):
                path.unlink()

    @contextmanager
    def written(self) -> Iterator[None]:
        """Be the only one who writes here. Raises `WorkspaceBusy` at once where somebody is at work."""
        try:
            descriptor = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        except OSError as exc:
            raise translate_os_error(exc, self.root / LOCK) from exc
        with _held(descriptor, fcntl.LOCK_EX, self.root):
            yield

    @contextmanager
    def read(self, *, wait_seconds: float = 0.0) -> Iterator[None]:
        """Let nobody remove anything. Raises `WorkspaceBusy` while somebody does, or makes a backup, for that long."""
        try:
            descriptor = os.open(self.root / LOCK, os.O_RDONLY)
        except OSError:  # a medium that cannot be written to is not written to
            yield
            return
        with _held(descriptor, fcntl.LOCK_SH, self.root, wait_seconds):
            yield

    @property
    def _objects(self) -> Path:
        return self.root / "objects"

    @property
    def _backups(self) -> Path:
        return self.root / "backups"

    @property
    def _incoming(self) -> Path:
        return self.root / "incoming"

    def places(self) -> list[Path]:
        """Where pieces lie, in the order of their names."""
        return sorted(self._objects.glob("*/*"))

    def place(self, digest: str) -> Path:
        """Where a piece lies, whether it is there or not."""
        return self._objects / digest[:2] / digest


def open_vault(folder: Path) -> Vault:
    """The backups in a folder, also where what says whose they are is lost or damaged: that is no reason to lose them.

    Raises `SettingsError` without any, `DataError` for those of a newer release.
    """
    try:
        found = marker_of(folder)
    except DataError:
        found = read_whole(folder / MARKER, Marker)
        if found is not None:  # of a newer release
            raise
    if found is None and (folder / "backups").is_dir() and (folder / "objects").is_dir():
        found = Marker(FORMAT, "", "")
    if found is None:
        raise SettingsError(f"{folder}: holds no backups of Nightshift. nightshift backup FOLDER makes one.")
    return Vault(folder, found)


def vault_for(folder: Path, workspace: str) -> Vault:
    """The backups of the workspace of this id in a folder; new ones where that is new or empty.

    Raises `SettingsError` for a folder that holds something else, or another workspace's backups.
    """
    found = marker_of(folder)
    if found is None:
        check_free(folder)
        found = Marker(FORMAT, uuid.uuid4().hex, workspace)
    check_owner(folder, found, workspace)
    try:
        folder.mkdir(mode=NO_OTHERS, parents=True, exist_ok=True)
        if not (folder / MARKER).exists():
            write_state(folder / MARKER, asdict(found))
        for name in ("objects", "backups", "incoming"):
            (folder / name).mkdir(mode=NO_OTHERS, exist_ok=True)
    except OSError as exc:
        raise translate_os_error(exc, folder) from exc
    return Vault(folder, found)


def check_free(folder: Path) -> None:
    """Raises `SettingsError` where a folder holds something that a killed first backup has not left."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir() or any(not path.name.startswith(f".{MARKER}.") for path in folder.iterdir()):
        raise SettingsError(f"{folder}: is there, and holds no backups. Name a folder that is new or empty.")


def check_owner(folder: Path, marker: Marker, workspace: str) -> None:
    """Raises `SettingsError` where the backups in a folder are those of another workspace."""
    if marker.workspace != workspace:
        raise SettingsError(
            f"{folder}: holds the backups of another workspace, or of the one that this was copied from. "
            "Name another folder: each workspace has its own."
        )


def marker_of(folder: Path) -> Marker | None:
    """Whose backups lie in a folder; None where there are none."""
    found = read_state(folder / MARKER, Marker, advice=LOST)
    if found is not None and found.format > FORMAT:
        raise DataError(f"{folder}: these backups were made by a newer release of Nightshift. Install that one.")
    return found


def close_vault(folder: Path) -> str:
    """Take all rights on a folder of backups from others; a line about it, "" where there was nothing to do."""
    mode = folder.stat().st_mode & 0o777
    if not mode & OTHERS:
        return ""
    with suppress(OSError):
        folder.chmod(mode & NO_OTHERS)
    if folder.stat().st_mode & OTHERS:
        return (
            f"{folder}: others may read these backups (mode {mode:04o}), and its rights cannot be changed here. "
            "Texts and keys lie in it: put it where only you can read, or close the folder above it."
        )
    return f"{folder}: others could read these backups (mode {mode:04o}); now only their owner can"


def new_id(now: float) -> str:
    """The name of a backup that is begun now."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{uuid.uuid4().hex[:4]}"


def _section(entries: Iterable[Entry]) -> bytes:
    """A part of a list: a row a file, with the values of `Entry` in their order."""
    rows = [list(vars(entry).values()) for entry in entries]
    return gzip.compress(json.dumps(rows, separators=(",", ":")).encode(), mtime=0)


def _entry(row: Sequence[Any]) -> Entry:
    """A line of a list. Raises `ValueError` or `TypeError` for one that nobody has written who backs up."""
    name, num_bytes, mode, mtime_ns, piece_bytes, pieces, stamp = row
    numbers = (num_bytes, mode, mtime_ns, piece_bytes)
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
        raise ValueError("a name that leads out of the workspace")
    if not all(type(number) is int for number in numbers) or num_bytes < 0 or piece_bytes < 1:
        raise ValueError("a number that is none")
    if len(pieces) != -(-num_bytes // piece_bytes) or not all(DIGEST.fullmatch(piece) for piece in pieces):
        raise ValueError("pieces that are none")
    return Entry(
        name,
        num_bytes,
        mode & NO_OTHERS,
        mtime_ns,
        piece_bytes,
        tuple(pieces),
        None if stamp is None else _stamp(*stamp),
    )


def _stamp(mtime_ns: int, ctime_ns: int, number: int) -> Stamp:
    return mtime_ns, ctime_ns, number


def is_locked(descriptor: int, how: int) -> bool:
    """Whether the lock is ours now; also where a share knows no locks."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def _held(descriptor: int, how: int, folder: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    ends_at = time.monotonic() + wait_seconds
    try:
        while not is_locked(descriptor, how):
            if time.monotonic() >= ends_at:
                raise WorkspaceBusy(f"{folder}: another command is at work with these backups. Wait for its end.")
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _saying_what_is_kept(folder: Path) -> Iterator[None]:
    try:
        yield
    except UpstreamError as exc:
        free_mb = shutil.disk_usage(nearest_folder(folder)).free // 1_000_000
        cause: BaseException = exc.__cause__ or exc
        raise UpstreamError(
            f"{folder}: cannot be written to ({getattr(cause, 'strerror', None) or cause}; {free_mb} MB free on that "
            "disk). Earlier backups are whole, and what was copied is kept. Make room (nightshift backup FOLDER --keep "
            "N lets older ones go first), and run again."
        ) from cause
