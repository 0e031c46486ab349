"""`nightshift backup` and `restore`: a workspace kept elsewhere, and put back."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import AsJson, Config, made, resolved
from pipeline_lib.base.errors import SettingsError

Folder = Annotated[Path, typer.Argument(help="Folder of the backups of this workspace, on another disk.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    folder: Folder,
    keep: int | None = typer.Option(
        None, min=1, metavar="N", help="Of the backups there, with this one, keep the newest N; remove the others."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be copied and removed; change nothing."),
    verify: bool = typer.Option(
        False, "--verify", help="Copy nothing: read all that lies in FOLDER, and say what is damaged there."
    ),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Copy the workspace into FOLDER, whenever you like: nights go on meanwhile. What lies there already costs nothing.

    Each backup is whole by itself: nightshift restore FOLDER --list. It holds the documents, the models, MLflow's and
    Prefect's databases, and the keys of the workspace, so FOLDER is closed to others. It does not hold your key of the
    pseudonyms (NIGHTSHIFT_SCRUB_KEY), what lies in a tracking server of your own (register.tracking_uri), the documents
    at their source, work folders and logs. Killed, or on a full disk, it harms no earlier one; the next goes on there.

    With --verify each piece of all backups is read once and compared with its digest. What is damaged or missing is
    named, with the backups that can no longer be restored whole; the exit status is 3 then.

    Examples: nightshift backup /mnt/usb/nightshift   nightshift backup /mnt/usb/nightshift --keep 30

    nightshift backup /mnt/usb/nightshift --verify
    """
    from flows.backups import backup_workspace, verify_backups

    if verify:
        if dry_run or keep is not None:
            raise SettingsError("backup: --verify changes nothing, so it goes with neither --keep nor --dry-run.")
        raise typer.Exit(verify_backups(folder, as_json=as_json))
    settings = resolved(context, config).settings
    backup_workspace(made(settings), folder, keep=keep, is_dry=dry_run, as_json=as_json)


def restore(
    context: typer.Context,
    folder: Folder,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Folder that becomes the workspace: a new or an empty one. The configured workspace if left out."
        ),
    ] = None,
    at: str | None = typer.Option(
        None, metavar="BACKUP", help="A backup as --list names it, or the newest that begins so: 20261129."
    ),
    list_them: bool = typer.Option(False, "--list", help="Show the backups in FOLDER, the newest first."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Read all of the backup and compare it; write nothing."),
    partly: bool = typer.Option(
        False, "--partly", help="Where files of the backup are damaged, restore all the others."
    ),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Make a folder the workspace that was backed up in FOLDER; the newest backup, or the one of --at.

    Every byte is compared with its digest. Nothing is written over: a folder that holds something is refused. Where the
    original is gone, the restored workspace takes its place, and MLflow's addresses lead to it; beside the original it
    is a second copy. Cut off, the same command goes on from there.

    Examples: nightshift restore /mnt/usb/nightshift --to .nightshift   nightshift restore /mnt/usb/nightshift --dry-run
    """
    from flows.backups import list_backups, restore_workspace

    if list_them:
        list_backups(folder, as_json=as_json)
        return
    target = resolved(context, config).settings.workspace if to is None else to
    restore_workspace(folder, target, at=at, is_dry=dry_run, is_partly=partly, as_json=as_json)
