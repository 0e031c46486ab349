"""The store: artifacts as folders of a local disk, named by their fingerprints, verified when they are opened.

    artifacts/<stage>/<fingerprint>/        data files and manifest.json
    artifacts/.incoming/                    what is being made: all that a sweep looks through

A maker writes into a temporary folder; `Draft.seal` digests and flushes each file, writes the manifest last and renames
the folder. No format of this house notices a flipped bit by itself (Arrow 199 of 200 flips read back silently wrong,
Parquet 188, safetensors 60 of 60), so `Store.open` compares every file with its SHA-256 (2 GB/s). `Store.condition`,
which is asked for every artifact of a plan, re-reads only files whose size or modification time changed since they were
last verified, as git does with its index. No other module knows where an artifact lies.

A token shard whose rows were joined with others (store/parts.py) is there as long as it lies in one of those: its
manifest and its small files are found by its own name, and its tokens by `store/joined.py`.
"""

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.store.artifact import MANIFEST, FileEntry, Manifest, Outcome, Ref, read_manifest, write_manifest
from pipeline_lib.store.files import CHANGE, fsync_folder, make_folder, replace_folder, translate_os_error
from pipeline_lib.store.parts import OF_TOKENS, Part, parts_of
from pipeline_lib.store.records import read_comfort, write_comfort
from pipeline_lib.store.sealed import fault_in, sums_of

VERIFIED = ".verified.json"  # size and modification time of each file when its digest was last right
INCOMING = ".incoming"
Stamps = dict[str, list[int] | None]  # what the file of that name holds
FINGERPRINT = re.compile(r"[0-9a-f]{32}")
LIST = "list.v1"  # schema of an artifact that only names others
LISTS = "lists.v1"  # and of one that names such lists


@dataclass(frozen=True)
class Artifact:
    """A verified artifact that can be read from."""

    path: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        """The path of one data file. Raises `DataError` when the artifact has no such file."""
        if all(entry.name != name for entry in self.manifest.files):
            raise DataError(f"{self.path}: holds no file {name!r}. It was made by another version: delete it.")
        return self.path / name


@dataclass(frozen=True)
class Condition:
    """Whether an artifact can be used, and if not, why."""

    is_present: bool
    reason: str  # "", "missing" or "damaged: <file>"
    manifest: Manifest | None = None


@dataclass(frozen=True)
class Draft:
    """A folder in the making. Makers put their files under `path`; only `execute` seals it."""

    path: Path
    final_path: Path
    ref: Ref
    started: float

    def seal(
        self,
        outcome: Outcome,
        *,
        maker: str,
        version: int,
        schema: str,
        settings: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Ref] | None = None,
        members: Sequence[Ref] = (),
        made: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Digest and flush the files, write the manifest last and give the folder its final name.

        Raises `DataError` when `rows_in != rows_out + sum(dropped)`: a document was lost without a reason.
        """
        if outcome.rows_in != outcome.rows_out + sum(outcome.dropped.values()):
            raise DataError(
                f"{self.ref}: {outcome.rows_in} documents in, {outcome.rows_out} out and "
                f"{sum(outcome.dropped.values())} dropped do not add up. The stage has a fault: please report it."
            )
        failpoint(self.ref.stage, "before_seal")
        manifest = Manifest(
            maker=maker,
            version=version,
            fingerprint=self.ref.fingerprint,
            schema=schema,
            settings=settings or {},
            inputs=inputs or {},
            members=tuple(members),
            files=tuple(
                FileEntry(name, found.bytes, found.sha256, outcome.file_rows.get(name))
                for name, found in sums_of(self.path).items()
            ),
            rows_in=outcome.rows_in,
            rows_out=outcome.rows_out,
            dropped=dict(sorted(outcome.dropped.items())),
            facts=dict(outcome.facts),
            made={"seconds": round(time.monotonic() - self.started, 3), **(made or {})},
        )
        remember_verified(self.path, manifest)
        write_manifest(self.path, manifest)
        failpoint(self.ref.stage, "before_rename")
        replace_folder(self.path, self.final_path)
        failpoint(self.ref.stage, "after_rename")
        return manifest


@dataclass(frozen=True)
class Store:
    """The artifacts of one workspace, under `root`."""

    root: Path

    def path(self, stage: str, fingerprint: str) -> Path:
        """Where the artifact with this fingerprint lies, whether it is there or not."""
        return self.root / stage / fingerprint

    def condition(self, ref: Ref) -> Condition:
        """Whether the artifact is there and unharmed. Cheap: files that did not change are not read again."""
        folder = self.path(ref.stage, ref.fingerprint)
        if not (folder / MANIFEST).is_file():
            part = self._elsewhere(ref)
            return Condition(False, "missing") if part is None else Condition(True, "", part.manifest)
        try:
            manifest = read_manifest(folder)
        except DamagedArtifact:
            return Condition(False, f"damaged: {MANIFEST}")
        changed = _changed(folder, manifest, [entry.name for entry in manifest.files])
        if fault := fault_in(folder, {entry.name: entry for entry in changed}):
            return Condition(False, f"damaged: {fault.name}", manifest)
        if changed:
            remember_verified(folder, manifest)
        return Condition(True, "", manifest)

    def held(self, ref: Ref) -> Part | None:
        """Where a token shard lies among others, whole, whether it is there by itself or not; None: nowhere."""
        for part in parts_of(self.root, ref):
            folder = self.path(part.joined.stage, part.joined.fingerprint)
            if not _changed(folder, part.of, part.needs) or _is_whole(
                self, part.joined, stamps_of(folder, [entry.name for entry in part.of.files])
            ):
                return part
        return None

    def _elsewhere(self, ref: Ref) -> Part | None:
        """Where a token shard lies that has no folder of its own. Asked only where none was found: most have one."""
        return None if ref.stage != OF_TOKENS or self.is_apart(ref) else self.held(ref)

    def part_in(self, joined: Ref, shard: str) -> Part | None:
        """Where a token shard lies in that artifact; None where it does not, or that says nothing any more."""
        found = parts_of(self.root, Ref(OF_TOKENS, shard))
        return next((part for part in found if part.joined == joined), None)

    def is_apart(self, ref: Ref) -> bool:
        """Whether an artifact has a folder of its own, whole or not."""
        return self.path(ref.stage, ref.fingerprint).is_dir()

    def is_present(self, ref: Ref) -> bool:
        """Whether the artifact is there and unharmed."""
        return self.condition(ref).is_present

    def open(self, stage: str, fingerprint: str, *, files: Sequence[str] | None = None) -> Artifact:
        """The artifact, with each of its files (or only `files`) read and compared with its digest.

        Raises `DamagedArtifact`, which names the file, when one is missing or differs.
        """
        folder, ref = self.path(stage, fingerprint), Ref(stage, fingerprint)
        try:
            manifest = read_manifest(folder)
        except DamagedArtifact:
            if (part := self._elsewhere(ref)) is None:
                raise
            return self._open_part(part, files)
        asked = {entry.name: entry for entry in manifest.files if files is None or entry.name in files}
        if fault := fault_in(folder, asked):
            self.doubt(ref)
            raise _damaged(folder / fault.name, ref)
        return Artifact(folder, manifest)

    def _open_part(self, part: Part, files: Sequence[str] | None) -> Artifact:
        """The small files of a token shard that lies among others. It has no file of tokens for itself."""
        folder, own = self.path(part.joined.stage, part.joined.fingerprint), part.manifest.ref
        there = {entry.name: entry for entry in part.of.files}
        names = [entry.name for entry in part.manifest.files] if files is None else files
        asked = {name: there.get(name) for name in (f"{part.shard}/{name}" for name in names)}
        missing = next((name for name, entry in asked.items() if entry is None), None)
        fault = fault_in(folder, {name: entry for name, entry in asked.items() if entry is not None})
        if fault is not None:
            self.doubt(part.joined)
        if fault is not None or missing is not None:
            raise _damaged(folder / (missing or str(fault and fault.name)), own)
        return Artifact(folder / part.shard, part.manifest)

    def doubt(self, ref: Ref) -> None:
        """Let the next look at an artifact read all of its files, whatever their times say."""
        with suppress(OSError):
            (self.path(ref.stage, ref.fingerprint) / VERIFIED).unlink()

    def read(self, stage: str, fingerprint: str) -> Manifest:
        """The manifest alone, without a look at the files."""
        try:
            return read_manifest(self.path(stage, fingerprint))
        except DamagedArtifact:
            if (part := self._elsewhere(Ref(stage, fingerprint))) is None:
                raise
            return part.manifest

    def members(self, ref: Ref) -> Iterator[Ref]:
        """The artifacts that a list holds, in its order. A long list is a list of lists; what is no list is itself."""
        found = self.read(ref.stage, ref.fingerprint)
        if found.schema == LISTS:
            for part in found.members:
                yield from self.members(part)
        elif found.schema == LIST:
            yield from found.members
        else:
            yield ref

    def list(self, maker: str) -> Iterator[Manifest]:
        """The whole manifests of all artifacts of a maker, in the order of their fingerprints."""
        for folder in sorted((self.root / maker.partition(".")[0]).glob("[0-9a-f]*")):
            try:
                found = read_manifest(folder)
            except DamagedArtifact:
                continue
            if found.maker == maker:
                yield found

    def everything(self) -> Iterator[Ref]:
        """The names of all artifacts, whole or damaged, in order. What bears no such name is not ours."""
        folders = (folder for folder in sorted(self.root.glob("[a-z]*/*")) if folder.is_dir())
        return (Ref(folder.parent.name, folder.name) for folder in folders if FINGERPRINT.fullmatch(folder.name))

    @contextmanager
    def draft(self, ref: Ref) -> Iterator[Draft]:
        """A temporary folder to fill and seal; it is removed when the work fails."""
        final_path = self.path(ref.stage, ref.fingerprint)
        path = self.root / INCOMING / f"{ref.stage}-{ref.fingerprint}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        try:
            make_folder(path.parent)
            path.mkdir()
            yield Draft(path, final_path, ref, time.monotonic())
        except OSError as exc:
            raise translate_os_error(exc, path) from exc
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def remove(self, ref: Ref) -> None:
        """Remove an artifact to which nothing refers. What a kill leaves of it is swept."""
        folder = self.path(ref.stage, ref.fingerprint)
        aside = self.root / INCOMING / f"{ref.stage}-{ref.fingerprint}-{os.getpid()}-gone"
        aside.parent.mkdir(exist_ok=True)
        failpoint(*CHANGE)
        folder.rename(aside)
        shutil.rmtree(aside)

    def sweep(self) -> int:
        """Remove what killed runs left unfinished, flush the names of what they ended; the number of folders removed.

        Only the holder of the workspace lock may call this.
        """
        for folder in self.root.glob("[!.]*/"):
            fsync_folder(folder)
        leftovers = list((self.root / INCOMING).glob("*"))
        for path in leftovers:
            shutil.rmtree(path, ignore_errors=True)
        return len(leftovers)


def _damaged(place: Path, ref: Ref) -> DamagedArtifact:
    return DamagedArtifact(
        f"{place}: missing, or its sha256 differs from the manifest. Run the same command again: it is rebuilt.",
        stage=ref.stage,
        fingerprint=ref.fingerprint,
    )


def _changed(folder: Path, manifest: Manifest, names: Collection[str]) -> list[FileEntry]:
    """Those of these files that are not as they were when they were last right, by size and time."""
    known = read_comfort(folder / VERIFIED, Stamps) or {}
    asked = frozenset(names)
    own = (entry for entry in manifest.files if entry.name in asked)
    return [entry for entry in own if not _is_stamped(folder / entry.name, known.get(entry.name))]


@lru_cache(maxsize=256)
def _is_whole(store: "Store", ref: Ref, _stamps: tuple[tuple[int, ...], ...]) -> bool:
    """Whether an artifact in which many lie is whole, as of these stamps: each of them asks."""
    return store.condition(ref).is_present


def stamps_of(folder: Path, names: Iterable[str]) -> tuple[tuple[int, ...], ...]:
    """What changes when somebody writes to these files of an artifact."""
    return tuple(_full_stamp(folder / name) for name in names)


def _full_stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_stamped(path: Path, verified: list[int] | None) -> bool:
    """Whether a file is there, and is the one that was verified; one that is gone has no stamp, and neither has one of
    which none is known."""
    return verified is not None and _stamp(path) == verified


def _stamp(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def remember_verified(folder: Path, manifest: Manifest) -> None:
    """Note that the files are right as they are now: they are not read again until they change."""
    stamps = {entry.name: _stamp(folder / entry.name) for entry in manifest.files}
    write_comfort(folder / VERIFIED, json.dumps(stamps).encode())
