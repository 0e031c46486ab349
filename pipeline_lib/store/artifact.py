"""Artifacts: folders named by their fingerprint, sealed by a manifest, verified when they are opened.

    artifacts/<stage>/<fingerprint>/        a shard: its data files and manifest.json
    artifacts/<stage>/<fingerprint>/        a batch: manifest.json that lists its shards (and files of its own, if any)

The fingerprint is known before the work: hash(stage, VERSION, the settings that decide the bytes, ordered input
fingerprints). A stage writes into a temporary folder; `Draft.seal` digests and flushes each file, writes
`manifest.json` last and renames the folder. The manifest alone means "done".

No format of this house notices a flipped bit by itself (Arrow 199 of 200 flips read back silently wrong, Parquet 188,
safetensors 60 of 60), so `Store.open` compares every file with its SHA-256 (2 GB/s). `Store.condition`, which is asked
for every artifact of every night, re-reads only files whose size or modification time changed since they were last
verified, as git does with its index.
"""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.files import (
    fsync_file,
    fsync_folder,
    read_json,
    replace_folder,
    sha256_of,
    translate_os_error,
    write_atomically,
    write_json,
)

MANIFEST = "manifest.json"
VERIFIED = ".verified.json"  # size and modification time of each file when its digest was last right
TEMPORARY = ".tmp-"

Kind = Literal["shard", "batch"]


def digest_of(value: Any) -> str:
    """32 hexadecimal characters that name a JSON value: SHA-256 of its canonical form."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def fingerprint(stage: str, version: int, settings: Mapping[str, Any], inputs: Sequence[str]) -> str:
    """The name of what a stage will make, known before it is made.

    `settings` holds only what decides the bytes; `inputs` are fingerprints, and their order counts.
    """
    return digest_of({"stage": stage, "version": version, "settings": dict(settings), "inputs": list(inputs)})


@dataclass(frozen=True)
class Ref:
    """What works hand to each other: the name of an artifact, never data, never a place."""

    stage: str  # the word of the stage that made it, which is the folder it lies in
    fingerprint: str


@dataclass(frozen=True)
class FileEntry:
    """One data file of an artifact."""

    name: str
    bytes: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a stage function says about its work: `rows_in = rows_out + sum(dropped)`.

    `dropped` counts documents by reason ("too_few_words"); a document that failed several rules counts under the
    first of them, so that the sum is right. `file_rows` gives rows for data files by name. `facts` are small numbers
    and strings for people and for later stages (never document text); they must be the same for the same input.
    """

    rows_in: int
    rows_out: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    file_rows: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The content of manifest.json. All but `made` is the same for the same settings and inputs."""

    stage: str
    version: int
    kind: Kind
    fingerprint: str
    schema: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]
    shards: tuple[str, ...]
    files: tuple[FileEntry, ...]
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int]
    facts: Mapping[str, Any]
    made: Mapping[str, Any]  # when, how long, by which code and libraries: not part of the digest

    @property
    def digest(self) -> str:
        """A digest of the content alone: two artifacts with equal digests hold the same bytes."""
        return digest_of(
            {
                "files": [(f.name, f.bytes, f.sha256) for f in self.files],
                "rows": [self.rows_in, self.rows_out, dict(self.dropped)],
                "shards": list(self.shards),
            }
        )

    @property
    def seconds(self) -> float:
        """How long the work took when it was done."""
        return float(self.made.get("seconds", 0.0))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the artifact in `folder`. Raises `DamagedArtifact` when it cannot be understood."""
    try:
        raw = read_json(folder / MANIFEST)
        raw["files"] = tuple(FileEntry(**entry) for entry in raw["files"])
        raw["inputs"], raw["shards"] = tuple(raw["inputs"]), tuple(raw["shards"])
        return Manifest(**raw)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise DamagedArtifact(f"{folder / MANIFEST}: cannot be read. Delete the folder and run again.") from exc


@dataclass(frozen=True)
class Artifact:
    """An artifact whose opened files were found equal to their digests."""

    path: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        """The path of one data file. Raises `DataError` when the artifact has no such file."""
        if all(entry.name != name for entry in self.manifest.files):
            raise DataError(f"{self.path}: holds no file {name!r}. It was made by another version: delete it.")
        return self.path / name

    @property
    def ref(self) -> Ref:
        """The reference to hand on."""
        return Ref(self.manifest.stage, self.manifest.fingerprint)


@dataclass(frozen=True)
class Condition:
    """Whether an artifact can be used, and if not, why."""

    is_present: bool
    reason: str  # "", "missing" or "damaged: <file>"
    manifest: Manifest | None = None


@dataclass(frozen=True)
class Draft:
    """A folder in the making. Stage functions put their files under `path`; only the engine seals it."""

    path: Path
    final_path: Path
    stage: str
    fingerprint: str
    started: float

    def seal(
        self,
        outcome: Outcome,
        *,
        version: int,
        kind: Kind,
        schema: str,
        settings: Mapping[str, Any],
        inputs: Sequence[str],
        shards: Sequence[str] = (),
        made: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Digest and flush the files, write the manifest last and give the folder its final name.

        Raises `DataError` when `rows_in != rows_out + sum(dropped)`: a document was lost without a reason.
        """
        if outcome.rows_in != outcome.rows_out + sum(outcome.dropped.values()):
            raise DataError(
                f"{self.stage}/{self.fingerprint}: {outcome.rows_in} documents in, {outcome.rows_out} out and "
                f"{sum(outcome.dropped.values())} dropped do not add up. The stage has a fault: please report it."
            )
        failpoint(self.stage, "before_seal")
        entries = tuple(self._entry(path, outcome) for path in sorted(self.path.rglob("*")) if path.is_file())
        manifest = Manifest(
            stage=self.stage,
            version=version,
            kind=kind,
            fingerprint=self.fingerprint,
            schema=schema,
            settings=settings,
            inputs=tuple(inputs),
            shards=tuple(shards),
            files=entries,
            rows_in=outcome.rows_in,
            rows_out=outcome.rows_out,
            dropped=dict(sorted(outcome.dropped.items())),
            facts=dict(outcome.facts),
            made={"seconds": round(time.monotonic() - self.started, 3), **(made or {})},
        )
        _remember_verified(self.path, manifest)
        write_json(self.path / MANIFEST, asdict(manifest))
        for folder in {path.parent for path in self.path.rglob("*")}:
            fsync_folder(folder)
        failpoint(self.stage, "before_rename")
        replace_folder(self.path, self.final_path)
        failpoint(self.stage, "after_rename")
        return manifest

    def _entry(self, path: Path, outcome: Outcome) -> FileEntry:
        name = path.relative_to(self.path).as_posix()
        fsync_file(path)
        return FileEntry(name, path.stat().st_size, sha256_of(path), outcome.file_rows.get(name))


@dataclass(frozen=True)
class Store:
    """The artifacts of one workspace, under `root`."""

    root: Path

    def path(self, stage: str, name: str) -> Path:
        """Where the artifact with this fingerprint lies, whether it is there or not."""
        return self.root / stage / name

    def condition(self, stage: str, name: str) -> Condition:
        """Whether the artifact is there and unharmed. Cheap: files that did not change are not read again."""
        folder = self.path(stage, name)
        if not (folder / MANIFEST).is_file():
            return Condition(False, "missing")
        try:
            manifest = read_manifest(folder)
        except DamagedArtifact:
            return Condition(False, f"damaged: {MANIFEST}")
        known = _verified(folder)
        changed = [entry for entry in manifest.files if known.get(entry.name) != _stamp(folder / entry.name)]
        for entry in changed:
            if not _is_intact(folder, entry):
                return Condition(False, f"damaged: {entry.name}", manifest)
        if changed:
            _remember_verified(folder, manifest)
        return Condition(True, "", manifest)

    def open(self, stage: str, name: str, *, files: Sequence[str] | None = None) -> Artifact:
        """The artifact, with each of its files (or only `files`) read and compared with its digest.

        Raises `DamagedArtifact`, which names the file, when one is missing or differs.
        """
        folder = self.path(stage, name)
        manifest = read_manifest(folder)
        for entry in manifest.files:
            if (files is None or entry.name in files) and not _is_intact(folder, entry):
                (folder / VERIFIED).unlink(missing_ok=True)
                raise DamagedArtifact(
                    f"{folder / entry.name}: missing, or its sha256 differs from the manifest. "
                    "Run the same command again: it is rebuilt."
                )
        return Artifact(folder, manifest)

    def members(self, ref: Ref) -> Iterator[Ref]:
        """The artifacts that a list holds, in its order. A long list is a list of lists."""
        for name in self.read(ref.stage, ref.fingerprint).shards:
            yield Ref(ref.stage, name)

    def read(self, stage: str, name: str) -> Manifest:
        """The manifest alone, without a look at the files."""
        return read_manifest(self.path(stage, name))

    @contextmanager
    def draft(self, stage: str, name: str) -> Iterator[Draft]:
        """A temporary folder to fill and seal; it is removed when the work fails."""
        final_path = self.path(stage, name)
        path = final_path.with_name(f"{TEMPORARY}{name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
        try:
            path.mkdir(parents=True)
            yield Draft(path, final_path, stage, name, time.monotonic())
        except OSError as exc:
            raise translate_os_error(exc, path) from exc
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def sweep(self) -> int:
        """Remove what killed runs left under temporary names; the number of folders removed.

        Only the holder of the workspace lock may call this.
        """
        leftovers = [path for path in self.root.glob(f"*/{TEMPORARY}*") if path.is_dir()]
        leftovers += [path for path in self.root.glob("*/.*.old") if path.is_dir()]
        for path in leftovers:
            shutil.rmtree(path, ignore_errors=True)
        return len(leftovers)


def _stamp(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _verified(folder: Path) -> dict[str, list[int] | None]:
    try:
        stamps: dict[str, list[int] | None] = read_json(folder / VERIFIED)
    except (OSError, ValueError):
        return {}
    return stamps


def _remember_verified(folder: Path, manifest: Manifest) -> None:
    stamps = {entry.name: _stamp(folder / entry.name) for entry in manifest.files}
    write_atomically(folder / VERIFIED, json.dumps(stamps).encode())


def _is_intact(folder: Path, entry: FileEntry) -> bool:
    path = folder / entry.name
    try:
        return path.stat().st_size == entry.bytes and sha256_of(path) == entry.sha256
    except OSError:
        return False
