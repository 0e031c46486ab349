"""Closed batches: those whose tokens and index are whole. Nobody looks behind them; a few nodes stand for all of them.

    state/closed/<recipe>.json      how many batches are closed, and the nodes that stand for them

The record is derived from artifacts and can be lost: then the next night lays out all batches once and writes it again.
A recipe is all that decides what the data half makes of a batch: makers, settings, key and tokenizer. So the old rules
set again find their record, and cost nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline_lib.run.board import Board
from pipeline_lib.run.carry import Node, Nodes
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH
from pipeline_lib.store.artifact import Ref, digest_of
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.workspace import Batch, Workspace


@dataclass(frozen=True)
class Closed:
    """The first `count` batches of the catalog, by the nodes that stand for them."""

    count: int = 0
    carried: Mapping[str, Nodes] | None = None

    def board(self) -> Board:
        """What the first open batch takes over."""
        return Board("", carried=self.carried or {})


def recipe_of(settings: Settings, key_id: str, tokenizer: Ref) -> str:
    """The name of all that decides what becomes of a batch."""
    stages = [
        [maker.id, settings.of(stage.settings).decisive(maker.reads)] for stage in OF_A_BATCH for maker in stage.makers
    ]
    return digest_of({"stages": stages, "key": key_id, "tokenizer": tokenizer.fingerprint})


def read_closed(workspace: Workspace, recipe: str, batches: Sequence[Batch]) -> Closed:
    """The batches that are closed by the record of a recipe; none where it does not fit what is there."""
    try:
        record = read_json(_place(workspace, recipe))
        count = int(record["count"])
        carried = {name: tuple(_node(node) for node in nodes) for name, nodes in record["carried"].items()}
    except (OSError, ValueError, TypeError, KeyError):
        return Closed()
    if record.get("batches") != _named(batches[:count]) or count > len(batches):
        return Closed()
    nodes = [node for each in carried.values() for node in each]
    return Closed(count, carried) if all(workspace.store.is_present(node.ref) for node in nodes) else Closed()


def save_closed(workspace: Workspace, recipe: str, batches: Sequence[Batch], carried: Mapping[str, Nodes]) -> None:
    """Keep that these batches are closed, all of the catalog that is."""
    nodes = {name: [asdict(node) for node in each] for name, each in carried.items()}
    record = {"count": len(batches), "batches": _named(batches), "carried": nodes}
    place = _place(workspace, recipe)
    if not place.is_file() or read_json(place) != record:
        write_json(place, record)


def _place(workspace: Workspace, recipe: str) -> Any:
    return workspace.state / "closed" / f"{recipe}.json"


def _named(batches: Sequence[Batch]) -> str:
    return digest_of([batch.fingerprint for batch in batches])


def _node(value: Mapping[str, Any]) -> Node:
    return Node(int(value["level"]), Ref(**value["ref"]))
