"""Moving the champion by hand: promote and rollback, shown as a page with the history of moves."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipeline_lib.register import stage as register
from pipeline_lib.register.promotion import Promotion
from pipeline_lib.register.registry import CHAMPION, PREVIOUS, Registry, is_intact, version_by_alias, version_by_number
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.home import settle
from tasks.runtime import Runtime

MOVES_KEY = "champion-moves"
PROMOTED, ROLLED_BACK = "nightshift.model.promoted", "nightshift.model.rolled-back"


def registry_for(settings: Settings) -> Registry:
    """The registered model of these settings."""
    return register.registry_of(settings.of(RegisterSettings), settings.workspace.resolve())


def promote_version(settings: Settings, version: int, reason: str, runtime: Runtime) -> dict[str, Any]:
    """Make `version` the champion in place of the one that is it now."""
    settle(settings.workspace)
    registry = registry_for(settings)
    champion = version_by_alias(registry, CHAMPION)
    expected = champion.number if champion else None
    move = register.promote(registry, version, expected_champion=expected, reason=reason, now=datetime.now(UTC))
    return _show(move, PROMOTED, registry, runtime)


def roll_back(settings: Settings, reason: str, runtime: Runtime) -> dict[str, Any]:
    """Put the previous champion back."""
    settle(settings.workspace)
    registry = registry_for(settings)
    return _show(register.rollback(registry, reason=reason, now=datetime.now(UTC)), ROLLED_BACK, registry, runtime)


def foretell(settings: Settings, version: int | None) -> str:
    """What a promotion of `version` (None: a rollback) would move. Verifies the files; moves nothing."""
    registry = registry_for(settings)
    champion, previous = version_by_alias(registry, CHAMPION), version_by_alias(registry, PREVIOUS)
    target = version if version is not None else (previous.number if previous else None)
    if target is None:
        return f"{registry.name} has no previous champion to go back to."
    version_by_number(registry, target)
    state = "its files are whole" if is_intact(registry, target) else "its files are damaged: it would be refused"
    return f"{registry.name}: champion {champion.number if champion else 'none'} -> {target}; {state}"


def _show(move: Promotion, event: str, registry: Registry, runtime: Runtime) -> dict[str, Any]:
    rows = [asdict(line) for line in reversed(register.promotions(registry))]
    runtime.table(MOVES_KEY, rows, f"{move.kind} to version {move.version}: {move.reason}")
    runtime.event(event, f"nightshift.model.{registry.name}", {"version": move.version, "previous": move.previous})
    return asdict(move)
