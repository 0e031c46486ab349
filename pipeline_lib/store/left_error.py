"""The error of a process that works in a folder of its own: it leaves it there, and who started it raises it."""

import sys
from pathlib import Path
from typing import NoReturn

from pipeline_lib.base import errors
from pipeline_lib.base.errors import NightshiftError, UpstreamError
from pipeline_lib.store.files import read_json, write_json

_FILE = "error.json"


def keep_error(work: Path, error: NightshiftError) -> None:
    """Write it down."""
    write_json(work / _FILE, {"kind": type(error).__name__, "message": str(error)})


def leave_with(work: Path, error: NightshiftError) -> NoReturn:
    """Write it down and end the process, with exit status 1."""
    keep_error(work, error)
    sys.exit(1)


def forget_error(work: Path) -> None:
    """Before a process starts: what the one before it left is none of its own."""
    (work / _FILE).unlink(missing_ok=True)


def left_error(work: Path) -> NightshiftError | None:
    """The error that the process left; None where it could leave none."""
    if not (work / _FILE).exists():
        return None
    left = read_json(work / _FILE)
    kind: type[NightshiftError] = getattr(errors, left["kind"], UpstreamError)
    return kind(left["message"])
