"""All that a workspace keeps and that can be compared with what was written down of it: piece by piece, by kind.

    state files           the seals of what decides; the lines of the ledger of moves
    databases             SQLite's own check of those of MLflow and Prefect
    kept plans            folders under state/plans, which make a lost batch again
    parts of trainings    checkpoints under work/, unless a night is at work on them
    caches                the unpacked model of languages, in this user's cache
    artifacts             the manifest's seal, and each file with its SHA-256
    versions in MLflow    the files of each version with its list, and the signature where it is ours

A piece is read by calling its `fault`, which says what is wrong and "" for nothing, never text of a document. Reading
takes no lock and changes nothing. (Only MLflow, when it is asked for files, brings its own database up to date.)
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, DataError, NightshiftError, SettingsError, Untrusted
from pipeline_lib.clean.language_model import cache_folder
from pipeline_lib.ingest.plan_files import read_plan
from pipeline_lib.model.database import copy_of
from pipeline_lib.register.glance import look_at
from pipeline_lib.register.keys import own_public
from pipeline_lib.register.ledger import LEDGER_FILE, has_odd_lines
from pipeline_lib.register.opened import opened
from pipeline_lib.register.registry import KEY_TAG, KEYS_FOLDER, Registry, version_by_number
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.addresses import MLFLOW, MLFLOW_COPY
from pipeline_lib.store.artifact import MANIFEST, read_manifest
from pipeline_lib.store.databases import is_damaged, is_empty
from pipeline_lib.store.files import num_bytes_in
from pipeline_lib.store.forgotten import check_forgotten
from pipeline_lib.store.layout import layout_of
from pipeline_lib.store.local import Store
from pipeline_lib.store.records import seal_fault
from pipeline_lib.store.sealed import fault_in, fault_of
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.checkpoints import BAD_SUFFIX

STATE, DATABASES, PLANS, PARTS = "state files", "databases", "kept plans", "parts of trainings"
CACHES, VERSIONS, ARTIFACTS = "caches", "versions in MLflow", "artifacts"
KINDS = (STATE, DATABASES, PLANS, PARTS, CACHES, ARTIFACTS, VERSIONS)  # in the order in which they are read
DATABASE_SECONDS = 600.0  # for SQLite to look through one
WITH_SEALS = ("closed/*.json", "promotions/begun-*.json", "home.json", "forgetting.json")  # below state/


DIGESTS_FILE = "digests.json"  # of plans and caches

_one_at_a_time = threading.Lock()  # MLflow's client is one for a process


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that is whole or not."""

    kind: str  # one of KINDS
    name: str  # "clean/1f0c...", "pins/trunks.json", "version 3"
    place: Path | None  # None: where MLflow has it
    num_bytes: int  # that are read, about; 0 where that is not known
    fault: Callable[[], str]  # reads it; what is wrong with it, "" for nothing
    order: int = 0  # among those of its kind, before its name

    @property
    def key(self) -> tuple[int, int, str]:
        """Its place in the order of all pieces."""
        return KINDS.index(self.kind), self.order, self.name


def pieces_of(settings: Settings, workspace: Workspace, databases: Mapping[str, Path]) -> tuple[list[Piece], list[str]]:
    """All pieces, in their order; and what of it cannot be read now. `databases`: by name those of upper layers."""
    registry = registry_of(settings.of(RegisterSettings), workspace.root)
    found = [
        *_of_state(workspace, registry),
        *_of_databases(registry, databases),
        *_of_plans(workspace),
        *_of_parts(workspace),
        *_of_caches(),
        *_of_artifacts(workspace.store),
    ]
    notes = []
    try:
        found += _of_versions(registry)
    except NightshiftError as exc:
        notes.append(f"{VERSIONS} are not read: {exc}")
    return sorted(found, key=lambda piece: piece.key), notes


def state_pieces(settings: Settings, workspace: Workspace) -> list[Piece]:
    """Those of state files alone: they are read in no time."""
    return list(_of_state(workspace, registry_of(settings.of(RegisterSettings), workspace.root)))


def _of_state(workspace: Workspace, registry: Registry) -> Iterator[Piece]:
    decide: dict[Path, Callable[[], Any]] = {
        workspace.state / "layout.json": partial(layout_of, workspace.root),
        workspace.state / "catalog.json": workspace.batches,
        workspace.state / "given_up.json": workspace.given_up,
        workspace.state / "forgotten.json": partial(check_forgotten, workspace.root),
    }
    for pin in (workspace.state / "pins").glob("[!.]*.json"):
        decide[pin] = partial(workspace.pin, pin.stem, dict[str, Any])
    checks: dict[Path, Callable[[], str]] = {path: partial(refusal, read) for path, read in decide.items()}
    for pattern in WITH_SEALS:
        checks |= {path: partial(seal_fault, path) for path in workspace.state.glob(pattern)}
    checks[registry.folder / LEDGER_FILE] = partial(_odd_lines, registry)
    for path, fault in checks.items():
        if os.path.lexists(path):
            name = path.relative_to(workspace.state).as_posix()
            yield Piece(STATE, name, path, num_bytes_in(path), fault)


def _of_databases(registry: Registry, databases: Mapping[str, Path]) -> Iterator[Piece]:
    own = {MLFLOW: registry.place.database} if registry.place.is_local else {}
    copy = {MLFLOW_COPY: copy_of(registry.place.database)} if registry.place.is_own else {}
    for name, path in {**own, **copy, **databases}.items():
        if not is_empty(path):
            yield Piece(DATABASES, name, path, num_bytes_in(path), partial(_damage_in, path))


def _of_plans(workspace: Workspace) -> Iterator[Piece]:
    """Those of earlier releases, without a list of their files, are left to who reads them."""
    for found in (workspace.state / "plans").glob(f"[!.]*/{DIGESTS_FILE}"):
        folder = found.parent
        yield Piece(PLANS, folder.name, folder, num_bytes_in(folder), partial(refusal, partial(read_plan, folder)))


def _of_parts(workspace: Workspace) -> Iterator[Piece]:
    work = workspace.root / "work"
    for depth in ("*/*/*", "*/*/*/*"):
        for folder in (path.parent for path in work.glob(f"{depth}/{MANIFEST}")):
            if folder.suffix not in (BAD_SUFFIX, ".tmp"):
                name, fault = folder.relative_to(work).as_posix(), partial(_fault_in, folder, MANIFEST)
                yield Piece(PARTS, name, folder, num_bytes_in(folder), fault)


def _of_caches() -> Iterator[Piece]:
    folder = cache_folder()
    if folder.is_dir():
        yield Piece(CACHES, folder.name, folder, num_bytes_in(folder), partial(_fault_in, folder, DIGESTS_FILE))


def _of_versions(registry: Registry) -> Iterator[Piece]:
    place = registry.place
    if place.is_local and (is_empty(place.database) or is_damaged(place.database)):
        return
    for number in sorted(look_at(registry).models):
        yield Piece(VERSIONS, f"version {number}", None, 0, partial(_fault_in_version, registry, number), number)


def _of_artifacts(store: Store) -> Iterator[Piece]:
    for ref in store.everything():
        folder = store.path(ref.stage, ref.fingerprint)
        yield Piece(ARTIFACTS, str(ref), folder, num_bytes_in(folder), partial(_fault_in_artifact, folder))


def refusal(read: Callable[[], Any]) -> str:
    """What is wrong by who reads it, with what to do; "" where it is read."""
    try:
        read()
    except NightshiftError as exc:
        return str(exc)
    return ""


def _odd_lines(registry: Registry) -> str:
    return "has lines that are not what was written there" if has_odd_lines(registry) else ""


def _damage_in(database: Path) -> str:
    return "is damaged" if is_damaged(database, seconds=DATABASE_SECONDS) else ""


def _fault_in(folder: Path, manifest: str) -> str:
    fault = fault_of(folder, manifest)
    return "" if fault is None else str(fault)


def _fault_in_artifact(folder: Path) -> str:
    try:
        manifest = read_manifest(folder)
    except DamagedArtifact:
        return f"{MANIFEST} is missing, or not what was written there"
    fault = fault_in(folder, {entry.name: entry for entry in manifest.files})
    return "" if fault is None else str(fault)


def _fault_in_version(registry: Registry, number: int) -> str:
    """What others have signed, or nobody, is no damage: whether it is trusted is asked when it is to be used."""
    with _one_at_a_time:
        try:
            with opened(registry, number):
                return ""
        except Untrusted as exc:
            own = own_public(registry.workspace / KEYS_FOLDER)
            is_ours = own is not None and version_by_number(registry, number).tags.get(KEY_TAG) == own.line
            return str(exc) if is_ours else ""
        except DataError as exc:
            return str(exc)
        except SettingsError:  # it was deleted meanwhile
            return ""
