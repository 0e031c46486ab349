"""What of a store is new, fetched into a folder that survives a kill: each object under its name and version.

Several are fetched at a time, a piece of each in memory. One that was half there when the night was killed is fetched
from there on. What fails by itself costs itself; what fails for all of them is an error of the store.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import xxhash

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.ingest.objects.remote import Denied, Gone, Moving, Remote, RemoteFile
from pipeline_lib.ingest.objects.told import write_told
from pipeline_lib.ingest.plan import PROGRESS_FILE
from pipeline_lib.ingest.records import MIB
from pipeline_lib.store.files import fsync_file, translate_os_error
from pipeline_lib.store.forgotten import NOBODY, Refused

GONE, DENIED, MOVING = "gone", "may not be read", "changed while being fetched"
ALONE: dict[type[Exception], str] = {Gone: GONE, Moving: MOVING, Denied: DENIED}
AT_ONCE = 256  # objects are given to the connections so many at a time


@dataclass(frozen=True)
class Asked:
    """What is asked of a store, and where that goes."""

    source: str  # its name
    asks: str  # the digest of what is asked for: versions count for the same question only
    why_not: Callable[[str], str]  # the kind under which an object of this name is passed over, "" where it is taken
    max_connections: int
    before: Path | None
    work: Path
    folder: Path
    refused: Refused = NOBODY


def fetch(remote: Remote, asked: Asked, files: Sequence[RemoteFile]) -> dict[str, str]:
    """Fetch those that are not there yet from a night that was killed; of those that failed alone, why."""
    asked.work.mkdir(parents=True, exist_ok=True)
    todo = [file for file in files if not (file.is_settled and fetched_place(asked, remote, file).is_file())]
    _check_space(asked, todo)
    failed = dict[str, str]()

    def one(file: RemoteFile) -> tuple[str, str]:
        return file.name, _fetch_one(remote, file, fetched_place(asked, remote, file))

    with ThreadPoolExecutor(asked.max_connections, "object") as pool:
        done = len(files) - len(todo)
        for some in _in_pieces(todo):
            failed |= {name: reason for name, reason in pool.map(one, some) if reason}
            done += len(some)
            _tell(asked.work, done, len(files))
    return failed


def _fetch_one(remote: Remote, file: RemoteFile, place: Path) -> str:
    """Fetch one object; why it cannot be had, "" where it is there."""
    part = place.with_suffix(".part")
    try:
        _keep_of(part, file.num_bytes if file.is_settled else 0)
        remote.fetch(file, part)
        write_told(part, remote.told)
        fsync_file(part)
        part.replace(place)
    except tuple(ALONE) as exc:
        part.unlink(missing_ok=True)
        return ALONE[type(exc)]
    except OSError as exc:
        raise translate_os_error(exc, place.parent) from exc
    return ""


def _keep_of(part: Path, num_bytes: int) -> None:
    """Leave at most so many bytes of what a killed night left: what is told may stand behind them already."""
    if part.is_file() and part.stat().st_size > num_bytes:
        with part.open("r+b") as out:
            out.truncate(num_bytes)


def fetched_place(asked: Asked, remote: Remote, file: RemoteFile) -> Path:
    """Where an object of this version, of which this is told, is fetched to."""
    said = json.dumps([asked.asks, file.name, file.version, file.num_bytes, dict(remote.told)], sort_keys=True)
    return asked.work / f"{xxhash.xxh3_128_hexdigest(said.encode())}.object"


def _check_space(asked: Asked, todo: Sequence[RemoteFile]) -> None:
    wanted, free = sum(file.num_bytes for file in todo), shutil.disk_usage(asked.work).free
    if wanted > free:
        raise UpstreamError(
            f"ingest: what source {asked.source!r} has new takes {wanted // MIB} MiB, and {free // MIB} MiB are free "
            "on the disk of the workspace. Free some space, or leave objects out with its include and exclude; then "
            "run again: what was fetched is kept."
        )


def _in_pieces(files: Sequence[RemoteFile]) -> Iterator[list[RemoteFile]]:
    rest = iter(files)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def _tell(work: Path, done: int, total: int) -> None:
    told = work / f".{PROGRESS_FILE}"
    told.write_text(json.dumps({"done": done, "total": total, "note": "objects"}))
    told.replace(work / PROGRESS_FILE)
