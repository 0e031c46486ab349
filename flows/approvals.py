"""A person decides on a version that waits: `nightshift approve`, `nightshift refuse`, or a form in Prefect."""

from dataclasses import replace

from flows.console import ConsoleReporter, make_console
from flows.moves import promote_by_hand
from flows.told import Teller
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.plan.basis import WAITING, Waiting
from pipeline_lib.register.ledger import last_version, moves_of
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import in_service, is_settled, registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace


def waiting_in(settings: Settings, workspace: Workspace) -> Waiting | None:
    """The version that waits for a person; none once the champion is another than the one it was judged against."""
    found = _left_to_a_person(settings, workspace)
    return found if found is not None and last_version(_registry(settings, workspace)) == found.champion else None


def approve_by_hand(settings: Settings, workspace: Workspace, version: int | None, *, is_dry: bool) -> None:
    """Promote the version that waits. Raises `SettingsError` when none does, or when the champion is another by now.

    Where the last move is that very approval, it was cut off behind it: what is left is done.
    """
    asked = asked_of(settings, workspace, version)
    registry = _registry(settings, workspace)
    last = next(reversed(moves_of(registry)), None)
    if last is not None and (last.version, last.reason) == (asked.version, approved(asked)) and is_settled(registry):
        make_console().print(f"{asked.name}: version {asked.version} is champion", soft_wrap=True)
    else:
        check_champion(asked, settings, workspace)
        promote_by_hand(settings, asked.version, reason=approved(asked), is_dry=is_dry)
    if not is_dry:
        workspace.drop_pin(WAITING)


def refuse_by_hand(settings: Settings, workspace: Workspace, version: int | None) -> None:
    """Leave the champion where it is; the version that waits does not ask again."""
    asked = asked_of(settings, workspace, version)
    make_console().print(refused(asked, workspace), soft_wrap=True)
    if not_shown := Teller(settings).tell_refusal():
        ConsoleReporter().say(not_shown)


def refused(asked: Waiting, workspace: Workspace) -> str:
    """Keep that a version was refused; what is said of it."""
    workspace.save_pin(WAITING, replace(asked, is_refused=True))
    champion = f"{_shown(asked.champion)} stays champion" if asked.champion is not None else "there is no champion yet"
    return f"{asked.name} version {asked.version} is refused; {champion}"


def approved(asked: Waiting, why: str = "") -> str:
    """Why it is promoted, for the ledger."""
    return f"approved by a person{f' ({why})' if why else ''}: {asked.reason}"


def check_champion(asked: Waiting, settings: Settings, workspace: Workspace) -> None:
    """Raises `SettingsError` when the champion is another than the one that the version was judged against."""
    champion = in_service(_registry(settings, workspace))
    now = None if champion is None else champion.number
    if now != asked.champion:
        raise SettingsError(
            f"Version {asked.version} was judged against {_shown(asked.champion)}, and the champion is {_shown(now)} "
            f"now. If you want it in its place all the same: nightshift promote {asked.version}"
        )


def asked_of(settings: Settings, workspace: Workspace, version: int | None) -> Waiting:
    """The version that waits. Raises `SettingsError` when none does, or another one than `version`."""
    found = _left_to_a_person(settings, workspace)
    if found is None:
        raise SettingsError("No version waits for a person. nightshift status shows what there is.")
    if version not in (None, found.version):
        raise SettingsError(f"Version {version} does not wait for a person; version {found.version} does.")
    return found


def _left_to_a_person(settings: Settings, workspace: Workspace) -> Waiting | None:
    """The version of these settings' model that was left to a person, who has not refused it."""
    found = workspace.pin_or_none(WAITING, Waiting)
    is_ours = found is not None and found.name == settings.of(RegisterSettings).model_name and not found.is_refused
    return found if is_ours else None


def _registry(settings: Settings, workspace: Workspace) -> Registry:
    return registry_of(settings.of(RegisterSettings), workspace.root)


def _shown(version: int | None) -> str:
    return "no champion" if version is None else f"version {version}"
