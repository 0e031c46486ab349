"""`nightshift backup` and `nightshift restore`: a bar while they work, then what there is."""

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.console import ConsoleReporter, make_console
from flows.show.tables import clock, lasting, print_json, table
from pipeline_lib.base.errors import DataError
from pipeline_lib.keep.audit import Audit, audit
from pipeline_lib.keep.backup import BackedUp, back_up, foresee
from pipeline_lib.keep.restore import Restored, check_target, chosen, restore, verify
from pipeline_lib.keep.vault import Head, open_vault
from pipeline_lib.store.workspace import Workspace
from tasks.night import LogReporter, Reporter

MB = 1e6
NAMES_SHOWN = 5


def backup_workspace(workspace: Workspace, folder: Path, *, keep: int | None, is_dry: bool, as_json: bool) -> None:
    """Back a workspace up, or say what that would be. Raises as `back_up`; `DataError` if files could not be read."""
    started, folder = time.monotonic(), folder.expanduser().absolute()
    with _telling("backup", folder, as_json=as_json) as reporter:
        if is_dry:
            done = foresee(workspace, folder, now=time.time(), keep=keep, say=reporter.say)
        else:
            say, told = reporter.say, reporter.progress
            done = back_up(workspace, folder, now=time.time(), keep=keep, told=told, say=say)
    seconds = time.monotonic() - started
    if as_json:
        print_json({"is_dry_run": is_dry, "folder": str(folder), "seconds": round(seconds, 3), **_as_data(done)})
    else:
        _say_backup(done, folder, seconds, is_dry=is_dry)
    if done.unread:
        raise DataError(
            f"backup {done.head.id} is made without {_some(done.unread)}, which cannot be read. Check the disk and the "
            "rights there; what is damaged nightshift run makes again. Then run the backup once more."
        )


def verify_backups(folder: Path, *, as_json: bool) -> int:
    """Read all pieces in a folder of backups and compare them; the exit status: 3 while something is damaged."""
    started, folder = time.monotonic(), folder.expanduser().absolute()
    vault = open_vault(folder)
    with _telling("verify", folder, as_json=as_json) as reporter:
        found = audit(vault, reporter.progress)
    seconds = time.monotonic() - started
    if as_json:
        print_json({"folder": str(folder), "seconds": round(seconds, 3), **_of_audit(found)})
    else:
        _say_audit(found, folder, seconds)
    return 0 if found.is_all_whole else DataError.exit_code


def restore_workspace(
    folder: Path, target: Path, *, at: str | None, is_dry: bool, is_partly: bool, as_json: bool
) -> None:
    """Put a backup into a new folder, or say whether it can be. Raises as `restore`."""
    started, folder, target = time.monotonic(), folder.expanduser().absolute(), target.expanduser().absolute()
    vault = open_vault(folder)
    with vault.read(), _telling("restore", folder, as_json=as_json) as reporter:
        head = chosen(vault.heads(), at, folder)
        if is_dry:
            check_target(target, vault, head)
            verify(vault, head, reporter.progress)
            done = Restored(head, "", ())
        else:
            done = restore(vault, head, target, is_partly=is_partly, told=reporter.progress)
    seconds = time.monotonic() - started
    if as_json:
        shown = {"is_dry_run": is_dry, "workspace": str(target), "seconds": round(seconds, 3), "line": done.line}
        print_json({**shown, "left_out": list(done.left_out), **_of_head(head)})
    else:
        _say_restored(done, target, seconds, is_dry=is_dry)


def list_backups(folder: Path, *, as_json: bool) -> None:
    """The backups in a folder, the newest first."""
    heads = open_vault(folder.expanduser().absolute()).heads()
    if as_json:
        print_json([_of_head(head) for head in heads])
        return
    shown = table("backup", "begun", "files", "MB", "release")
    for column in shown.columns[2:4]:
        column.justify = "right"
    for head in heads:
        shown.add_row(head.id, clock(head.time), f"{head.num_files:,}", f"{head.num_bytes / MB:,.1f}", head.release)
    make_console().print(shown)


@contextmanager
def _telling(what: str, folder: Path, *, as_json: bool) -> Iterator[Reporter]:
    """Who is told how it goes: the terminal, with a bar; for programs the log."""
    if as_json:
        yield LogReporter()
        return
    with ConsoleReporter() as reporter:
        reporter.started(what, folder.name)
        yield reporter


def _say_backup(done: BackedUp, folder: Path, seconds: float, *, is_dry: bool) -> None:
    console, head = make_console(), done.head
    held = f"{head.num_files:,} files, {head.num_bytes / MB:,.1f} MB"
    if is_dry:
        said = f"would back up {held}, of which at most {done.new_bytes / MB:,.1f} MB are new, in {folder}"
    else:
        said = f"backup {head.id}: {held}, {done.new_bytes / MB:,.1f} MB new, in {folder}  ({lasting(seconds)})"
    if done.removed:
        ids = _some([one.id for one in done.removed])
        verb = "would remove" if is_dry else "removed"
        console.print(f"{verb} {ids}, {done.freed_bytes / MB:,.1f} MB that only they needed", soft_wrap=True)
    console.print(said, style="bold", soft_wrap=True)


def _say_restored(done: Restored, target: Path, seconds: float, *, is_dry: bool) -> None:
    console, head = make_console(), done.head
    held = f"backup {head.id}: {head.num_files:,} files, {head.num_bytes / MB:,.1f} MB"
    if is_dry:
        console.print(f"{held}, all whole; would be restored to {target}  ({lasting(seconds)})", soft_wrap=True)
        return
    if done.line:
        console.print(done.line, style="dim", soft_wrap=True)
    if done.left_out:
        console.print(f"left out, as it is damaged in the backup: {_some(done.left_out)}", soft_wrap=True)
    console.print(f"{held}, restored to {target}  ({lasting(seconds)})", style="bold", soft_wrap=True)
    console.print(f"nightshift status --workspace {target}", style="dim", soft_wrap=True)


def _say_audit(found: Audit, folder: Path, seconds: float) -> None:
    console = make_console()
    for what, places in (("damaged", found.damaged), ("missing", found.missing), ("cannot be read", found.odd)):
        for place in places:
            console.print(f"{what}: {place}", soft_wrap=True)
    for one in found.broken:
        why = f"{len(one.files)} files need that: {_some(one.files)}" if one.files else "its list needs that"
        console.print(f"backup {one.head.id} cannot be restored whole: {why}", soft_wrap=True)
    read = f"read {found.num_pieces:,} pieces, {found.num_bytes / MB:,.1f} MB"
    whole = f"{len(found.whole)} of {len(found.whole) + len(found.broken)} backups can be restored"
    state = "all whole" if found.is_all_whole else f"{len(found.damaged)} damaged, {len(found.missing)} missing"
    console.print(f"{read}: {state}; {whole}  ({lasting(seconds)})", style="bold", soft_wrap=True)
    if found.damaged:
        advice = (
            "Where the workspace is still whole: delete what is damaged, and nightshift backup puts it there again."
        )
        console.print(advice, soft_wrap=True)
    if found.broken:
        newest = f"--at {found.whole[0].id}" if found.whole else "--partly"
        console.print(f"nightshift restore {shlex.quote(str(folder))} {newest}", style="dim", soft_wrap=True)


def _of_audit(found: Audit) -> dict[str, Any]:
    broken = {one.head.id: one for one in found.broken}
    heads = sorted((*found.whole, *(one.head for one in found.broken)), key=lambda head: -head.number)
    backups = [
        {
            **_of_head(head),
            "is_whole": head.id not in broken,
            "files": list(broken[head.id].files if head.id in broken else ()),
        }
        for head in heads
    ]
    places = {"damaged": found.damaged, "missing": found.missing, "cannot_be_read": found.odd}
    shown = {name: [str(place) for place in own] for name, own in places.items()}
    return {"pieces": found.num_pieces, "bytes": found.num_bytes, **shown, "backups": backups}


def _as_data(done: BackedUp) -> dict[str, Any]:
    removed = [head.id for head in done.removed]
    told = {"new_bytes": done.new_bytes, "removed": removed, "freed_bytes": done.freed_bytes}
    return {**_of_head(done.head), **told, "unread": list(done.unread)}


def _of_head(head: Head) -> dict[str, Any]:
    names = ("id", "time", "release", "path", "num_files", "num_bytes")
    return {name: getattr(head, name) for name in names}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
