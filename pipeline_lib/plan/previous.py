"""What the losses of a step are compared with: the guard stops a night that would lose far more than is usual.

What the stage made of this batch the last time, by other rules; else of the batch before it from its source. Where that
one is closed it is remembered; where it is not, what stands for the most batches has their sums. A source that never
had a batch is compared with nothing: what another one loses tells nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline_lib.plan.closed import Closed
from pipeline_lib.plan.last import is_by, kept_of
from pipeline_lib.run.board import Board
from pipeline_lib.run.step import Step
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Batch, Workspace


@dataclass(frozen=True)
class ClosedBefore:
    """The closed batches of a plan, in their order, and the recipe by which they are."""

    batches: Sequence[Batch]
    closed: Closed
    recipe: str


def with_previous(boards: Sequence[tuple[str, Board]], before: ClosedBefore, workspace: Workspace) -> tuple[Board, ...]:
    """The boards, each given with its source, with steps that know what their losses are compared with."""
    newest: dict[tuple[str, str], Ref | None] = {}  # by stage and source
    linked = []
    for source, board in boards:
        steps = []
        for step in board.steps:
            key = (step.stage, source)
            if key not in newest:
                newest[key] = _of_closed(step.stage, source, before, workspace)
            steps.append(replace(step, previous=_by_other_rules(step, workspace) or newest[key]))
            newest[key] = step.whole.ref
        linked.append(replace(board, steps=tuple(steps)))
    return tuple(linked)


def _by_other_rules(step: Step, workspace: Workspace) -> Ref | None:
    """What stood for the step when it was last done with other settings."""
    for kept in kept_of(workspace, step.key)[-1:]:
        is_other = kept.maker == step.whole.maker.name and kept.ref != step.whole.ref
        return kept.ref if is_other and workspace.store.is_present(kept.ref) else None
    return None


def _of_closed(stage: str, source: str, before: ClosedBefore, workspace: Workspace) -> Ref | None:
    """What the stage made of the newest closed batch of a source, else of many batches; None where it has none."""
    newest = next((batch for batch in reversed(before.batches) if batch.source == source), None)
    if newest is None:
        return None
    known = kept_of(workspace, f"{stage}-{newest.name}") if is_by(workspace, before.recipe) else []
    if known and workspace.store.is_present(known[-1].ref):
        return known[-1].ref
    return next(iter(before.closed.board().before(stage)), None)
