"""An artifact with other content under its own name: what `forget` does, and nobody else.

An artifact is what its maker made of its inputs, and does not change. What must be forgotten is the one exception: it
is taken out where it lies, since another name would have all made again that follows from it. A reader finds the one
or the other, each with a manifest that is right, and after a kill at any write too:

    artifacts/.rewriting/<stage>-<fingerprint>.half     being written
    artifacts/.rewriting/<stage>-<fingerprint>          whole; takes the place of what stands there, which becomes
    artifacts/.rewriting/<stage>-<fingerprint>.old      and is removed

Whoever takes the lock of the workspace ends what a kill has left (`finish`), before a plan could miss an artifact.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.artifact import FileEntry, Manifest, Ref, write_manifest
from pipeline_lib.store.files import fsync_file, fsync_folder, sha256_of, translate_os_error
from pipeline_lib.store.local import Store, remember_verified

AREA = ".rewriting"
HALF, OLD = ".half", ".old"

Writer = Callable[[Path, Path], int | None]  # from the file as it is to the new one; its rows, where they are counted


@dataclass(frozen=True)
class Rewriting:
    """What is to change of an artifact."""

    files: Mapping[str, Writer]  # by name; all others stay as they are
    manifest: Callable[[Manifest], Manifest]  # what else changes of it, behind that of its files


def rewrite(store: Store, ref: Ref, change: Rewriting) -> None:
    """Put an artifact with these changes in the place of that which stands there."""
    place, area = store.path(ref.stage, ref.fingerprint), store.root / AREA
    half = area / f"{ref.stage}-{ref.fingerprint}{HALF}"
    try:
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        old = store.read(ref.stage, ref.fingerprint)
        entries = tuple(_entry(entry, place, half, change.files.get(entry.name)) for entry in old.files)
        manifest = change.manifest(replace(old, files=entries))
        remember_verified(half, manifest)
        write_manifest(half, manifest)
        _flush_folders(half)
        half.rename(whole := half.with_name(half.name.removesuffix(HALF)))
        fsync_folder(area)
        failpoint("forget", "before_rename")
        _put(store, whole)
    except OSError as exc:
        raise translate_os_error(exc, half) from exc


def finish(store: Store) -> None:
    """End what a kill has left: what is whole takes its place, all else goes."""
    area = store.root / AREA
    if not area.is_dir():
        return
    try:
        for path in sorted(area.iterdir()):
            if not path.name.endswith((HALF, OLD)):
                _put(store, path)
        shutil.rmtree(area)
    except OSError as exc:
        raise translate_os_error(exc, area) from exc


def _put(store: Store, whole: Path) -> None:
    stage, _, fingerprint = whole.name.rpartition("-")
    place, old = store.path(stage, fingerprint), whole.with_name(f"{whole.name}{OLD}")
    if place.exists():
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    failpoint("forget", "between_renames")
    whole.rename(place)
    fsync_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def _entry(entry: FileEntry, place: Path, half: Path, write: Writer | None) -> FileEntry:
    source, target = place / entry.name, half / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if write is None:
        _link(source, target)
        return entry
    rows = write(source, target)
    fsync_file(target)
    count = entry.rows if rows is None else rows
    return FileEntry(entry.name, target.stat().st_size, sha256_of(target), count)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a disk without links
        shutil.copy2(source, target)
        fsync_file(target)


def _flush_folders(folder: Path) -> None:
    for inner in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        fsync_folder(inner)
