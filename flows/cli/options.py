"""Options that all commands share: `--config FILE` and any setting by its dotted name.

Settings are taken out of a call before Typer sees it, wherever they stand: their names are those of the settings tree,
and are checked there. So all that Typer does not know is a mistake, and is called one.
"""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.settings.tree import OF_NO_SECTION, Resolved, Settings
from pipeline_lib.stages import resolve
from pipeline_lib.store.private import OTHERS
from pipeline_lib.store.workspace import Workspace

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file (TOML), or the name of one of ours: demo, small, cluster."),
]
SHIPPED = Path(__file__).resolve().parents[2] / "deployments" / "configs"
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON value.")]
Pairs = list[tuple[str, str]]

_umask_of_the_user: int | None = None


def write_privately() -> None:
    """From now on this process, and what it starts, makes files and folders for this user alone."""
    global _umask_of_the_user
    _umask_of_the_user = os.umask(OTHERS)


def write_as_the_user_does() -> None:
    """Make files as any other program of this user: for what is written outside of the workspace."""
    if _umask_of_the_user is not None:
        os.umask(_umask_of_the_user)


def resolved(context: typer.Context, config: Path | None) -> Resolved:
    """The settings of this call. Raises `SettingsError` for anything that is not one."""
    return resolve(None if config is None else _shipped(config), os.environ, context.obj or ())


def _shipped(config: Path) -> Path:
    """The file of this name that is installed with us, where the user has none: an installation has no checkout."""
    ours = {path.stem: path for path in SHIPPED.glob("*.toml")}
    if config.exists():
        return config
    if str(config) not in ours:
        raise SettingsError(
            f"{config}: there is no such settings file. Give --config the path of a TOML file, or the name of one of "
            f"ours: {', '.join(sorted(ours))}."
        )
    return ours[str(config)]


def opened(settings: Settings, *, is_examined: bool = False) -> Workspace:
    """The workspace of a command. A move of the champion that was cut off is finished, unless it `is_examined`.

    Who moves the champion finishes one by itself, and knows then whether that was the same one.

    Raises `DataError` for one that another release has made, which this cannot read.
    """
    workspace = Workspace(settings.workspace.resolve())
    workspace.check_layout()
    if not is_examined and any((workspace.state / "promotions").glob("begun-*")):
        from tasks.moves import settle_champion  # which loads MLflow

        settle_champion(settings)
    return workspace


def made(settings: Settings, *, is_examined: bool = False) -> Workspace:
    """The same of one in which something was made: a folder of a wrong name has nothing to look after or to move.

    Raises `SettingsError` where there is none.
    """
    workspace = opened(settings, is_examined=is_examined)
    if not workspace.state.is_dir():
        raise SettingsError(
            f"{workspace.root}: there is no workspace yet. nightshift run makes one; --workspace names another."
        )
    return workspace


def without_settings(arguments: Sequence[str]) -> tuple[list[str], Pairs]:
    """A call without its settings, and those: `--stage.field value` and `--stage.field=value` as pairs.

    Raises `SettingsError` for a setting without a value, and for one that is all but `--workspace` or `--profile`.
    """
    others: list[str] = []
    pairs: Pairs = []
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        name, is_joined, value = option.removeprefix("--").partition("=")
        if not _is_setting(option, name):
            others.append(option)
            continue
        if not is_joined:
            if not rest or rest[0].startswith("--"):
                raise SettingsError(f"--{name}: needs a value, as in --{name} VALUE.")
            value = rest.pop(0)
        pairs.append((name.replace("-", "_"), value))
    return others, pairs


def _is_setting(option: str, name: str) -> bool:
    if not option.startswith("--"):
        return False
    if "." in name or name in OF_NO_SECTION:
        return True
    if close := difflib.get_close_matches(name, OF_NO_SECTION, n=1, cutoff=0.75):
        raise SettingsError(f"{option}: there is no such option. Did you mean --{close[0]}?")
    return False
