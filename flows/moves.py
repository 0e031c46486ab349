"""`nightshift promote` and `nightshift rollback`: run the flow and say what moved."""

from typing import Any

from flows.console import ConsoleReporter
from flows.launch import launch
from pipeline_lib.settings.tree import Settings


def promote_by_hand(settings: Settings, version: int, *, reason: str, is_dry: bool) -> None:
    """Promote a version, or say what that would move."""
    if is_dry:
        _foretell(settings, version)
        return

    def run() -> Any:
        from flows.promote import promote

        return promote(settings, version, reason)

    _say(launch(settings, run))


def rollback_by_hand(settings: Settings, *, reason: str, is_dry: bool) -> None:
    """Put the previous champion back, or say what that would move."""
    if is_dry:
        _foretell(settings, None)
        return

    def run() -> Any:
        from flows.rollback import rollback

        return rollback(settings, reason)

    _say(launch(settings, run))


def _foretell(settings: Settings, version: int | None) -> None:
    from tasks.moves import foretell

    ConsoleReporter().console.print(foretell(settings, version))


def _say(move: dict[str, Any]) -> None:
    before = "none" if move["previous"] is None else move["previous"]
    ConsoleReporter().console.print(f"{move['name']}: champion {before} -> {move['version']} ({move['kind']})")
