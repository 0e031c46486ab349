"""What is kept of models that were judged: while one stands, new text alone judges nobody again."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_lib.model.records import FROZEN
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace

BEGUN = "begun"  # the pin of a training whose model has no verdict yet
BASIS = "judged"  # and that of the model that was judged last
WAITING = "waiting"  # and that of a version that a person decides on; forgotten, the next night asks again


@dataclass(frozen=True)
class Basis:
    """On what a model was judged."""

    model: Ref
    benchmarks: Mapping[str, Ref]
    snapshot: Ref

    def __post_init__(self) -> None:
        if FROZEN not in self.benchmarks:
            raise ValueError(f"no benchmark {FROZEN}, which decides")

    @property
    def in_order(self) -> list[tuple[str, Ref]]:
        """The benchmarks by name; the frozen one, which decides, is first."""
        return sorted(self.benchmarks.items(), key=lambda item: item[0] != FROZEN)


@dataclass(frozen=True)
class Waiting:
    """A version that a person decides on."""

    name: str  # of the registered model
    version: int
    champion: int | None  # whose place it would take
    reason: str
    is_refused: bool = False


def begun_in(workspace: Workspace) -> Ref | None:
    """The training whose model has no verdict yet."""
    return workspace.pin(BEGUN, Ref, without="a model that waits for its verdict may go without one")


def basis_in(workspace: Workspace) -> Basis | None:
    """On what the model was judged that was judged last."""
    return workspace.pin(BASIS, Basis, without="the model that stands is judged once more")
