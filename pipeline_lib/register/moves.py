"""One move of the champion, right at each instant of a kill.

    intention   what is to be, in a file beside the ledger, before anything moves
    aliases     `previous`, `champion`, and `challenger` where it was the version that moves
    copy        of the workspace's own MLflow database, so that it knows what the ledger says
    ledger      a line more
    then the intention goes

Whoever finds an intention carries it out from the start: each of its writes may be done twice. So a move that was begun
is finished by the next command of any kind. It is undone only where the version's files are damaged or gone by then,
and forgotten where somebody has moved the champion elsewhere in MLflow since: that counts, and is written down next.
"""

import hashlib
import logging
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.model.database import keep_copy
from pipeline_lib.register.ledger import Kind, Promotion, add, moves_of
from pipeline_lib.register.opened import opened
from pipeline_lib.register.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Registry,
    Version,
    aliases_of,
    version_by_number,
    version_or_none,
)
from pipeline_lib.store.files import remove_file
from pipeline_lib.store.records import make_room, read_comfort, write_state

NAME_CHARACTERS = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intention:
    """A move that was begun."""

    move: Promotion  # the line that the ledger is to get
    num_moves: int  # that the ledger had before it
    previous: int | None  # what the alias `previous` is to point to
    champion_until: int | None  # what the aliases pointed to before
    previous_until: int | None


def begun(registry: Registry) -> Path | None:
    """The file of a move that was begun and not ended, or what stands in its place; None where there is none."""
    path = _path(registry)
    return path if os.path.lexists(path) else None


def intended(registry: Registry) -> Intention | None:
    """What was begun and not ended; None where nothing was, or what stands there cannot be read, which is told."""
    path = begun(registry)
    return None if path is None else read_comfort(path, Intention)


def move(
    client: Any,
    registry: Registry,
    version: int,
    *,
    kind: Kind,
    reason: str,
    now: datetime,
    is_unsigned: bool = False,
) -> Promotion:
    """Verify the files of a version and make it the champion. `is_unsigned`: also if nobody signed it who is trusted.

    Raises `DataError` when it cannot be opened (`DamagedArtifact`, `Untrusted`), `SettingsError` when there is no such
    version.
    """
    with opened(registry, version, is_told=is_unsigned) as package:
        files, is_by_name = package.digest, package.is_by_name
    own = version_by_number(registry, version)
    moves, aliases = moves_of(registry), aliases_of(client, registry.name)
    line = Promotion(
        time=now.isoformat(timespec="seconds"),
        name=registry.name,
        version=version,
        previous=moves[-1].version if moves else None,
        kind=kind,
        reason=reason,
        model=own.model_fingerprint,
        files=files,
        is_unsigned=is_by_name,
    )
    target = former(client, registry, own)
    intention = Intention(line, len(moves), target, aliases.get(CHAMPION), aliases.get(PREVIOUS))
    path = _path(registry)
    make_room(path)
    failpoint("register", "before_intention")
    write_state(path, asdict(intention))
    failpoint("register", "before_previous")
    return _carry_out(client, registry, intention)


def former(client: Any, registry: Registry, version: Version) -> int | None:
    """Whom a rollback puts back once `version` is champion: the champion until then; or where that is gone, or is this
    very version or another one of its model, what `previous` points to, or else who was champion before. Of those that
    MLflow has."""
    moves, pointed = moves_of(registry), aliases_of(client, registry.name).get(PREVIOUS)
    earlier: dict[int, Promotion] = {}  # the last line of each version, the newest first
    for line in reversed(moves):
        earlier.setdefault(line.version, line)
    candidates = chain(
        (in_mlflow(client, line) for line in moves[-1:]),
        (version_or_none(client, registry.name, number) for number in (pointed,)),
        (in_mlflow(client, line) for line in earlier.values()),
    )
    others = (found for found in candidates if found is not None and not found.is_same_model(version))
    return next((found.number for found in others if found.number != version.number), None)


def in_mlflow(client: Any, line: Promotion) -> Version | None:
    """The version of a line; None where MLflow has none, or another model under its number, since it was made anew."""
    found = version_or_none(client, line.name, line.version)
    return found if found is not None and line.model in ("", found.model_fingerprint) else None


def finish(client: Any, registry: Registry) -> Promotion | None:
    """End what was begun, and say so; the move, or None where nothing was begun, or it cannot be ended as intended."""
    path = begun(registry)
    if path is None:
        return None
    make_room(path)
    intention = read_comfort(path, Intention)
    if intention is None:  # which is told; what the aliases show by now is looked at next
        remove_file(path)
        return None
    line = intention.move
    if not _is_written(registry, intention):
        if later := _overtaken_by(client, registry, intention):
            logger.warning("%s: the %s was overtaken by %s", registry.name, _named(line), later)
            remove_file(path)
            return None
        if fault := fault_of(client, registry, line.version, is_told=line.is_unsigned):
            _put_back(client, registry, intention)
            logger.warning("%s: the %s was cut off, and is undone: %s", registry.name, _named(line), fault)
            return None
        if version_or_none(client, registry.name, intention.previous) is None:  # deleted since
            own = version_by_number(registry, line.version)
            intention = replace(intention, previous=former(client, registry, own))
    logger.warning("%s: the %s was cut off, and is finished now", registry.name, _named(line))
    return _carry_out(client, registry, intention)


def fault_of(client: Any, registry: Registry, version: int, *, is_told: bool = False) -> str:
    """What is wrong with a version, so that it may not be champion; "" where nothing is."""
    if version_or_none(client, registry.name, version) is None:
        return f"MLflow has no version {version}."
    try:
        with opened(registry, version, is_told=is_told):
            return ""
    except DataError as exc:
        return str(exc)


def _carry_out(client: Any, registry: Registry, intention: Intention) -> Promotion:
    """Do what is intended, wherever it stands; each of the writes may be done again."""
    line = intention.move
    if not _is_written(registry, intention):
        _point(client, registry, PREVIOUS, intention.previous)
        failpoint("register", "before_champion")
        _point(client, registry, CHAMPION, line.version)
        failpoint("register", "after_champion")
        if aliases_of(client, registry.name).get(CHALLENGER) == line.version:
            _point(client, registry, CHALLENGER, None)
        if registry.place.is_own:
            keep_copy(registry.place.database)
        failpoint("register", "before_line")
        add(registry, line)
    failpoint("register", "after_line")
    remove_file(_path(registry))
    failpoint("register", "after_intention")
    return line


def _is_written(registry: Registry, intention: Intention) -> bool:
    """Whether the ledger has its line: then the aliases were moved before.

    The line before it may be the same: of a champion that is promoted twice within a second.
    """
    moves = moves_of(registry)
    return len(moves) > intention.num_moves and moves[-1] == intention.move


def _overtaken_by(client: Any, registry: Registry, intention: Intention) -> str:
    """What has moved the champion since; "" where nothing has. With a file that is put back from a copy, another move
    of ours may have: that was made when this one was ended."""
    if len(moves_of(registry)) > intention.num_moves:
        return "a later move"
    champion, expected = (
        aliases_of(client, registry.name).get(CHAMPION),
        (intention.champion_until, intention.move.version),
    )
    is_gone = champion is None and any(version_or_none(client, registry.name, number) is None for number in expected)
    return "" if champion in expected or is_gone else "a move in MLflow"  # gone with its version, which was deleted


def _put_back(client: Any, registry: Registry, intention: Intention) -> None:
    """Undo what was done of an intention."""
    for alias, number in ((CHAMPION, intention.champion_until), (PREVIOUS, intention.previous_until)):
        stands = version_or_none(client, registry.name, number) is not None
        _point(client, registry, alias, number if stands else None)
    remove_file(_path(registry))


def _point(client: Any, registry: Registry, alias: str, number: int | None) -> None:
    if number is not None:
        client.set_registered_model_alias(registry.name, alias, str(number))
    elif alias in aliases_of(client, registry.name):
        client.delete_registered_model_alias(registry.name, alias)


def _named(line: Promotion) -> str:
    return f"{'move by hand' if line.kind == 'by hand' else line.kind} to version {line.version}"


def _path(registry: Registry) -> Path:
    """A file for each model: a move of another one is not in the way."""
    digest = hashlib.sha256(registry.name.encode()).hexdigest()
    return registry.folder / f"begun-{digest[:NAME_CHARACTERS]}.json"
