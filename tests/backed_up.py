"""Backups and restores in this process, and what of a workspace is compared.

made = backed_up(house, folder)                what `nightshift backup` does; `made.head` is the backup
restored(folder, target, made.head)            what `nightshift restore` does; the newest where none is named
assert files_of(target) == files_of(house.workspace)
"""

import time
from pathlib import Path

from pipeline_lib.keep.backup import BackedUp, back_up
from pipeline_lib.keep.restore import Restored, restore
from pipeline_lib.keep.vault import Head, open_vault
from pipeline_lib.store.files import sha256_of
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import House

LEFT_OUT = (".verified.json", ".lock")


def backed_up(house: House, folder: Path, *, keep: int | None = None) -> BackedUp:
    """A backup that is made now."""
    workspace = Workspace(house.workspace)
    return back_up(workspace, folder, now=time.time(), keep=keep, told=lambda *_: None, say=print)


def restored(folder: Path, target: Path, head: Head | None = None, *, is_partly: bool = False) -> Restored:
    """A backup in a folder of its own."""
    vault = open_vault(folder)
    return restore(vault, head or vault.heads()[0], target, is_partly=is_partly, told=lambda *_: None)


def files_of(workspace: Path) -> dict[str, str]:
    """What a backup is to hold of what no server writes to."""
    paths = [path for path in sorted(workspace.rglob("*")) if path.is_file()]
    named = {path.relative_to(workspace).as_posix(): path for path in paths}
    return {
        name: sha256_of(path)
        for name, path in named.items()
        if name.startswith(("artifacts/", "mlartifacts/", "state/", "keys/"))
        and not name.endswith(LEFT_OUT)
        and name not in ("state/lock", "state/backups.json", "state/home.json", "state/promotions/mlflow.db")
    }
