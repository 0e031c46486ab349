"""Folders that are whole or not there: checkpoints and finished parts of a training.

`seal` flushes the files of a folder, writes their sizes and digests into its manifest and gives it its final name;
`newest_checkpoint` finds the last one that still agrees with its manifest. The Trainer's own resume takes the highest
number, dies on a truncated file and silently starts a fresh optimizer when `optimizer.pt` is missing.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.artifact import MANIFEST
from pipeline_lib.store.files import fsync_file, fsync_folder, read_json, replace_folder, sha256_of, write_json

PREFIX = "checkpoint-"
BAD_SUFFIX = ".bad"
KEPT_CHECKPOINTS = 2  # the newest and the one to fall back to

logger = logging.getLogger(__name__)


def seal(folder: Path, final: Path) -> None:
    """Make `folder` durable and move it to `final`, which then holds all of it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    entries: dict[str, dict[str, Any]] = {}
    for path in files:
        fsync_file(path)
        entries[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    write_json(folder / MANIFEST, entries)
    for inner in {path.parent for path in files}:
        fsync_folder(inner)
    failpoint("train", "before_checkpoint")
    replace_folder(folder, final)


def fault_of(folder: Path) -> str | None:
    """What is wrong with a sealed folder ("model.safetensors differs"); None when nothing is."""
    try:
        entries = read_json(folder / MANIFEST)
    except (OSError, ValueError):
        return f"no readable {MANIFEST}"
    for name, entry in entries.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != entry["bytes"] or sha256_of(path) != entry["sha256"]:
            return f"{name} differs"
    return None


def is_sealed(folder: Path) -> bool:
    """Whether the folder is there and agrees with its manifest."""
    return folder.is_dir() and fault_of(folder) is None


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole. Broken ones are moved aside and named in the log with the reason."""
    for path in reversed(_checkpoints(folder)):
        fault = fault_of(path)
        if fault is None:
            return path
        logger.warning("%s cannot be used: %s. Falling back to the one before.", path.name, fault)
        aside = path.with_name(path.name + BAD_SUFFIX)
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    return None


def remove_old_checkpoints(folder: Path) -> None:
    """Keep only the newest checkpoints."""
    for path in _checkpoints(folder)[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(path)


def _checkpoints(folder: Path) -> list[Path]:
    numbered = [path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdecimal()]
    return sorted(numbered, key=lambda path: int(path.name.removeprefix(PREFIX)))
