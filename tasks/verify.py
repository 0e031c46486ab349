"""`nightshift verify` and the week's part of it: everything is read once, and what is damaged is healed.

Reading takes no lock, so that it disturbs no night. Healing takes it: where a night is at work what was found waits for
the next call, which goes on where this one ended.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import UpstreamError, WorkspaceBusy
from pipeline_lib.keep.pieces import PARTS, pieces_of
from pipeline_lib.keep.verify import Damage, Progress, Round, fault_now, read_on, round_to_read, save_round
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.holder import holder_of
from pipeline_lib.store.workspace import Workspace
from tasks.heal import Became, Mender, heal
from tasks.maintain import open_maintenance
from tasks.runtime import Runtime


@dataclass(frozen=True)
class Database:
    """One that upper layers know of, and how they put it right."""

    path: Path
    mend: Mender


@dataclass(frozen=True)
class Wish:
    """How it is to be verified."""

    is_dry: bool = False  # only say what is damaged; nothing is kept of it either
    is_again: bool = False  # from the start, whatever was read before
    seconds: float | None = None  # at most, of reading; the next call goes on; None: to the end


@dataclass(frozen=True)
class Verified:
    """What a call has read, and what became of the damage."""

    round: Round
    is_all: bool  # whether nothing is left to read
    seconds: float
    became: tuple[Became, ...]
    notes: tuple[str, ...] = ()

    @property
    def stays(self) -> int:
        """Things that are damaged still."""
        return sum(not one.is_whole for one in self.became)

    @property
    def sentence(self) -> str:
        """In one line what it comes to."""
        count, size = sum(self.round.read.values()), self.round.num_bytes / 1e6
        read = f"read {count:,} things, {size:,.1f} MB"
        if not self.is_all:
            read += "; the rest is read the next time"
        healed = len(self.became) - self.stays
        found = [f"{healed} healed"] if healed else []
        found += [f"{self.stays} damaged"] if self.stays else []
        return f"{read}: {', '.join(found) or 'all whole'}"


def verify(
    settings: Settings,
    workspace: Workspace,
    runtime: Runtime,
    databases: Mapping[str, Database],
    wish: Wish,
    *,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Verified:
    """Read on, and heal what was found damaged, unless it is a dry run."""
    started = time.monotonic()
    begun = Round(time.time()) if wish.is_dry else round_to_read(workspace, is_again=wish.is_again)
    pieces, unread = pieces_of(settings, workspace, {name: one.path for name, one in databases.items()})
    notes = list(unread)
    if holder_of(workspace.state / "lock") is not None and any(piece.kind == PARTS for piece in pieces):
        pieces = [piece for piece in pieces if piece.kind != PARTS]
        notes.append(f"{PARTS} are not read while a night is at work on them")
    last = begun

    def save(found: Round) -> None:
        nonlocal last
        last = found
        if not wish.is_dry and workspace.state.is_dir():  # else nothing has been made here
            save_round(workspace, found)

    deadline = None if wish.seconds is None else time.monotonic() + wish.seconds
    threads, is_all = settings.resources.workers, False
    try:
        _, is_all = read_on(pieces, begun, threads=threads, save=save, deadline=deadline, tell=tell)
    except UpstreamError as exc:
        notes.append(f"not all was read: {exc}")
    is_all = is_all and not unread
    by_key = {(piece.kind, piece.name): piece for piece in pieces}
    damaged = {one: by_key[one.kind, one.name] for one in last.damaged if (one.kind, one.name) in by_key}
    became: list[Became] = []
    if wish.is_dry:
        became = [Became(one, piece.place, "", False) for one, piece in damaged.items()]
    elif damaged:
        became = _healed(settings, runtime, damaged, databases)
    ended = time.time() if is_all and not any(one.is_put_off for one in became) else None
    stays = tuple(one.damage for one in became if not one.is_whole)
    save(replace(last, damaged=stays, ended=ended))
    return Verified(last, is_all, time.monotonic() - started, tuple(became), tuple(notes))


def _healed(
    settings: Settings, runtime: Runtime, damaged: Mapping[Damage, Any], databases: Mapping[str, Database]
) -> list[Became]:
    try:
        with open_maintenance(settings, "verify", runtime) as night:
            night.enter("verify", "healing")
            became = heal(night, damaged, {name: one.mend for name, one in databases.items()})
            left = sum(not one.is_whole for one in became)
            night.end("completed", f"healed {len(became) - left} of {len(became)} damaged things")
            return became
    except WorkspaceBusy as exc:
        still = {one: piece for one, piece in damaged.items() if fault_now(piece)}
        return [Became(one, piece.place, f"not healed: {exc}", False, is_put_off=True) for one, piece in still.items()]


def as_data(found: Verified) -> dict[str, Any]:
    """For programs, and for the page in Prefect."""
    return {
        "read": dict(found.round.read),
        "bytes": found.round.num_bytes,
        "is_all": found.is_all,
        "seconds": round(found.seconds, 3),
        "damaged": [row_of(one) for one in found.became],
        "notes": list(found.notes),
    }


def row_of(one: Became) -> dict[str, Any]:
    """One thing that was damaged."""
    place = None if one.place is None else str(one.place)
    return {**asdict(one.damage), "path": place, "became": one.became, "is_whole": one.is_whole}
