"""Folders that are whole or not: a size and a digest for each file, written down last, and what differs from that.

One implementation for artifacts, checkpoints, packages and caches. What is their own stays with them: how the manifest
is called, what else stands in it, whether a file too many is a fault.

    seal(folder, "digests.json")                    flushes and digests each file, writes the list last; its digest
    fault_of(folder, "digests.json", digest=...)    the first fault: "model.safetensors differs"; None when it is whole
    sums_of(folder), fault_in(folder, sums)         the same for those who keep the list inside a manifest of their own

The list itself is covered by the digest that whoever refers to the folder keeps.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from pipeline_lib.store.files import fsync_file, fsync_folder, read_json, sha256_of, write_json


class Sum(Protocol):
    """Size and digest of one file."""

    @property
    def bytes(self) -> int:
        """Its size."""
        ...

    @property
    def sha256(self) -> str:
        """64 hexadecimal characters."""
        ...


@dataclass(frozen=True)
class FileSum:
    """A `Sum` with nothing beside it."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with a folder: the file, and "is missing", "differs" or "is unknown"."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} {self.what}"


def sums_of(folder: Path, *, apart: Collection[str] = ()) -> dict[str, FileSum]:
    """Size and digest of every file but those `apart`, by relative name in order; all of them durable from here on."""
    sums = {}
    for name, path in _files(folder, apart).items():
        fsync_file(path)
        sums[name] = FileSum(path.stat().st_size, sha256_of(path))
    for inner in {folder, *((folder / name).parent for name in sums)}:
        fsync_folder(inner)
    return sums


def seal(folder: Path, manifest: str) -> str:
    """Write down what the folder holds, last of all; the SHA-256 of that list, for whoever refers to the folder."""
    sums = sums_of(folder, apart=(manifest,))
    write_json(folder / manifest, {name: asdict(entry) for name, entry in sums.items()})
    return sha256_of(folder / manifest)


def fault_of(
    folder: Path, manifest: str, *, digest: str | None = None, apart: Collection[str] | None = None
) -> Fault | None:
    """The first fault of a folder that `seal` left; None when there is none.

    With `digest` the list must be the very one that was sealed. With `apart` files that are neither in the list nor in
    `apart` are a fault too.
    """
    sums = listed(folder, manifest, digest=digest)
    if isinstance(sums, Fault):
        return sums
    strangers = () if apart is None else sorted(_files(folder, (manifest, *apart)).keys() - sums.keys())
    return fault_in(folder, sums) or next((Fault(name, "is unknown") for name in strangers), None)


def listed(folder: Path, manifest: str, *, digest: str | None = None) -> dict[str, FileSum] | Fault:
    """What `seal` wrote down; what is wrong with that, where it is not there, or is not the one of this digest."""
    path = folder / manifest
    try:
        if digest is not None and sha256_of(path) != digest:
            return Fault(manifest, "differs")
        return {str(name): FileSum(entry["bytes"], entry["sha256"]) for name, entry in read_json(path).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Fault(manifest, "is missing or cannot be read")


def fault_in(folder: Path, sums: Mapping[str, Sum]) -> Fault | None:
    """The first file that is missing or differs, in the order of `sums`."""
    for name, entry in sums.items():
        try:
            if (folder / name).stat().st_size != entry.bytes or sha256_of(folder / name) != entry.sha256:
                return Fault(name, "differs")
        except OSError:
            return Fault(name, "is missing")
    return None


def _files(folder: Path, apart: Collection[str]) -> dict[str, Path]:
    """Links count as files: one that points nowhere is no reason to overlook it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: path for name, path in named.items() if name not in apart}
