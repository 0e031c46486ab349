"""The only door to files: whole files and folders appear under their final name at once, or not at all.

A write goes to a temporary name beside its target, is flushed to the disk (fsync of the file, then of its folder) and
is renamed. After a power cut or a kill -9 the target is either the old one or the new one, never a half.
Object stores get their own door here later; callers pass paths and never open files for writing by themselves.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError, UpstreamError
from pipeline_lib.base.failpoint import failpoint

CHUNK_BYTES = 1 << 20
CHANGE = ("files", "before_change")  # where a test kills before the n-th file that appears, is replaced or goes
OWNER_ONLY = 0o600  # who may read a private file
FULL_BYTES = 4_000_000  # free: so little that no database of a server can be made
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_flushed: set[Path] = set()  # folders whose names this process has flushed
STANDS_IN_THE_WAY = (errno.EISDIR, errno.ELOOP, errno.ENOTDIR, errno.EEXIST)


def write_atomically(path: Path, data: bytes, *, via: Path | None = None) -> None:
    """Put `data` under `path`, durably and all at once; its temporary name is beside it, or in the folder `via`."""
    temporary = (via or path.parent) / f".{path.name}.{os.getpid()}.tmp"
    try:
        make_folder(path.parent)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        failpoint(*CHANGE)
        temporary.replace(path)
        fsync_folder(path.parent)
    except OSError as exc:
        with suppress(OSError):  # where its folder is none it is not there either
            temporary.unlink()
        raise translate_os_error(exc, path) from exc


def make_folder(path: Path) -> None:
    """Make a folder, and what is missing above it, durably: what is flushed in it would be gone with its name.

    Names that were there may be those that a killed process made and did not flush, so each process flushes them once.
    """
    folders = (path, *path.parents)
    missing = list(takewhile(lambda folder: not folder.is_dir(), folders))
    path.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        if folder not in missing and (folder in _flushed or not os.access(folder.parent, os.W_OK)):
            break
        fsync_folder(folder.parent)
        _flushed.add(folder)


def write_json(path: Path, value: Any, *, via: Path | None = None) -> None:
    """Put `value` as readable JSON with sorted keys under `path`, all at once; `via` as in `write_atomically`."""
    write_atomically(path, readable(value).encode(), via=via)


def make_private(path: Path, text: str) -> None:
    """Put `text` under `path`, for its owner's eyes alone, unless something is there. Of two at once the first wins.

    Raises `UpstreamError` on a full disk.
    """
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        make_folder(path.parent)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    except OSError as exc:
        raise translate_os_error(exc, path) from exc
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_file(path: Path) -> None:
    """Remove a file, durably, if it is there. Raises `UpstreamError` where that fails."""
    failpoint(*CHANGE)
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            fsync_folder(path.parent)
    except OSError as exc:
        raise translate_os_error(exc, path) from exc


def put_aside(path: Path) -> Path:
    """Give what stands under `path` another name beside it, which says when; that name. Nothing is deleted."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (path.with_name(f"{path.name}.{stamp}{f'-{number}' if number else ''}") for number in count())
    aside = next(name for name in names if not os.path.lexists(name))
    path.rename(aside)
    return aside


def open_lock(path: Path) -> int:
    """A descriptor of the file that is locked, made if need be. Raises `DataError` when something else is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as exc:
        place, kind = (path, "file") if os.path.lexists(path) else (path.parent, "folder")
        if exc.errno not in STANDS_IN_THE_WAY:
            raise translate_os_error(exc, path) from exc
        raise DataError(
            f"{place}: is no {kind}, so nothing can be locked there. Move it away and run again: it is made anew."
        ) from exc


def took_lock(descriptor: int) -> bool:
    """Take the lock of a file that is open, unless somebody has it; whether it is ours from now on."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the lock of this file. The system lets it go when its holder ends, however that ends."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def readable(value: Any) -> str:
    """JSON with sorted keys, a line for each entry of the outermost list or object.

    Indented all through it would not be written by json's C encoder, which counts for the catalog of a thousand batches
    and for each manifest of a night.
    """
    encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
    if isinstance(value, list) and value:
        return "[\n " + ",\n ".join(map(encode, value)) + "\n]\n"
    if isinstance(value, dict) and value:
        return "{\n " + ",\n ".join(encode({key: value[key]})[1:-1] for key in sorted(value)) + "\n}\n"
    return encode(value) + "\n"


def read_json(path: Path) -> Any:
    """The JSON value under `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal characters."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def fsync_file(path: Path) -> None:
    """Flush one file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Flush the entries of one folder to the disk."""
    fsync_file(path)


def num_bytes_in(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; what several names share counts for each a part."""
    files = [path] if path.is_file() else [found for found in path.rglob("*") if not found.is_dir()]
    found = (file.lstat() for file in files)
    return sum(status.st_size // max(status.st_nlink, 1) for status in found)


def replace_folder(source: Path, target: Path) -> None:
    """Move the folder `source` to `target`; a folder that stands there is put beside `source` first, and removed.

    Of a link that stands there nothing but the link goes.
    """
    make_folder(target.parent)
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        aside = source.with_name(f".{target.name}.{os.getpid()}.old")
        target.rename(aside)
        shutil.rmtree(aside)
    source.rename(target)
    fsync_folder(target.parent)


def translate_os_error(exc: OSError, path: Path) -> UpstreamError:
    """The error a user can act on: a full disk and a missing right say so by name."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return no_space(path)
    return UpstreamError(
        f"{path}: {exc.strerror or exc}. Check the disk and the rights on this folder, then run again."
    )


def no_space(path: Path) -> UpstreamError:
    """The error for a file that a full disk does not take."""
    free_mb = shutil.disk_usage(nearest_folder(path)).free // 1_000_000
    return UpstreamError(
        f"{path}: no space left for this file ({free_mb} MB free on that disk). "
        "Free some space and run the same command again: finished shards are kept."
    )


def os_error_of(exc: BaseException) -> OSError | None:
    """The error of the system that an exception is or tells of: Rust's libraries (safetensors) raise their own."""
    if isinstance(exc, OSError):
        return exc
    found = _OS_ERROR.search(str(exc))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


def is_full(path: Path) -> bool:
    """Whether there is so little space where `path` lies that a server cannot start."""
    return shutil.disk_usage(nearest_folder(path)).free < FULL_BYTES


def nearest_folder(path: Path) -> Path:
    """The closest parent of `path` that exists."""
    return next(parent for parent in (path, *path.parents) if parent.is_dir())
