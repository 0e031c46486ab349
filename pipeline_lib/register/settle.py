"""What is put right before the champion moves or is compared with: nothing half done, nothing unseen.

    a move that was cut off              is finished: moves.py
    what is no line of the ledger        goes to a file beside it
    a version registered here            before models were signed, is signed
    an alias challenger of no version    goes
    an alias moved in MLflow's pages     counts, for so many people promote: once the files of the version are verified
                                         it is written to the ledger, as made by hand
    anything else                        is named with the command that puts it right

Champion is who the ledger says: a version that could not be verified is not compared with, and a rollback from it puts
the ledger's champion back.
Whether there is anything to settle shows without MLflow, where the registry is the workspace's own file.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.database import copy_of, needs_mending
from pipeline_lib.register.glance import Glance, glance, look_at, seen_by
from pipeline_lib.register.ledger import Promotion, has_odd_lines, is_locked, locked, moves_of, put_odd_aside
from pipeline_lib.register.moves import begun, fault_of, finish, in_mlflow, move
from pipeline_lib.register.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Registry,
    Version,
    aliases_of,
    client_of,
    version_or_none,
)
from pipeline_lib.register.signing import sign_earlier

FOUND = "found so in MLflow"  # the reason of a move that was made there

logger = logging.getLogger(__name__)
_told: set[str] = set()


@dataclass(frozen=True)
class Settled:
    """Where a model stands when all is settled that can be."""

    champion: Version | None  # who the ledger says, if MLflow has it
    back: int | None  # whom a rollback puts back
    finished: Promotion | None  # a move that had been cut off
    versions: tuple[int, ...]  # that MLflow has: who was champion last, and before; then the others, the newest first


def settle(registry: Registry, *, now: datetime) -> Settled:
    """Put right what can be, and name what cannot."""
    with locked(registry), client_of(registry) as client:
        return settle_in(client, registry, now=now)


def settle_in(client: Any, registry: Registry, *, now: datetime) -> Settled:
    """The same by who holds the lock."""
    if aside := put_odd_aside(registry):
        logger.warning("%s: holds now what was no line of the ledger of promotions", aside)
    sign_earlier(client, registry)
    finished = finish(client, registry)
    fault = _take_over(client, registry, now)
    _drop_challenger(client, registry)
    seen, moves = seen_by(client, registry), moves_of(registry)
    champion = in_mlflow(client, moves[-1]) if moves else None
    for text in oddities(seen, moves, lambda version: not fault_of(client, registry, version), fault):
        if text not in _told:
            _told.add(text)
            logger.warning("%s: %s", registry.name, text)
    return Settled(champion, rollback_target(seen, moves), finished, _ranked(seen, moves))


def rollback_target(seen: Glance, moves: Sequence[Promotion]) -> int | None:
    """Whom a rollback puts back, of those that MLflow has: where the alias champion was moved to another than the
    ledger's, by hand and whether that counts or not, the ledger's; else whom the alias previous names."""
    pointed, previous = seen.aliases.get(CHAMPION), seen.aliases.get(PREVIOUS)
    book = moves[-1].version if moves and _is_there(moves[-1], seen) else None
    if book is not None and pointed not in (None, book):
        return book
    champion = pointed if book is None else book
    return previous if previous in seen.models and previous != champion else None


def in_service(registry: Registry) -> Version | None:
    """The champion: who the ledger says, if MLflow has it. Settled before, that is also whom MLflow's alias names."""
    moves = moves_of(registry)
    with client_of(registry) as client:
        return in_mlflow(client, moves[-1]) if moves else None


def is_settled(registry: Registry) -> bool:
    """Whether there is nothing to settle, as far as that shows without MLflow."""
    seen = glance(registry.place, registry.name)
    if seen is None or begun(registry) or has_odd_lines(registry):
        return False
    if registry.place.is_own and needs_mending(registry.place.database):
        return False
    return not oddities(seen, moves_of(registry))


def look(registry: Registry, *, now: datetime) -> tuple[Glance, list[str]]:
    """What MLflow holds, and where it is not what the ledger says: for who shows it. MLflow is loaded only where a move
    was cut off, which is finished, and for stores that are not the workspace's own."""
    if begun(registry) and not is_locked(registry):
        settle(registry, now=now)
    seen = look_at(registry)
    return seen, [*_damage(registry), *oddities(seen, moves_of(registry))]


def _damage(registry: Registry) -> list[str]:
    """What is wrong with the workspace's own database, as far as that shows at a glance."""
    if not registry.place.is_own or not needs_mending(registry.place.database):
        return []
    kept = "as its copy knew it" if copy_of(registry.place.database).is_file() else "empty"
    return [
        f"{registry.place.database} is lost or damaged: the next nightshift run, promote or rollback makes it, {kept}"
    ]


def oddities(
    seen: Glance, moves: Sequence[Promotion], is_fit: Callable[[int], bool] = lambda _: True, fault: str | None = None
) -> list[str]:
    """Where MLflow's aliases are not what the ledger says, each with the command that puts it right.

    `fault`: what is wrong with the version that the alias `champion` names; None where that was not looked at.
    """
    return [*_odd_champion(seen, moves, is_fit, fault), *_odd_challenger(seen)]


def _odd_champion(
    seen: Glance, moves: Sequence[Promotion], is_fit: Callable[[int], bool], fault: str | None
) -> list[str]:
    """The same of `champion`; where that is right, of `previous`."""
    champion, book = seen.aliases.get(CHAMPION), moves[-1].version if moves else None
    is_there = bool(moves) and _is_there(moves[-1], seen)
    if champion == book and (is_there or not moves):
        return _odd_previous(seen, moves)
    best = next((version for version in _ranked(seen, moves) if is_fit(version)), None)
    way_out = "Make one: nightshift run." if best is None else f"Put one in service: nightshift promote {best}."
    if champion is None and is_there:
        return [f"MLflow has no alias champion; by the ledger of promotions it is version {book}. {way_out}"]
    if champion is None or (champion == book and champion not in seen.models):
        return [f"version {book}, the champion, was deleted in MLflow. {way_out}"]
    if champion not in seen.models:
        return [f"the alias champion points to version {champion}, which MLflow does not have. {way_out}"]
    if fault is None and champion == book:
        return [
            f"version {champion}, the champion, is another model in MLflow than the one that the ledger of promotions "
            "knows. The next nightshift run, promote or rollback verifies its files and writes it down."
        ]
    if fault is None:
        until = "nobody" if book is None else f"version {book}"
        return [
            f"version {champion} was made champion in MLflow; by the ledger of promotions it is {until}. The next "
            f"nightshift run, promote or rollback verifies its files and writes it down."
        ]
    return [f"version {champion} was made champion in MLflow, and is not taken for it: {fault} {way_out}"]


def _odd_previous(seen: Glance, moves: Sequence[Promotion]) -> list[str]:
    """The same of `previous`, where the champion is right."""
    champion, previous = seen.aliases.get(CHAMPION), seen.aliases.get(PREVIOUS)
    if champion is None:
        return []
    way_out = f"Put it right: nightshift promote {champion}."
    if previous is not None and previous not in seen.models:
        return [f"the alias previous points to version {previous}, which MLflow does not have. {way_out}"]
    if previous is not None and previous != champion:
        return []
    formers = (move.version for move in reversed(moves) if move.version != champion and _is_there(move, seen))
    own = seen.models[champion] or None  # registered again it is another version, and no other model
    former = next((version for version in formers if seen.models[version] != own), None)
    if former is None:
        return []
    return [f"the alias previous does not say that version {former} was champion before. {way_out}"]


def _odd_challenger(seen: Glance) -> list[str]:
    """The same of `challenger`, which nothing of ours follows."""
    challenger = seen.aliases.get(CHALLENGER)
    if challenger is None or challenger in seen.models:
        return []
    return [
        f"the alias challenger points to version {challenger}, which MLflow does not have. The next nightshift run, "
        "promote or rollback takes it away."
    ]


def _drop_challenger(client: Any, registry: Registry) -> None:
    """Take the alias `challenger` away where its version was deleted."""
    found = aliases_of(client, registry.name).get(CHALLENGER)
    if found is not None and version_or_none(client, registry.name, found) is None:
        client.delete_registered_model_alias(registry.name, CHALLENGER)
        logger.warning(
            "%s: the alias challenger pointed to version %d, which MLflow does not have; it is taken away",
            registry.name,
            found,
        )


def _take_over(client: Any, registry: Registry, now: datetime) -> str | None:
    """Write down a champion that was made in MLflow, if its files are whole; what is wrong with it, if they are not."""
    moves, found = moves_of(registry), aliases_of(client, registry.name).get(CHAMPION)
    if found is None or version_or_none(client, registry.name, found) is None:
        return None
    if moves and moves[-1].version == found and in_mlflow(client, moves[-1]) is not None:
        return None
    try:
        move(client, registry, found, kind="by hand", reason=FOUND, now=now)
    except DataError as exc:
        return str(exc)
    until = f"until then it was version {moves[-1].version}" if moves else "there was none"
    logger.warning("%s: version %d was made champion in MLflow; %s. It is on record now", registry.name, found, until)
    return None


def _ranked(seen: Glance, moves: Sequence[Promotion]) -> tuple[int, ...]:
    """See `Settled.versions`."""
    every = dict.fromkeys((*(move.version for move in reversed(moves)), *sorted(seen.models, reverse=True)))
    return tuple(version for version in every if version in seen.models)


def _is_there(line: Promotion, seen: Glance) -> bool:
    """Whether MLflow has the version of the line: `in_mlflow`, at a glance."""
    return line.version in seen.models and line.model in ("", seen.models[line.version])
