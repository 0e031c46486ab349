"""`nightshift ingest` ... `nightshift register`: one stage by itself, without Prefect."""

from collections.abc import Callable

import typer

from flows.cli.options import Config, opened, resolved
from pipeline_lib.stages import STAGES


def register(app: typer.Typer) -> None:
    """Add a command for each stage."""
    for stage in STAGES:
        app.command(stage.word, help=f"{stage.help} Works on all batches, without Prefect.")(_command(stage.word))


def _command(stage: str) -> Callable[..., None]:
    def command(context: typer.Context, config: Config = None) -> None:
        from flows.single import run_stage

        settings = resolved(context, config).settings
        opened(settings)
        run_stage(settings, stage)

    return command
