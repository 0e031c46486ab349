"""Options that all commands share: `--config FILE` and any setting by its dotted name."""

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_lib.errors import SettingsError
from pipeline_lib.settings import OF_NO_SECTION, Resolved, resolve

ANY_SETTING: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}

EXAMPLE = "--train.max_steps 500"

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file (TOML); deployments/configs has some to start from."),
]


def resolved(context: typer.Context, config: Path | None) -> Resolved:
    """The settings of this call. Raises `SettingsError` for anything that is not one."""
    own = [option for parameter in context.command.params for option in parameter.opts]
    return resolve(config, os.environ, list(_pairs(context.args, own)))


def _pairs(arguments: Sequence[str], own: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`--stage.field value` and `--stage.field=value` as pairs."""
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--"):
            raise SettingsError(f"{option}: is not expected here. Settings look like {EXAMPLE}.")
        name, is_joined, value = option.removeprefix("--").partition("=")
        if "." not in name and name not in OF_NO_SECTION:
            raise SettingsError(_unknown(option, own))
        if not is_joined:
            if not rest:
                raise SettingsError(f"--{name}: needs a value, as in --{name} VALUE.")
            value = rest.pop(0)
        yield name.replace("-", "_"), value


def _unknown(option: str, own: Sequence[str]) -> str:
    close = difflib.get_close_matches(option, [*own, "--workspace", "--profile"], n=1, cutoff=0.5)
    advice = f"Did you mean {close[0]}?" if close else f"See --help; settings look like {EXAMPLE}."
    return f"{option}: there is no such option. {advice}"
