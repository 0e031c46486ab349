"""Checkpoints and finished parts of a training: folders that are whole or not there.

`put` seals a folder and gives it its final name; `newest_checkpoint` finds the last one that agrees with its seal.
The Trainer's own resume takes the highest number, dies on a truncated file and silently starts a fresh optimizer when
`optimizer.pt` is missing.
"""

import logging
import shutil
from pathlib import Path

from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.artifact import MANIFEST
from pipeline_lib.store.files import replace_folder
from pipeline_lib.store.sealed import Fault, fault_of, seal

PREFIX = "checkpoint-"
BAD_SUFFIX = ".bad"
KEPT_CHECKPOINTS = 2  # the newest and the one to fall back to

logger = logging.getLogger(__name__)


def put(folder: Path, final: Path) -> None:
    """Make `folder` durable and move it to `final`, which then holds all of it."""
    seal(folder, MANIFEST)
    failpoint("train", "before_checkpoint")
    replace_folder(folder, final)


def fault_in_part(folder: Path) -> Fault | None:
    """The first fault of a folder that was `put`; None when there is none."""
    return fault_of(folder, MANIFEST)


def is_whole(folder: Path) -> bool:
    """Whether the folder is there and agrees with its seal."""
    return fault_in_part(folder) is None


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole. Broken ones are moved aside and named in the log with the reason."""
    for path in reversed(_checkpoints(folder)):
        fault = fault_in_part(path)
        if fault is None:
            return path
        logger.warning("%s cannot be used: %s. Falling back to the one before.", path.name, fault)
        put_bad_aside(path)
    return None


def put_bad_aside(folder: Path) -> Path:
    """Give a folder that is not whole the name under which no training goes on with it; that name."""
    aside = folder.with_name(folder.name + BAD_SUFFIX)
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    return aside


def remove_old_checkpoints(folder: Path) -> None:
    """Keep only the newest checkpoints."""
    for path in _checkpoints(folder)[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(path)


def _checkpoints(folder: Path) -> list[Path]:
    numbered = [path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdecimal()]
    return sorted(numbered, key=lambda path: int(path.name.removeprefix(PREFIX)))
