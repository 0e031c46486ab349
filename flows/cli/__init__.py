"""The command line `nightshift`.

Light until something is to be done: `--help`, a typing mistake and `plan` never import Prefect, MLflow or torch.
"""

import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from flows.cli import ablate, backups, inspect, models, night, report, serve, stages
from flows.cli.options import without_settings, write_privately
from flows.stopped import STOPPED
from pipeline_lib.base.errors import NightshiftError, SettingsError, UpstreamError
from pipeline_lib.base.leaving import leave
from pipeline_lib.base.memory import OUT_OF_MEMORY, is_of_memory
from pipeline_lib.scrub.key import hand_on
from pipeline_lib.store.files import translate_os_error

NAME = "nightshift"
STOPS = (128 + signal.SIGINT, 128 + signal.SIGTERM)
# Not a fault of this code wherever it happens: a full or read-only disk, a missing right, no such place.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OF_THE_DISK = {*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR}

app = typer.Typer(
    name=NAME,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Refreshes, retrains and judges a language model while you sleep.

Start with **nightshift run**: one whole night on the documentation of the packages installed here, in a few minutes.
Then **nightshift plan** shows what the next night would do, **nightshift up** opens both UIs.

Every setting can be given to every command by its dotted name, as in --train.max_steps 500 or
--clean.rules.min_words.v1.at_least 40; **nightshift config --explain** lists them all.
A file of them (--config FILE) keeps them together.""",
)


def _say_release(is_asked: bool) -> None:
    if is_asked:
        print(f"{NAME} {metadata.version(NAME)}")
        raise SystemExit


@app.callback()
def _first(
    _: Annotated[
        bool, typer.Option("--version", callback=_say_release, is_eager=True, help="Say which release.")
    ] = False,
) -> None:
    """What every command begins with."""


for module in (night, inspect, report, ablate, models, backups, serve, stages):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit status; a user's mistake is one message, never a traceback."""
    signal.signal(signal.SIGTERM, _stop)
    if arguments is None:  # else the process is somebody else's
        hand_on(os.environ)
        write_privately()
    words: list[str] = []
    try:
        words, settings = without_settings(sys.argv[1:] if arguments is None else arguments)
        status = (
            app(words or ["--help"], prog_name=NAME, obj=settings, standalone_mode=False) or 0
        )  # Typer makes 130 of a Ctrl-C
    except NightshiftError as exc:
        _leave(str(exc), exc.exit_code)
    except typer.TyperException as exc:
        _leave(_of_usage(exc, words), SettingsError.exit_code)
    except SystemExit as exc:
        status = exc.code
    except Exception as exc:
        message = _of_the_machine(exc)
        if message is None:
            raise
        _leave(message, UpstreamError.exit_code)
    if status in STOPS:
        _leave(STOPPED, status)
    leave(status)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _of_the_machine(exc: Exception) -> str | None:
    """What an error says that is no fault of this code wherever it happens; None of any other."""
    if is_of_memory(exc):
        return OUT_OF_MEMORY
    if isinstance(exc, OSError) and exc.errno in OF_THE_DISK and exc.filename is not None:
        return str(translate_os_error(exc, Path(os.fsdecode(exc.filename))))
    return None


def _of_usage(exc: typer.TyperException, words: Sequence[str]) -> str:
    """What Typer says of a call that it does not understand, and where to read on."""
    context = getattr(exc, "ctx", None)
    named = [word for word in words[:1] if not word.startswith("-")]  # an option without its value knows no context
    command = context.command_path if context is not None else " ".join([NAME, *named])
    said = exc.format_message() if hasattr(exc, "format_message") else str(exc)
    return f"{command}: {said.rstrip('.')}{'' if said.endswith('?') else '.'} See {command} --help."


def _leave(message: str, status: int) -> NoReturn:
    typer.secho(message, fg=typer.colors.RED, err=True)
    leave(status)
