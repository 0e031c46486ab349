"""Moving the champion by hand: promote and rollback, shown as a page with the history of moves."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pipeline_lib.base.errors import DamagedVersion, DataError, UpstreamError
from pipeline_lib.register import stage as register
from pipeline_lib.register.glance import Glance, check_whole, look_at
from pipeline_lib.register.opened import opened
from pipeline_lib.register.registry import CHAMPION, PREVIOUS, Registry, no_previous, no_such_version
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import Promotion
from pipeline_lib.run.execute import execute
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.home import settle
from pipeline_lib.store.workspace import Workspace
from tasks.mend import mended
from tasks.runtime import Runtime

MOVES_KEY = "champion-moves"
EVENTS = {"promote": "nightshift.model.promoted", "rollback": "nightshift.model.rolled-back"}

logger = logging.getLogger("pipeline_lib.night")


def registry_for(settings: Settings) -> Registry:
    """The registered model of these settings."""
    return register.registry_of(settings.of(RegisterSettings), settings.workspace.resolve())


def promote_version(
    settings: Settings, version: int, reason: str, runtime: Runtime, *, unsigned: int | None = None
) -> dict[str, Any]:
    """Make `version` the champion, whoever it is now; `unsigned` names it again if nobody signed it who is trusted."""
    settle(settings.workspace.resolve())
    registry, now = registry_for(settings), datetime.now(UTC)
    promote = partial(register.promote, registry, version, expected_champion="anybody", reason=reason, now=now)
    move = _whole(settings, lambda: promote(unsigned=unsigned))
    show_move(asdict(move), settings, runtime)
    return asdict(move)


def roll_back(settings: Settings, reason: str, runtime: Runtime, *, unsigned: int | None = None) -> dict[str, Any]:
    """Put the previous champion back; `unsigned` names it if nobody signed it who is trusted."""
    settle(settings.workspace.resolve())
    registry, now = registry_for(settings), datetime.now(UTC)
    move = _whole(settings, lambda: register.rollback(registry, reason=reason, now=now, unsigned=unsigned))
    show_move(asdict(move), settings, runtime)
    return asdict(move)


def _whole(settings: Settings, move: Callable[[], Promotion]) -> Promotion:
    """A move; where the files of the version turn out damaged, once they are put back. Raises `DamagedVersion` where
    they cannot be, `WorkspaceBusy` where a night is at work."""
    try:
        return move()
    except DamagedVersion as exc:
        workspace = Workspace(settings.workspace.resolve())
        logger.warning("%s It is registered again now.", exc)
        with workspace.lock():
            number = mended(exc, settings, workspace, lambda step: execute(step.whole, workspace.root).facts)
        if number == exc.version:
            return move()
        raise DamagedVersion(
            f"{exc} Not all of it could be put back: its model is version {number} now (nightshift promote {number}).",
            version=exc.version,
        ) from exc


def show_move(move: Mapping[str, Any], settings: Settings, runtime: Runtime) -> None:
    """The page of all moves, and the event of this one."""
    rows = [asdict(line) for line in reversed(register.promotions(registry_for(settings)))]
    runtime.table(MOVES_KEY, rows, f"{move['kind']} to version {move['version']}: {move['reason']}")
    payload = {"version": move["version"], "previous": move["previous"]}
    runtime.event(EVENTS[move["kind"]], f"nightshift.model.{move['name']}", payload)


def settle_champion(settings: Settings) -> None:
    """Before anything is compared with the champion: finish a move that was cut off, see one that was made in MLflow.

    An MLflow that cannot be reached is no reason to stop here: a night that needs it says so.
    """
    registry = registry_for(settings)
    if register.is_settled(registry):
        return
    try:
        register.settle(registry, now=datetime.now(UTC))
    except UpstreamError as exc:
        logger.warning("%s Whether the champion was moved there is seen by the next night.", exc)


def foretell(settings: Settings, version: int | None, *, unsigned: int | None = None) -> str:
    """What a promotion of `version` (None: a rollback) would move, and what is odd. Verifies files; moves nothing.

    Raises `GateRefused` where there is no previous champion to go back to, `SettingsError` for a version that is not
    there. What is refused for its files or its signature is said.
    """
    registry = registry_for(settings)
    check_whole(registry.place)
    seen, moves = look_at(registry), register.moves_of(registry)
    cut_off = register.intended(registry)
    if cut_off is None:
        lines = register.oddities(seen, moves)
    elif version is None and cut_off.move.kind == "rollback":  # the same once more finishes it
        lines, version = ["a rollback was cut off, and is finished"], cut_off.move.version
    else:
        lines = [f"a move to version {cut_off.move.version} was cut off, and is finished before this one"]
        seen = replace(seen, aliases={CHAMPION: cut_off.move.version, **_previous(cut_off.previous)})
        moves = [*moves, cut_off.move]
    target = version if version is not None else register.rollback_target(seen, moves)
    if target is None:
        raise no_previous(registry)
    told = [f"{registry.name}: {text}" for text in lines]
    return "\n".join([*told, _foretold(registry, seen, target, unsigned)])


def _previous(version: int | None) -> dict[str, int]:
    return {} if version is None else {PREVIOUS: version}


def _foretold(registry: Registry, seen: Glance, target: int, unsigned: int | None) -> str:
    if target not in seen.models:
        raise no_such_version(registry, target, seen.models)
    register.check_named(target, unsigned)
    try:
        with opened(registry, target, is_told=unsigned is not None):
            state = "its files are whole"
    except DamagedVersion as exc:
        state = f"its files are put back first, where the artifacts of its model are whole: {exc}"
    except DataError as exc:
        state = f"it would be refused: {exc}"
    return f"{registry.name}: champion {seen.aliases.get(CHAMPION, 'none')} -> {target}; {state}"
