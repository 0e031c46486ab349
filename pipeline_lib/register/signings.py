"""What this workspace registered and with which key it signed it: a line a package, kept apart from MLflow.

    state/promotions/signings.jsonl

A key may be lost, and with it goes the proof that a signature is ours; a stolen one may sign after it was replaced. So
what a former key has signed is accepted by what stands here, package by package, not by the key. Versions from before
models were signed are here, too: where there is no such file yet, it begins with what `registered.json` of each
artifact says that was registered here, which is verified.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.register.registry import FILES_TAG, KEY_TAG, Registry, signed_tags
from pipeline_lib.register.signature import NoKey, public_key
from pipeline_lib.store.files import locked, read_json, write_atomically
from pipeline_lib.store.local import Store
from pipeline_lib.store.records import lines_of, make_room, read_lines, with_line

FILE = "signings.jsonl"
LOCK_FILE = "signings.lock"
MAKER = "register.version"
REGISTERED_FILE = "registered.json"  # what the registry answered, in the artifact of a version


@dataclass(frozen=True)
class Signing:
    """One package."""

    files: str  # the digest of its list of files
    key: str  # the fingerprint of the key; "" where it was registered before models were signed
    tags: Mapping[str, str]  # what it was made from


def signings(registry: Registry) -> list[Signing]:
    """All of them, the oldest first."""
    if os.path.lexists(_path(registry)):
        return read_lines(_path(registry), Signing)
    return list(_registered(registry.workspace))


def remember(registry: Registry, signing: Signing) -> None:
    """Write down a package, before its signature leaves this workspace. Once is enough."""
    path = _path(registry)
    make_room(path)
    with locked(registry.folder / LOCK_FILE):
        known = signings(registry)
        if not path.exists():
            write_atomically(path, lines_of([*known, signing]))
        elif signing not in known:
            write_atomically(path, with_line(path, signing))


def has_signed(registry: Registry) -> bool:
    """Whether this workspace had a key before."""
    return any(signing.key for signing in signings(registry))


def _registered(workspace: Path) -> Iterator[Signing]:
    """What was registered here, by the artifacts that say so."""
    store = Store(workspace / "artifacts")
    for manifest in store.list(MAKER):
        with suppress(DamagedArtifact, ValueError, KeyError):
            opened = store.open(manifest.ref.stage, manifest.fingerprint, files=[REGISTERED_FILE])
            tags = read_json(opened.file(REGISTERED_FILE))["tags"]
            yield Signing(tags[FILES_TAG], _fingerprint(tags.get(KEY_TAG)), signed_tags(tags))


def _fingerprint(line: str | None) -> str:
    with suppress(NoKey):
        return public_key(line).fingerprint if line else ""
    return ""


def _path(registry: Registry) -> Path:
    return registry.folder / FILE
