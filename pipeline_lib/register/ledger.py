"""The ledger of promotions: who became champion, when and why; a line a move, the oldest first.

Its last line says who is champion. MLflow's aliases say it too, but are last-writer-wins without history, and anybody
may move them in MLflow's own pages: where they differ, settle.py finds out why. Each line's `previous` is the version
of the line before it. One file serves all models of a workspace.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline_lib.register.registry import Registry
from pipeline_lib.store.files import locked as _locked
from pipeline_lib.store.files import open_lock, took_lock, write_atomically
from pipeline_lib.store.records import make_room, read_lines, sort_lines, with_line

LEDGER_FILE = "promotions.jsonl"
ODD_FILE = "promotions.odd.jsonl"  # what stood among its lines and is none
LOCK_FILE = "promotion.lock"
LEFT_OUT = "left out. The next nightshift promote, rollback or run puts it aside"

Kind = Literal["promote", "rollback", "by hand"]  # "by hand": found in MLflow, where somebody moved the alias


@dataclass(frozen=True)
class Promotion:
    """One line of the ledger."""

    time: str  # ISO 8601
    name: str
    version: int
    previous: int | None  # the champion until then
    kind: Kind
    reason: str
    model: str = ""  # the fingerprint of what was registered as this version; "" in lines that did not say it yet
    files: str = ""  # the digest of its files, as they were verified; "" the same
    is_unsigned: bool = False  # whether it was told by name, since no trusted key signed it


def promotions(registry: Registry) -> list[Promotion]:
    """All moves, of all models, as far as their lines are understood. What is left out is told."""
    return read_lines(_path(registry), Promotion, advice=LEFT_OUT)


def moves_of(registry: Registry) -> list[Promotion]:
    """The moves of this model."""
    return [move for move in promotions(registry) if move.name == registry.name]


def last_version(registry: Registry) -> int | None:
    """Who is champion by the ledger."""
    moves = moves_of(registry)
    return moves[-1].version if moves else None


def add(registry: Registry, move: Promotion) -> None:
    """Add a line."""
    path = _path(registry)
    make_room(path)
    write_atomically(path, with_line(path, move))


def has_odd_lines(registry: Registry) -> bool:
    """Whether something stands in the ledger that is no line of it."""
    return bool(sort_lines(_path(registry), Promotion)[1])


def put_odd_aside(registry: Registry) -> Path | None:
    """Move what is no line of the ledger to a file beside it, which is told; None when all of it is."""
    right, odd = sort_lines(_path(registry), Promotion)
    if not odd:
        return None
    aside = registry.folder / ODD_FILE
    make_room(aside)
    known = aside.read_bytes().split(b"\n") if aside.exists() else []
    new = [line for line in odd if line not in known]  # those that are known were moved before a kill
    write_atomically(aside, b"".join(line + b"\n" for line in (*filter(None, known), *new)))
    write_atomically(_path(registry), b"".join(line + b"\n" for line in right))
    return aside


@contextmanager
def locked(registry: Registry) -> Iterator[None]:
    """Wait for the lock of all moves. The system lets it go when its holder ends, however that ends."""
    with _locked(registry.folder / LOCK_FILE):
        yield


def is_locked(registry: Registry) -> bool:
    """Whether somebody moves the champion just now."""
    descriptor = open_lock(registry.folder / LOCK_FILE)
    try:
        return not took_lock(descriptor)
    finally:
        os.close(descriptor)


def _path(registry: Registry) -> Path:
    return registry.folder / LEDGER_FILE
