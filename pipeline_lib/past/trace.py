"""From a model back to the text it was trained on, and from a document to the models that read it.

    model -> its training (manifest: snapshot, steps) -> the trunk it went on from -> that one's training ...

A model has read the rows of its own steps, and of an ancestor's those of the trunk: the ancestor's decayed branch is
not in its weights. For a model manifests and snapshots are read; for a document the rows of the trainings that may have
had it are laid out once more (reads.py).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.evaluate.stage import BENCHMARK
from pipeline_lib.past.ledger import Story
from pipeline_lib.past.made import opened
from pipeline_lib.plan.parents import cursor_of
from pipeline_lib.plan.trunks import TRUNK
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.local import Store
from pipeline_lib.train.stage import TRAIN

WHOLE, PART, NOTHING = "all", "in part", "nothing yet"  # what a trunk has read of a batch


@dataclass(frozen=True)
class BatchPart:
    """A batch as a snapshot has it."""

    label: str  # "0003-docs"
    source: str
    num_documents: int  # that are trained on
    num_tokens: int  # of those
    num_held_out: int  # documents
    is_read: str  # by the trunk, at least once: "all", "in part", "nothing yet"


@dataclass(frozen=True)
class Snapshot:
    """What a training could read."""

    fingerprint: str
    digest: str
    num_left_out: int  # documents: withdrawn, or over the caps of their sources
    batches: tuple[BatchPart, ...]


@dataclass(frozen=True)
class Training:
    """One training: a model, or the ancestor whose trunk a later one went on from."""

    fingerprint: str
    created: float  # Unix seconds
    tokenizer: str  # fingerprint
    snapshot: Snapshot | None  # None: it is gone
    num_steps: int
    trunk_steps: int  # of them those that a later model inherits
    num_tokens: int  # positions of all steps, padding included
    trunk: str | None  # fingerprint of the training it went on from; None: it started from scratch


@dataclass(frozen=True)
class Share:
    """What one training read of one document."""

    training: str
    num_tokens: int | None  # that it has; None, here and below: what tells it is gone
    num_read: int | None  # of them those in the rows of its steps
    num_inherited: int | None  # of them those in the rows of its trunk's steps: what later models have from it


@dataclass(frozen=True)
class Seen:
    """What a model knows of a document: by its own training, and by the trunks it went on from."""

    model: str
    own: Share | None  # None: its snapshot does not have the document to train on
    inherited: tuple[Share, ...]  # of the ancestors whose trunk's steps read some of it


@dataclass(frozen=True, order=True)
class Benchmark:
    """A set of documents that models are judged on."""

    name: str  # "frozen" or "fresh"
    generation: int


def trainings(store: Store, fingerprint: str) -> list[Training]:
    """The training of a model, then those of its ancestors, as far back as their artifacts are there.

    Raises `DamagedArtifact` when the model's own is not.
    """
    found = [_training(store, fingerprint)]
    while (trunk := found[-1].trunk) is not None:
        try:
            found.append(_training(store, trunk))
        except DamagedArtifact:
            break
    return found


def models_beside(store: Store, story: Story) -> list[Seen]:
    """What each model of the workspace knows of that version of a document, oldest model first.

    Models that had nothing to do with it, not even by an ancestor, are left out: of a held-out document all. Not so one
    that is damaged, of which nobody can say; those come last.
    """
    models = {model.fingerprint: model for model in sorted(store.list(TRAIN.name), key=lambda model: model.created)}
    shares = {name: share for name, model in models.items() if (share := _share(store, model, story)) is not None}
    damaged = _damaged(store, models) if _may_be_learned(story) else []
    shares |= {name: Share(name, None, None, None) for name in damaged}
    seen = []
    for name in (*models, *damaged):
        before = [shares[ancestor] for ancestor in _ancestors(models, name) if ancestor in shares]
        seen.append(Seen(name, shares.get(name), tuple(one for one in before if one.num_inherited != 0)))
    return [one for one in seen if one.own or one.inherited]


def benchmarks_with(store: Store, document_id: str) -> list[Benchmark]:
    """The benchmarks that have a document, as far as they are there, each once."""
    import pyarrow.compute as pc

    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.store.tables import read_table

    found = set()
    for made in store.list(BENCHMARK.name):
        path = opened(store, made.ref, DOCUMENTS_FILE)
        if path is not None and pc.index(read_table(path, ["document_id"])["document_id"], document_id).as_py() >= 0:
            found.add(Benchmark(made.facts["name"], made.facts["generation"]))
    return sorted(found)


def _ancestors(models: Mapping[str, Manifest], name: str) -> Iterator[str]:
    while name in models and TRUNK in models[name].inputs:
        name = models[name].inputs[TRUNK].fingerprint
        yield name


def _damaged(store: Store, whole: Collection[str]) -> list[str]:
    """The models that are there, and whose manifests tell nothing any more."""
    found = (ref for ref in store.everything() if ref.stage == TRAIN.stage and ref.fingerprint not in whole)
    return [ref.fingerprint for ref in found if store.condition(ref).manifest is None]


def _may_be_learned(story: Story) -> bool:
    """Whether a training may have met a document: it came through all stages, and is not held out."""
    return not story.is_held_out and all(decision.is_kept for decision in story.decisions)


def _training(store: Store, fingerprint: str) -> Training:
    model = store.read(TRAIN.stage, fingerprint)
    trunk = model.inputs.get(TRUNK)
    return Training(
        fingerprint=fingerprint,
        created=model.created,
        tokenizer=model.inputs["tokenizer"].fingerprint,
        snapshot=_snapshot(store, model),
        num_steps=model.facts["num_steps"],
        trunk_steps=model.facts["trunk_steps"],
        num_tokens=model.facts["num_tokens"],
        trunk=None if trunk is None else trunk.fingerprint,
    )


def _snapshot(store: Store, model: Manifest) -> Snapshot | None:
    from pipeline_lib.past.reads import shards_of

    ref = model.inputs["snapshot"]
    try:
        manifest, rows = store.read(ref.stage, ref.fingerprint), shards_of(store, model).to_pylist()
    except DamagedArtifact:
        return None
    cursor = cursor_of(store, model, ())  # it was written in the names of this snapshot
    ended = {shard for shard, passes in cursor.passes.items() if passes}
    begun = {shard for portion in cursor.portions if portion.num_read for shard in portion.shards}
    batches: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        batches.setdefault(row["label"], []).append(row)
    parts = (_part(own, ended, begun) for own in batches.values())
    facts = manifest.facts
    return Snapshot(ref.fingerprint, facts["digest"], facts["num_excluded_documents"], tuple(parts))


def _part(rows: list[dict[str, Any]], ended: set[str], begun: set[str]) -> BatchPart:
    shards = {row["shard"] for row in rows if row["num_tokens"]}
    is_read = WHOLE if shards <= ended else PART if shards & (ended | begun) else NOTHING
    return BatchPart(
        label=rows[0]["label"],
        source=rows[0]["source"],
        num_documents=sum(row["num_documents"] for row in rows),
        num_tokens=sum(row["num_tokens"] for row in rows),
        num_held_out=sum(row["num_held_out"] for row in rows),
        is_read=is_read,
    )


def _share(store: Store, model: Manifest, story: Story) -> Share | None:
    """None where its snapshot does not have the document to train on."""
    from pipeline_lib.past.reads import may_read, place_of, tokens_of, tokens_read_of

    try:
        place = place_of(store, model, story)
        num_tokens = 0 if place is None else tokens_of(store, place)
        if place is None or num_tokens == 0:
            return None
        read = tokens_read_of(store, model, place) if may_read(store, model, place) else (0, 0)
        return Share(model.fingerprint, num_tokens, *read)
    except DataError:
        return Share(model.fingerprint, None, None, None)
