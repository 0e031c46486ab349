"""Moving the champion: one at a time, only from the champion one saw, only to files that are whole, and on record.

MLflow's aliases are last-writer-wins without history (20 of 20 concurrent promotions "succeed"). So a promotion holds
a lock of this machine, compares the champion with the one that was judged against, verifies the files, moves the
aliases and adds a line to `promotions.jsonl`. Where several machines promote, one of them has to be the one that
does: the lock is a file.

Order under a kill: `previous` moves first, `champion` next (from here on it counts), the ledger last. The same
promotion again completes what is missing.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from pipeline_lib.base.errors import GateRefused
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.register.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Registry,
    alias_of,
    client_of,
    opened,
    version_by_number,
)
from pipeline_lib.store.files import open_lock, write_atomically
from pipeline_lib.store.records import make_room, read_lines

LEDGER_FILE = "promotions.jsonl"
LOCK_FILE = "promotion.lock"


@dataclass(frozen=True)
class Promotion:
    """One line of the ledger."""

    time: str  # ISO 8601
    name: str
    version: int
    previous: int | None
    kind: Literal["promote", "rollback"]
    reason: str
    model: str = ""  # the fingerprint of what was registered as this version; "" in lines that did not say it yet


def promote(
    registry: Registry, version: int, *, expected_champion: int | None, reason: str, now: datetime
) -> Promotion:
    """Make `version` the champion, if `expected_champion` still is it.

    Raises `GateRefused` when the champion changed in between, `DamagedArtifact` when the version's files are not what
    was uploaded, `SettingsError` when there is no such version.
    """
    with _locked(registry), client_of(registry) as client:
        champion = _number(client, registry, CHAMPION)
        if champion == version and _is_unrecorded(registry, version):
            return _record(registry, version, _number(client, registry, PREVIOUS), "promote", reason, now)
        if champion != expected_champion:
            raise GateRefused(
                f"{registry.name}: the champion changed: it is {_shown(champion)}, not {_shown(expected_champion)}. "
                f"Version {version} was not promoted; compare it with the new champion."
            )
        _move(client, registry, version, champion)
        return _record(registry, version, champion, "promote", reason, now)


def rollback(registry: Registry, *, reason: str, now: datetime) -> Promotion:
    """Put the previous champion back; the present one becomes `previous`, so that a second rollback undoes the first.

    Raises `GateRefused` when there is no previous one, `DamagedArtifact` when its files are not what was uploaded.
    """
    with _locked(registry), client_of(registry) as client:
        champion, previous = _number(client, registry, CHAMPION), _number(client, registry, PREVIOUS)
        if previous is None or previous == champion:
            raise GateRefused(f"{registry.name} has no previous champion to go back to. Promote a version instead.")
        _move(client, registry, previous, champion)
        return _record(registry, previous, champion, "rollback", reason, now)


def promotions(registry: Registry) -> list[Promotion]:
    """All promotions and rollbacks, oldest first, as far as their lines are understood.

    What is left out is told, and stays in the ledger. Who is champion, and who was before, MLflow's aliases tell.
    """
    return read_lines(registry.folder / LEDGER_FILE, Promotion)


def _move(client: Any, registry: Registry, version: int, champion: int | None) -> None:
    """Verify the files, then move the aliases."""
    with opened(registry, version):
        pass
    if champion is not None and champion != version:
        client.set_registered_model_alias(registry.name, PREVIOUS, str(champion))
    failpoint("register", "before_champion")
    client.set_registered_model_alias(registry.name, CHAMPION, str(version))
    failpoint("register", "after_champion")
    if _number(client, registry, CHALLENGER) == version:
        client.delete_registered_model_alias(registry.name, CHALLENGER)


def _record(
    registry: Registry,
    version: int,
    previous: int | None,
    kind: Literal["promote", "rollback"],
    reason: str,
    now: datetime,
) -> Promotion:
    """Add a line to the ledger. It is short, so it is written anew as a whole: no half line after a kill.

    Lines that are not understood stay as they are.
    """
    time, model = now.isoformat(timespec="seconds"), version_by_number(registry, version).model_fingerprint
    promotion = Promotion(time, registry.name, version, previous, kind, reason, model)
    path = registry.folder / LEDGER_FILE
    make_room(path)
    before = path.read_bytes() if path.exists() else b""
    torn = b"\n" if before and not before.endswith(b"\n") else b""
    write_atomically(path, before + torn + json.dumps(asdict(promotion), ensure_ascii=False).encode() + b"\n")
    return promotion


def _is_unrecorded(registry: Registry, version: int) -> bool:
    """Whether the ledger lacks the move to the present champion: a promotion was killed before its line."""
    mine = [promotion for promotion in promotions(registry) if promotion.name == registry.name]
    return not mine or mine[-1].version != version


@contextmanager
def _locked(registry: Registry) -> Iterator[None]:
    """Wait for the lock. The operating system lets it go when its holder ends, however that ends."""
    descriptor = open_lock(registry.folder / LOCK_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _number(client: Any, registry: Registry, alias: str) -> int | None:
    found = alias_of(client, registry.name, alias)
    return None if found is None else found.number


def _shown(version: int | None) -> str:
    return "none" if version is None else f"version {version}"
