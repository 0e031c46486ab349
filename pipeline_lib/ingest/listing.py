"""Which files a source has now: relative path -> place on this machine, sorted by path.

Only files that a reader is there for are listed. Paths never say where a source lies: a folder may move, a package may
be upgraded, and its documents keep their urls.
"""

import csv
import logging
import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.readers import reader_of
from pipeline_lib.ingest.settings import FilesSource, InstalledDocsSource
from pipeline_lib.store.files import translate_os_error

log = logging.getLogger(__name__)

TEST_FOLDERS = {"test", "tests", "_tests", "testing", "test_data"}  # text for machines, and a package's private matter


def list_files(source: FilesSource | InstalledDocsSource) -> dict[str, Path]:
    """The files of the source. Raises `SettingsError` when the source itself is not there."""
    found = _installed_files(source) if isinstance(source, InstalledDocsSource) else _folder_files(source)
    if not found:
        log.warning("ingest: source %r holds no file to read; check its path, include and exclude", source.name)
    return dict(sorted(found.items()))


def _folder_files(source: FilesSource) -> dict[str, Path]:
    root = source.path.expanduser()
    if not root.exists():
        raise SettingsError(
            f"ingest: the path of source {source.name!r} does not exist: {root}. "
            "Create it or correct `path` in its settings."
        )
    if root.is_file():
        return {root.name: root} if reader_of(source.kind, root.name) else {}
    return {path: place for path, place in _walk(root, "", os.path.realpath(root)) if _is_taken(source, path)}


def _walk(folder: Path, prefix: str, real_root: str) -> Iterator[tuple[str, Path]]:
    """All files below `folder`. A link to a file counts if the file lies within the root; links to folders never do."""
    try:
        entries = list(os.scandir(folder))
    except OSError as exc:  # passing over it would look as if all of its files were gone
        raise translate_os_error(exc, folder) from exc
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", real_root)
        elif entry.is_file() and (not entry.is_symlink() or _is_within(entry.path, real_root)):
            yield prefix + entry.name, Path(entry.path)


def _is_within(path: str, real_root: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(real_root)


def _is_taken(source: FilesSource, path: str) -> bool:
    return (
        reader_of(source.kind, path) is not None
        and any(fnmatchcase(path, pattern) for pattern in source.include)
        and not any(fnmatchcase(path, pattern) for pattern in source.exclude)
    )


def _installed_files(source: InstalledDocsSource) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for package in source.packages:
        found |= _within_budget(_package_files(source, _distribution(package)), source.max_package_bytes)
    return found


def _distribution(package: str) -> Distribution:
    try:
        return distribution(package)
    except PackageNotFoundError as exc:
        raise SettingsError(
            f"ingest: the package {package!r} of an installed_docs source is not installed. "
            "Install it or take it out of `packages`."
        ) from exc


def _package_files(source: InstalledDocsSource, package: Distribution) -> Iterator[tuple[str, str]]:
    """The files that its RECORD lists, each with its place."""
    root = str(package.locate_file(""))
    for file in _recorded(package):
        path = _documented_path(file)
        if path is not None and reader_of(source.kind, path):
            yield path, f"{root}/{file}"


def _recorded(package: Distribution) -> Iterator[str]:
    """The paths of a package's files, with "/"; as strings, since its thousands of paths are looked at every night."""
    record = package.read_text("RECORD")
    if record is None:  # not installed from a wheel
        yield from (file.as_posix() for file in package.files or ())
    else:
        yield from (row[0] for row in csv.reader(record.splitlines()) if row)


def _documented_path(path: str) -> str | None:
    """The path without the package's version, or None for what is private: tests, scripts, lists of the installer."""
    folder, _, inner = path.partition("/")
    if folder.endswith(".dist-info"):
        is_text = inner.lower() == "metadata" or inner.startswith("licenses/")
        return f"{folder.split('-')[0]}.dist-info/{inner}" if is_text else None
    parts = path.split("/")
    if ".." in parts or TEST_FOLDERS.intersection(parts) or parts[-1].startswith(("test_", "conftest")):
        return None
    return path


def _within_budget(files: Iterator[tuple[str, str]], max_bytes: int) -> dict[str, Path]:
    """The first files in path order that are `max_bytes` together. Empty ones (`__init__.py`) are passed over."""
    taken: dict[str, Path] = {}
    num_bytes = 0
    for path, place in sorted(files):
        size = _size(place)
        num_bytes += size
        if size and num_bytes <= max_bytes:
            taken[path] = Path(place)
    return taken


def _size(place: str) -> int:
    """The bytes of a file; 0 of one that is not there, or is none."""
    try:
        status = Path(place).stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
