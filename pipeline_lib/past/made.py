"""What was made of a batch, as far as it is still there: a page about the past shows what is left of it."""

from collections.abc import Sequence
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.plan.last import kept_of
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Batch, Workspace

INGEST = "ingest"
MEASURED = "scores-"  # and the fingerprint of a model: what measured it is kept under this name, as if it were a step
MOST_SCORES = 16  # of one model: of its own night, and of some nights in which it was the champion


def made_last(workspace: Workspace, stage: str, batch: Batch, maker: str) -> list[Ref]:
    """What a maker made of a batch when it was last done, in the order of the shards."""
    return last_of(workspace, f"{stage}-{batch.name}", maker)


def last_of(workspace: Workspace, step: str, maker: str) -> list[Ref]:
    """What a maker made in a step when that was last done."""
    return [kept.ref for kept in kept_of(workspace, step) if kept.maker == maker]


def remember_scores(workspace: Workspace, model: str, scores: Sequence[str]) -> None:
    """Keep, as works of a step are kept, what measured a model: "evaluate.scores 1f0c...", the newest MOST_SCORES."""
    known = workspace.last(_measured(model))
    new = [entry for entry in scores if entry not in known]
    workspace.save_last(_measured(model), [*new, *known][:MOST_SCORES])


def scores_of(workspace: Workspace, model: str, maker: str) -> list[Ref]:
    """What a maker measured a model by."""
    return last_of(workspace, _measured(model), maker)


def _measured(model: str) -> str:
    return f"{MEASURED}{model}"


def raw_shards(store: Store, batch: Batch) -> list[Ref]:
    """What was read into a batch, in the order of its shards; nothing when it is not known any more."""
    try:
        return list(store.members(store.read(INGEST, batch.fingerprint).inputs["shards"]))
    except DamagedArtifact:
        return []


def opened(store: Store, ref: Ref, file: str) -> Path | None:
    """A verified file of an artifact; None where it was released or is damaged."""
    try:
        return store.open(ref.stage, ref.fingerprint, files=[file]).file(file)
    except DamagedArtifact:
        return None
