"""Building blocks of plans: the work of one shard, and of a batch that only sums up its shards."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.base.settings import StageSettings
from pipeline_lib.run.work import Make, Step, Work, sum_shards
from pipeline_lib.store import schemas
from pipeline_lib.store.artifact import Outcome, Store, fingerprint
from pipeline_lib.store.workspace import Batch, Workspace


def with_previous(steps: Sequence[Step], batches: Sequence[Batch], workspace: Workspace) -> tuple[Step, ...]:
    """The steps, each knowing what its losses are compared with.

    What the stage made of this batch the last time (with other settings), else of the batch before it from its source.
    """
    before: dict[str, str] = {}
    linked = []
    for step, batch in zip(steps, batches, strict=True):
        last = next((name for name in workspace.last(step.key)[-1:] if name != step.whole.fingerprint), None)
        linked.append(replace(step, previous=last or before.get(batch.source)))
        before[batch.source] = step.whole.fingerprint
    return tuple(linked)


def shard_work(
    stage: str,
    version: int,
    settings: StageSettings,
    inputs: Sequence[str],
    make: Make,
    *,
    number: int,
    facts: Mapping[str, Any] | None = None,
) -> Work:
    """The work of one shard. `facts` are what decides the bytes beside settings and inputs (a key's id)."""
    decisive = {**settings.model_dump(mode="json"), **(facts or {})}
    name = fingerprint(stage, version, decisive, inputs)
    schema = schemas.TOKENS if stage == "tokenize" else schemas.DOCUMENTS
    return Work(stage, version, "shard", name, schema, decisive, tuple(inputs), make, name=f"shard {number}")


def summed(stage: str, version: int, shards: Sequence[Work], *, extra_inputs: Sequence[str] = ()) -> Work:
    """The work of a batch that only sums up its shards."""
    names = tuple(work.fingerprint for work in shards)
    inputs = (*names, *extra_inputs)
    name = fingerprint(stage, version, {"kind": "batch"}, inputs)
    make = partial(make_sum, stage=stage, names=names)
    return Work(stage, version, "batch", name, "batch.v1", {}, inputs, make, shards=names, name="batch")


def make_sum(*, stage: str, names: Sequence[str], store: Store, folder: Path) -> Outcome:
    """The sums of the shards; a batch of this kind has no files of its own."""
    return sum_shards([store.read(stage, name) for name in names])
