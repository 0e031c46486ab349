"""Former champions that a challenger is held against, beside the one in service.

state/pins/best.json   by version what each scored on the frozen benchmark; another benchmark begins anew, and so does
                       another registered model
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pipeline_lib.evaluate.stage import SCORES
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.registry import Registry
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace

BEST = "best"  # the pin


@dataclass(frozen=True)
class Best:
    """Former champions and the present one."""

    benchmark: str  # "frozen-1"
    scores: Mapping[Annotated[str, Field(pattern=r"\A\d{1,9}\z")], Ref]  # by version
    name: str = ""  # of the registered model, whose versions they are; "": before it was said, when there was but one

    def is_of(self, registered_model: str) -> bool:
        """Whether they are versions of that one."""
        return self.name in ("", registered_model)


def best_in(workspace: Workspace) -> Best | None:
    """What is pinned."""
    return workspace.pin(BEST, Best, without="the next challenger is held against the champion alone")


def former_champions(workspace: Workspace, registry: Registry) -> list[Ref]:
    """What they scored, as far as it is there; not of those that were rolled back: figures did not tell all of them."""
    best = best_in(workspace)
    rolled_back: set[int | None] = set()
    for move in moves_of(registry) if best is not None else ():
        rolled_back.discard(move.version)
        rolled_back |= {move.previous} if move.kind == "rollback" else set()
    known = best.scores if best is not None and best.is_of(registry.name) else {}
    return [
        ref for version, ref in known.items() if int(version) not in rolled_back and workspace.store.is_present(ref)
    ]


def keep_best(workspace: Workspace, name: str, benchmark: str, versions: Collection[int], champion: Step) -> None:
    """Remember these versions of a registered model for the next challenger; `champion` measured the one in service."""
    best = best_in(workspace)
    known = dict(best.scores) if best is not None and best.is_of(name) and best.benchmark == benchmark else {}
    for work in champion.wholes:
        found = manifest_of(workspace.store, work.ref) if work.maker.schema == SCORES.schema else None
        if found is not None and f"{found.facts.get('benchmark')}-{found.facts.get('generation')}" == benchmark:
            known[str(found.facts["version"])] = work.ref
    kept = {version: known[version] for version in map(str, versions) if version in known}
    now = Best(benchmark, kept, name)
    if now != best:
        workspace.save_pin(BEST, now)
