"""Which backups a workspace has: for whoever must name all places that something is kept in.

    state/backups.json    [{"vault": ..., "folder": "file:///backups/night", "id": "20261129-181500-3f9c", "time": ...}]

Each backup and each restore makes it what its folder holds. Of a folder that has been moved or deleted since, it says
where that was last. Losing the file loses what is known of other folders than the one of the next backup.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.keep.vault import Head, Vault
from pipeline_lib.store.records import make_room, read_whole, write_state
from pipeline_lib.store.workspace import Workspace

FILE = "backups.json"


@dataclass(frozen=True)
class Noted:
    """A backup that was made."""

    vault: str  # id of the folder it lies in
    folder: str  # where that was: a `file:` URL
    id: str  # of the backup
    time: float  # when it was begun, Unix seconds


def backups_noted(workspace: Workspace) -> list[Noted]:
    """The backups of this workspace that are known to be there, the oldest first of each folder."""
    return read_whole(_path(workspace), list[Noted]) or []


def note(workspace: Workspace, vault: Vault, heads: Sequence[Head]) -> None:
    """Write down which backups a folder holds now: all of it are given, the newest first."""
    others = [noted for noted in backups_noted(workspace) if noted.vault != vault.marker.id]
    folder = vault.root.resolve().as_uri()
    own = [Noted(vault.marker.id, folder, head.id, head.time) for head in reversed(heads)]
    make_room(_path(workspace))
    for is_last in (False, True):
        try:
            write_state(_path(workspace), [asdict(noted) for noted in (*others, *own)])
            return
        except UpstreamError:
            if is_last:  # else a night that began swept our temporary file away
                raise


def _path(workspace: Workspace) -> Path:
    return workspace.state / FILE
