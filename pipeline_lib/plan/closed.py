"""Closed batches: those whose tokens and index are whole. Nobody looks behind them; a few nodes stand for all of them.

    state/closed/<recipe>.json      how many batches are closed, and the nodes that stand for them

The record is derived from artifacts and can be lost: then the next night lays out all batches once and writes it again.
A recipe is all that decides what the data half makes of a batch: makers, settings, key and tokenizer. So the old rules
set again find their record, and make nothing; that night lays out the closed batches once, so that `why` tells what
they are by now (tasks/steps.py: recall).
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline_lib.ingest.stage import PAST
from pipeline_lib.run.board import Board
from pipeline_lib.run.carry import Nodes
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH
from pipeline_lib.store.artifact import Ref, digest_of
from pipeline_lib.store.records import read_comfort, sealed, write_comfort
from pipeline_lib.store.workspace import Batch, Workspace


@dataclass(frozen=True)
class Closed:
    """The first `count` batches of the catalog, by the nodes that stand for them."""

    count: int = 0
    carried: Mapping[str, Nodes] | None = None

    def board(self) -> Board:
        """What the first open batch takes over."""
        return Board("", carried=self.carried or {})


@dataclass(frozen=True)
class Record:
    """What the file says."""

    count: Annotated[int, Field(ge=0)]
    batches: str  # the digest of their names
    carried: dict[str, Nodes]
    recipe: str = ""  # "": an earlier release did not write it


def recipe_of(settings: Settings, key_id: str, tokenizer: Ref) -> str:
    """The name of all that decides what becomes of a batch."""
    sections = [(settings.of(stage.settings), stage.makers) for stage in OF_A_BATCH]
    stages = [
        [maker.id, own.decisive(maker.reads)] for own, makers in sections for maker in makers if maker.is_asked(own)
    ]
    told = {"stages": stages, "past": PAST.id, "key": key_id, "tokenizer": tokenizer.fingerprint}
    outside = [dict(found) for own, _ in sections if (found := own.outside())]
    return digest_of({**told, "outside": outside} if outside else told)


def read_closed(workspace: Workspace, recipe: str, batches: Sequence[Batch]) -> Closed:
    """The batches that are closed by the record of a recipe; none where it does not fit what is there."""
    record = read_comfort(_place(workspace, recipe), Record)
    if record is None or record.recipe not in ("", recipe):
        return Closed()
    if record.count > len(batches) or record.batches != _named(batches[: record.count]):
        return Closed()
    nodes = [node for each in record.carried.values() for node in each]
    is_whole = all(workspace.store.is_present(node.ref) for node in nodes)
    return Closed(record.count, record.carried) if is_whole else Closed()


def save_closed(workspace: Workspace, recipe: str, batches: Sequence[Batch], carried: Mapping[str, Nodes]) -> None:
    """Keep that these batches are closed, all of the catalog that is; the file's time says when a night saw it last."""
    record = Record(len(batches), _named(batches), dict(carried), recipe)
    place = _place(workspace, recipe)
    if read_comfort(place, Record) != record:
        write_comfort(place, sealed(asdict(record)))
    else:
        with suppress(OSError):
            os.utime(place)


@dataclass(frozen=True)
class Kept:
    """A record that is there."""

    recipe: str
    seen: float  # by the last night of this recipe, in Unix seconds
    nodes: tuple[Ref, ...]


def closed_records(workspace: Workspace) -> list[Kept]:
    """The records of all recipes."""
    found = []
    for path in sorted((workspace.state / "closed").glob("[!.]*.json")):
        record = read_comfort(path, Record)
        if record is not None:
            nodes = tuple(node.ref for own in record.carried.values() for node in own)
            found.append(Kept(path.stem, path.stat().st_mtime, nodes))
    return found


def forget_closed(workspace: Workspace, recipe: str) -> None:
    """The batches are not closed by this recipe any more."""
    _place(workspace, recipe).unlink(missing_ok=True)


def _place(workspace: Workspace, recipe: str) -> Path:
    return workspace.state / "closed" / f"{recipe}.json"


def _named(batches: Sequence[Batch]) -> str:
    return digest_of([batch.fingerprint for batch in batches])
