"""The command line `nightshift`.

Light until something is to be done: `--help`, a typing mistake and `plan` never import Prefect, MLflow or torch.
"""

import signal
import sys
from types import FrameType

import typer

from flows.cli import inspect, models, night, serve, stages
from pipeline_lib.errors import NightshiftError

STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)

app = typer.Typer(
    name="nightshift",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Refreshes, retrains and judges a language model while you sleep.

Start with **nightshift run**: one whole night on the documentation of the packages installed here, in a few minutes.
Then **nightshift plan** shows what the next night would do, **nightshift up** opens both UIs.

Every setting can be given on the command line by its dotted name, as in --clean.max_characters 50000;
**nightshift config --explain** lists them all.""",
)
for module in (night, inspect, models, serve, stages):
    module.register(app)


def main() -> None:
    """Run the command; an error of ours is one message and an exit code, never a traceback."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except NightshiftError as exc:
        typer.secho(f"{exc}", fg=typer.colors.RED, err=True)
        sys.exit(exc.exit_code)
    except SystemExit as exc:  # Typer makes one of a Ctrl-C
        if exc.code in STOPPED:
            typer.echo("stopped; finished shards are kept, the same command goes on from there", err=True)
        raise


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
