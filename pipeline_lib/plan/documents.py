"""The plan of the data half up to scrubbed documents: for each stage of each batch the work with its fingerprint.

Nothing is done here. Each fingerprint is known before the work, so all follows from the batches and the settings:

    ingest shard -> clean shard -> dedup sketch -+
                                                  dedup batch -> scrub shard -> token shard
    dedup batches of all earlier nights ---------/                 ^ documents withdrawn by later batches

A batch is decided against the batches before it and never again. A withdrawn document is taken out at scrub: the shard
that held it gets a new fingerprint, and what follows of that shard alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.clean import stage as clean
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.dedup import stage as dedup
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.ingest import stage as ingest
from pipeline_lib.ingest.plan import BatchPlan, ShardPlan
from pipeline_lib.ingest.settings import Source
from pipeline_lib.plan import batches as known_batches
from pipeline_lib.plan.batches import Ingested, Withdrawn
from pipeline_lib.plan.steps import shard_work, summed, with_previous
from pipeline_lib.run.work import Step, Work
from pipeline_lib.scrub import stage as scrub
from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store import schemas
from pipeline_lib.store.artifact import Outcome, Store, digest_of, fingerprint
from pipeline_lib.store.workspace import Batch, Workspace

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DocumentsPlan:
    """The data half of a night, not yet done. All lists run in the order of the batches."""

    batches: tuple[Batch, ...]  # sealed ones, then new ones
    num_new: int
    changes: tuple[str, ...]  # one line a new batch, for people
    ingest: tuple[Step, ...]
    clean: tuple[Step, ...]
    dedup: tuple[Step, ...]
    scrub: tuple[Step, ...]
    key_id: str  # of the key of the pseudonyms

    @property
    def stages(self) -> tuple[tuple[Step, ...], ...]:
        """The steps by stage, in the order in which they can be done."""
        return (self.ingest, self.clean, self.dedup, self.scrub)


def plan_documents(settings: Settings, workspace: Workspace, key: ScrubKey, sources: Sequence[Source]) -> DocumentsPlan:
    """Look at `sources` for new batches and lay out the work for all. Makes nothing but the cache of file digests."""
    known, lost = known_batches.sealed(settings, workspace)
    new = known_batches.new(settings, sources, workspace, known, lost)
    every = [*known, *new]
    withdrawn = known_batches.withdrawn(every)
    batches = tuple(item.batch for item in every)
    cleaned = [_clean_step(settings, item) for item in every]
    deduped = _dedup_steps(settings, every, cleaned)
    scrubbed = [_scrub_step(settings, key, item, step, withdrawn) for item, step in zip(every, deduped, strict=True)]
    return DocumentsPlan(
        batches=batches,
        num_new=len(new),
        changes=tuple(known_batches.described(item.plan) for item in new if item.plan is not None),
        ingest=tuple(_ingest_step(settings, item) for item in every),
        clean=with_previous(cleaned, batches, workspace),
        dedup=with_previous(deduped, batches, workspace),
        scrub=with_previous(scrubbed, batches, workspace),
        key_id=key.key_id,
    )


def _ingest_step(settings: Settings, item: Ingested) -> Step:
    if item.plan is None:
        return Step(ingest.STAGE, item.batch.name, (), _sealed_work(item))
    source = next(source for source in settings.ingest.sources if source.name == item.batch.source)
    plan, decisive = item.plan, {"reading": item.plan.reading}
    shards = tuple(
        Work(
            ingest.STAGE,
            ingest.VERSION,
            "shard",
            shard.fingerprint,
            schemas.DOCUMENTS,
            decisive,
            tuple(file.digest for file in shard.files),
            partial(make_ingest, settings=settings, source=source, shard=shard),
            name=f"shard {shard.index}",
        )
        for shard in plan.shards
    )
    make = partial(make_ingest_batch, settings=settings, plan=plan)
    whole = Work(
        ingest.STAGE,
        ingest.VERSION,
        "batch",
        plan.fingerprint,
        "batch.v1",
        decisive,
        item.shards,
        make,
        shards=item.shards,
        name="batch",
    )
    return Step(ingest.STAGE, item.batch.name, shards, whole)


def _sealed_work(item: Ingested) -> Work:
    """A batch that is there: nothing to make."""
    return Work(
        ingest.STAGE,
        ingest.VERSION,
        "batch",
        item.batch.fingerprint,
        "batch.v1",
        {},
        item.shards,
        make_nothing,
        shards=item.shards,
        name="batch",
    )


def make_nothing(*, store: Store, folder: Path, **_late: Any) -> Outcome:
    """Never called: the artifact was there when the plan was made."""
    raise DamagedArtifact("an ingested batch vanished while the night ran. Run the same command again.")


def make_ingest(*, settings: Settings, source: Source, shard: ShardPlan, store: Store, folder: Path) -> Outcome:
    """Read the files of one shard."""
    return ingest.run(settings.ingest, source, shard, folder)


def make_ingest_batch(*, settings: Settings, plan: BatchPlan, store: Store, folder: Path) -> Outcome:
    """Judge the input as a whole and write the inventory."""
    shards = [store.open(ingest.STAGE, shard.fingerprint).path for shard in plan.shards]
    return ingest.run_batch(settings.ingest, plan, shards, folder)


def _clean_step(settings: Settings, item: Ingested) -> Step:
    shards = tuple(
        shard_work(
            clean.STAGE,
            clean.VERSION,
            settings.clean,
            [name],
            partial(make_clean, settings=settings.clean, name=name),
            number=number,
        )
        for number, name in enumerate(item.shards)
    )
    return Step(clean.STAGE, item.batch.name, shards, summed(clean.STAGE, clean.VERSION, shards))


def make_clean(*, settings: CleanSettings, name: str, store: Store, folder: Path) -> Outcome:
    """Clean the documents of one ingest shard."""
    documents = store.open(ingest.STAGE, name, files=[schemas.DOCUMENTS_FILE]).file(schemas.DOCUMENTS_FILE)
    return clean.run(settings, documents, folder)


def _dedup_steps(settings: Settings, every: Sequence[Ingested], cleaned: Sequence[Step]) -> list[Step]:
    """Each batch against the index of all batches before it, without the documents they held that left by then."""
    steps: list[Step] = []
    left: dict[str, frozenset[str]] = {}  # document ids by the batch that held them
    withdrawn = digest_of([])
    for number, (item, source) in enumerate(zip(every, cleaned, strict=True)):
        if item.tombstones:
            left = _with_tombstones(left, item)
            withdrawn = digest_of([[holder, sorted(documents)] for holder, documents in sorted(left.items())])
        sketches = tuple(_sketch_work(settings.dedup, work, at) for at, work in enumerate(source.shards))
        names = tuple((c.fingerprint, s.fingerprint) for c, s in zip(source.shards, sketches, strict=True))
        earlier = tuple(
            (step.whole.fingerprint, left.get(before.batch.fingerprint, NOBODY))
            for step, before in zip(steps, every[:number], strict=True)
        )
        inputs = (*(s.fingerprint for s in sketches), *(name for name, _ in earlier[-1:]), withdrawn)
        decisive = settings.dedup.model_dump(mode="json")
        make = partial(make_dedup, settings=settings.dedup, names=names, earlier=earlier)
        whole = Work(
            dedup.STAGE,
            dedup.VERSION,
            "batch",
            fingerprint(dedup.STAGE, dedup.VERSION, decisive, inputs),
            schemas.DOCUMENTS,
            decisive,
            inputs,
            make,
            name="batch",
        )
        steps.append(Step(dedup.STAGE, item.batch.name, sketches, whole))
    return steps


def _with_tombstones(left: dict[str, frozenset[str]], item: Ingested) -> dict[str, frozenset[str]]:
    new: dict[str, set[str]] = {}
    for document, holder, _ in item.tombstones:
        new.setdefault(holder, set()).add(document)
    return {**left, **{holder: left.get(holder, NOBODY) | documents for holder, documents in new.items()}}


def _sketch_work(settings: DedupSettings, cleaned: Work, number: int) -> Work:
    make = partial(make_sketch, settings=settings, name=cleaned.fingerprint)
    return shard_work(
        dedup.STAGE, dedup.VERSION, settings, [cleaned.fingerprint], make, number=number, facts={"kind": "sketch"}
    )


def make_sketch(*, settings: DedupSettings, name: str, store: Store, folder: Path) -> Outcome:
    """The sketches of one clean shard."""
    documents = store.open(clean.STAGE, name, files=[schemas.DOCUMENTS_FILE]).file(schemas.DOCUMENTS_FILE)
    return dedup.sketch(settings, documents, folder)


def make_dedup(
    *,
    settings: DedupSettings,
    names: Sequence[tuple[str, str]],
    earlier: Sequence[tuple[str, frozenset[str]]],
    store: Store,
    folder: Path,
) -> Outcome:
    """Decide one batch. `earlier` are the decided batches before it, each with what it held and has left since."""
    shards = [
        (
            store.open(clean.STAGE, cleaned, files=[schemas.DOCUMENTS_FILE]).file(schemas.DOCUMENTS_FILE),
            store.open(dedup.STAGE, sketch, files=[dedup.SKETCH_FILE]).file(dedup.SKETCH_FILE),
        )
        for cleaned, sketch in names
    ]
    before = [dedup.Earlier(partial(_verified, store, name), withdrawn) for name, withdrawn in earlier]
    return dedup.decide(settings, shards, before, folder)


def _verified(store: Store, name: str, file: str) -> Path:
    return store.open(dedup.STAGE, name, files=[file]).file(file)


def _scrub_step(settings: Settings, key: ScrubKey, item: Ingested, deduped: Step, withdrawn: Withdrawn) -> Step:
    shards = []
    for number in range(len(item.shards)):
        gone = withdrawn.get((item.batch.fingerprint, number), NOBODY)
        inputs = [deduped.whole.fingerprint, str(number), *([digest_of(sorted(gone))] if gone else [])]
        make = partial(
            make_scrub,
            settings=settings.scrub,
            key=key,
            name=deduped.whole.fingerprint,
            number=number,
            withdrawn=gone,
        )
        facts = {"key_id": key.key_id}
        shards.append(shard_work(scrub.STAGE, scrub.VERSION, settings.scrub, inputs, make, number=number, facts=facts))
    return Step(scrub.STAGE, item.batch.name, tuple(shards), summed(scrub.STAGE, scrub.VERSION, shards))


def make_scrub(
    *,
    settings: ScrubSettings,
    key: ScrubKey,
    name: str,
    number: int,
    withdrawn: frozenset[str],
    store: Store,
    folder: Path,
) -> Outcome:
    """Scrub one part of a deduplicated batch."""
    part = f"part-{number:05d}/{schemas.DOCUMENTS_FILE}"
    documents = store.open(dedup.STAGE, name, files=[part]).file(part)
    return scrub.run(settings, key, documents, withdrawn, folder)
