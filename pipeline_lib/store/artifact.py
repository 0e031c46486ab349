"""What is known of an artifact: its reference, its files, the sums of its rows, where it came from.

manifest.json holds it, written last; it alone means "done". Its seal covers it: a manifest in which a number was
changed is damaged, as a data file with a flipped bit is. (Who can write everything can write that line, too: what
tells such a model is its signature. Who keeps a digest beside a name says decision 0025.)
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.store.files import read_json, write_json

MANIFEST = "manifest.json"
SEAL = "seal"
REMEMBERED = 4096  # manifests that a process keeps, some 2 KB each


def digest_of(value: Any) -> str:
    """32 hexadecimal characters that name a JSON value: SHA-256 of its canonical form."""
    return digest_of_parts([canonical(value)])


def digest_of_parts(parts: Iterable[str]) -> str:
    """The same of a value whose canonical form is never held whole: of the parts of that, in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
    return digest.hexdigest()[:32]


def canonical(value: Any) -> str:
    """A JSON value as its digest sees it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_list(pieces: Iterable[list[Any]]) -> Iterator[str]:
    """The canonical form of a long list, in parts, from pieces of the list."""
    before = "["
    for piece in filter(None, pieces):
        yield before + canonical(piece)[1:-1]
        before = ","
    yield "]" if before == "," else "[]"


Word = Annotated[str, Field(pattern=r"\A[^./\x00][^/\x00]{0,63}\z")]  # a folder's name, checked when read


@dataclass(frozen=True, order=True)
class Ref:
    """What works hand to each other: the name of an artifact, never data, never a place."""

    stage: Word  # of the stage that makes it, which is the folder it lies in
    fingerprint: Word

    def __str__(self) -> str:
        return f"{self.stage}/{self.fingerprint}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its two words: 43 bytes each in a list of them, where the object would be 60."""
        return Ref, (self.stage, self.fingerprint)


@dataclass(frozen=True)
class FileEntry:
    """One data file of an artifact."""

    name: str
    bytes: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a maker says about its work: `rows_in = rows_out + sum(dropped)`.

    `dropped` counts documents by reason ("too_few_words"); a document that failed several rules counts under the
    first of them, so that the sum is right. `file_rows` gives rows for data files by name. `facts` are small numbers
    and strings for people and for later stages (never document text); they must be the same for the same input.
    `cpu_seconds`, by part of the work, need not: they stand beside when and by which code it was made.
    """

    rows_in: int
    rows_out: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    file_rows: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    cpu_seconds: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Manifest:
    """The content of manifest.json. All but `made` is the same for the same settings and inputs."""

    maker: str  # "clean.judge"
    version: int
    fingerprint: str
    schema: str
    settings: Mapping[str, Any]  # those that decided, and parameters
    inputs: Mapping[str, Ref]
    members: tuple[Ref, ...]  # of a list
    files: tuple[FileEntry, ...]
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int]
    facts: Mapping[str, Any]
    made: Mapping[str, Any]  # when, how long, by which code and libraries: not part of the digest

    @property
    def ref(self) -> Ref:
        """The reference to this artifact."""
        return Ref(self.maker.partition(".")[0], self.fingerprint)

    @property
    def digest(self) -> str:
        """A digest of the content alone: two artifacts with equal digests hold the same bytes."""
        return digest_of(
            {
                "files": [(f.name, f.bytes, f.sha256) for f in self.files],
                "rows": [self.rows_in, self.rows_out, dict(self.dropped)],
                "members": [ref.fingerprint for ref in self.members],
            }
        )

    @property
    def seconds(self) -> float:
        """How long the work took when it was done."""
        return float(self.made.get("seconds", 0.0))

    @property
    def cpu_seconds(self) -> Mapping[str, float]:
        """How long processors worked on it when it was done: as "clean.text" in all, "clean.text/tags.v1" of a part."""
        found: Mapping[str, float] = self.made.get("cpu_seconds", {})
        return found

    @property
    def created(self) -> float:
        """When it was made, in Unix seconds."""
        return float(self.made.get("created", 0.0))


def with_seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with the seal over all that is in it."""
    plain = json.loads(json.dumps(content))
    return {**plain, SEAL: digest_of(plain)}


def is_whole(sealed: Mapping[str, Any]) -> bool:
    """Whether the seal is that of what it stands beside. Raises `KeyError` without one, `ValueError` for no JSON."""
    return bool(digest_of(without_seal(sealed)) == sealed[SEAL])


def without_seal(sealed: Mapping[str, Any]) -> dict[str, Any]:
    """What was sealed."""
    return {name: value for name, value in sealed.items() if name != SEAL}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json with the seal over all that is in it."""
    write_json(folder / MANIFEST, with_seal(asdict(manifest)))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact. Raises `DamagedArtifact` when it is missing, is not what was written, or is that of
    another artifact: a folder under a wrong name holds what nobody asked for.
    """
    try:
        status = (folder / MANIFEST).stat()
    except OSError as exc:
        raise _damaged(folder, f"{folder / MANIFEST}: missing, or not a manifest") from exc
    return read_again(folder, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


@lru_cache(maxsize=REMEMBERED)
def read_again(folder: Path, _stamp: tuple[int, ...]) -> Manifest:
    """The manifest of that stamp: what stands for all earlier batches is asked for some ten times a night.

    Whoever writes the file again changes its stamp: the time of its entry cannot be set.
    """
    place = folder / MANIFEST
    try:
        content = read_json(place)
        is_right = is_whole(content)
        found = as_manifest(without_seal(content))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise _damaged(folder, f"{place}: missing, or not a manifest") from exc
    if not is_right:
        raise _damaged(folder, f"{place}: something in it was changed after it was written")
    if found.ref != Ref(folder.parent.name, folder.name):
        raise _damaged(folder, f"{place}: is that of {found.ref}")
    return found


def as_manifest(content: Mapping[str, Any]) -> Manifest:
    """The manifest of which `asdict` made this. Raises `KeyError` or `TypeError` for what none is."""
    inputs = {name: Ref(**ref) for name, ref in content["inputs"].items()}
    members = tuple(Ref(**ref) for ref in content["members"])
    files = tuple(FileEntry(**entry) for entry in content["files"])
    return Manifest(**{**content, "inputs": inputs, "members": members, "files": files})


def _damaged(folder: Path, what: str) -> DamagedArtifact:
    advice = "Run the same command again: it is rebuilt."
    return DamagedArtifact(f"{what}. {advice}", stage=folder.parent.name, fingerprint=folder.name)
