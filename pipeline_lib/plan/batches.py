"""Which batches there are: those of the catalog, and those that tonight's look at the sources adds.

Reads; makes nothing but the cache of file digests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.ingest import stage as ingest
from pipeline_lib.ingest.plan import TOMBSTONES_FILE, BatchPlan
from pipeline_lib.ingest.settings import Source
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Store
from pipeline_lib.store.workspace import Batch, Workspace

Withdrawn = Mapping[tuple[str, int], frozenset[str]]  # document ids by (ingest batch, shard)


@dataclass(frozen=True)
class Ingested:
    """A batch as far as the plan knows it: its shards by fingerprint, and how to make them if they are not there."""

    batch: Batch
    shards: tuple[str, ...]
    plan: BatchPlan | None  # None: sealed and whole, nothing to make
    tombstones: tuple[tuple[str, str, int], ...]  # document, batch, shard


def sealed(settings: Settings, workspace: Workspace) -> tuple[list[Ingested], list[Batch]]:
    """The batches of the catalog; and those that are damaged while their source has moved on.

    What is damaged of a batch is read again from its source if those files are still the same. If not, the batch is
    given up, and all later ones of its source with it, since they leave out what it held: they leave the catalog, and
    what is still in the source comes in a new batch.
    """
    sources = {source.name: source for source in settings.ingest.sources}
    known: list[Ingested] = []
    lost: list[Batch] = []
    for batch in workspace.batches():
        if any(earlier.source == batch.source for earlier in lost):
            lost.append(batch)
            continue
        if _is_whole(workspace.store, batch.fingerprint):
            shards = workspace.store.read(ingest.STAGE, batch.fingerprint).shards
            known.append(Ingested(batch, shards, None, read_tombstones(workspace.store, batch.fingerprint)))
            continue
        plan = _replan(settings, workspace, sources.get(batch.source), batch)
        if plan is None:
            lost.append(batch)
        else:
            known.append(_planned(batch, plan))
    return known, lost


def plan_copy(workspace: Workspace, batch: str) -> Path:
    """Where a copy of a batch's plan lies: what is needed to rebuild the batch must not be lost with it."""
    return workspace.state / "plans" / f"{batch}.json"


def _replan(settings: Settings, workspace: Workspace, source: Source | None, batch: Batch) -> BatchPlan | None:
    if source is None:
        return None
    copy = plan_copy(workspace, batch.fingerprint)
    return ingest.replan(settings.ingest, source, batch.fingerprint, workspace.store, copy)


def _is_whole(store: Store, name: str) -> bool:
    found = store.condition(ingest.STAGE, name)
    if not found.is_present or found.manifest is None:
        return False
    return all(store.condition(ingest.STAGE, shard).is_present for shard in found.manifest.shards)


def _planned(batch: Batch, plan: BatchPlan) -> Ingested:
    tombstones = tuple((t.document_id, t.batch, t.shard) for t in plan.tombstones)
    return Ingested(batch, tuple(shard.fingerprint for shard in plan.shards), plan, tombstones)


def new(
    settings: Settings,
    sources: Sequence[Source],
    workspace: Workspace,
    known: Sequence[Ingested],
    lost: Sequence[Batch],
) -> list[Ingested]:
    """One batch for each of `sources` that has something new, changed or gone."""
    number = max((b.number for b in [*(item.batch for item in known), *lost]), default=0)
    new: list[Ingested] = []
    for source in sources:
        earlier = [item.plan or item.batch.fingerprint for item in known if item.batch.source == source.name]
        cache_path = workspace.state / "scan" / f"{source.name}.json"
        plan = ingest.scan(settings.ingest, source, earlier, workspace.store, cache_path)
        if plan is not None:
            number += 1
            new.append(_planned(Batch(number, source.name, plan.fingerprint), plan))
    return new


def described(plan: BatchPlan) -> str:
    counts = ((plan.num_new_files, "new"), (plan.num_changed_files, "changed"), (plan.num_gone_files, "gone"))
    return f"{plan.source}: " + ", ".join(f"{count} files {what}" for count, what in counts if count)


def withdrawn(every: Sequence[Ingested]) -> Withdrawn:
    found: dict[tuple[str, int], set[str]] = {}
    for item in every:
        for document, batch, shard in item.tombstones:
            found.setdefault((batch, shard), set()).add(document)
    return {place: frozenset(documents) for place, documents in found.items()}


def read_tombstones(store: Store, batch: str) -> tuple[tuple[str, str, int], ...]:
    """(document, batch that holds it, shard) for each document that a batch withdraws."""
    from pipeline_lib.store.tables import read_table  # pyarrow takes 0.1 s, which a look at the settings need not pay

    path = store.open(ingest.STAGE, batch, files=[TOMBSTONES_FILE]).file(TOMBSTONES_FILE)
    table = read_table(path, columns=["document_id", "batch", "shard"])
    return tuple(zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True))
