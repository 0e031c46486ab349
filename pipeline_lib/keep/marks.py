"""What stays, and why. All else is swept once nothing has needed it for a while (outlook.py).

    the next night    what its plan names and what that reads; pins; the nodes that stand for closed batches
    the batches       what the last rules made of each batch, back to what was read: another rule begins there
    versions          the model of each version in MLflow and of the champions of the ledger, its scores and reports,
                      and what `trace --step` opens; of one with an alias also variants and benchmarks
    trainings         the same of the newest trainings, registered or not

Nothing here trusts that today's settings are those of the nights: pins, catalog and what is remembered of steps say
what is needed, and the plan of today's settings comes on top. What cannot be read is an error, and nothing goes then.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline_lib.evaluate.stage import SCORES
from pipeline_lib.ingest.stage import SPLIT
from pipeline_lib.ingest.stage import STAGE as INGEST
from pipeline_lib.keep.needs import with_needs
from pipeline_lib.past.made import MEASURED
from pipeline_lib.plan.basis import WAITING
from pipeline_lib.plan.closed import closed_records
from pipeline_lib.plan.data import DataPlan, plan_in_full
from pipeline_lib.plan.landings import PIN as LANDING
from pipeline_lib.plan.last import RECIPE, kept_of
from pipeline_lib.plan.night import plan_night
from pipeline_lib.plan.trunks import PIN as TRUNKS
from pipeline_lib.plan.trunks import trunks
from pipeline_lib.quantize.stage import VARIANT
from pipeline_lib.register.stage import GATE, VERSION
from pipeline_lib.register.standing import Standing
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.stage import LEARN
from pipeline_lib.train.stage import TRAIN

NIGHT = "what the next night reads"
BATCHES = "the batches, by the last rules"
VERSIONS = "versions in MLflow, and what trace asks of them"
TRAININGS = "the newest trainings"
DAY = 86_400.0
TOKENIZER_PIN = "tokenizer-"  # how the pins of tokenizers begin
FOUND_OUT = (TRUNKS, WAITING, LANDING)  # pins that nights do without where they are damaged

Marks = Mapping[Ref, str]  # of each artifact that stays the first reason for it


def marks_of(
    settings: Settings, workspace: Workspace, versions: Sequence[Standing], champions: Sequence[str], *, now: float
) -> Marks:
    """What stays at `now`, in Unix seconds. `champions`: models that the ledger names. Reads, and makes nothing.

    Raises what a plan of the night raises, and `DamagedArtifact` or `DataError` for what does not say what it needs.
    """
    store, full = workspace.store, plan_in_full(settings, workspace)
    models = [*(version.model for version in versions), *champions]
    newest = newest_trainings(store, settings.maintenance.keep_nights)
    named = {version.model for version in versions if version.aliases} | set(champions) | set(newest)
    superseded = _superseded(full) | {ref for ref, work in full.graph.items() if work.maker == SPLIT}
    groups = (
        (NIGHT, _of_the_night(settings, workspace, superseded)),
        (NIGHT, _pinned(workspace, models)),
        (NIGHT, with_needs(store, (model.ref for model in trunks(workspace)))),
        (NIGHT, _closed(workspace, full, now - settings.maintenance.keep_days * DAY)),
        (BATCHES, (ref for ref in _of_batches(workspace, full) if ref not in superseded)),
        (VERSIONS, _of_models(workspace, models, named)),
        (TRAININGS, _of_models(workspace, newest, named)),
    )
    marks: dict[Ref, str] = {}
    for reason, refs in groups:
        for ref in refs:
            marks.setdefault(ref, reason)
    return _where_they_lie(store, marks)


def _where_they_lie(store: Store, marks: Marks) -> Marks:
    """The same, but of token shards that lie among others that place alone: what is not there any more can be encoded
    again, and nobody asks for it but who makes a lost model again."""
    parts = {ref: part.joined for ref in marks if (part := store.held(ref)) is not None}
    apart = {ref: reason for ref, reason in marks.items() if ref not in parts}
    return {**{place: marks[ref] for ref, place in parts.items()}, **apart}


def newest_trainings(store: Store, count: int) -> list[str]:
    """The fingerprints of the newest models, the newest first."""
    return [model.fingerprint for model in sorted(store.list(TRAIN.name), key=lambda one: -one.created)[:count]]


def _of_the_night(settings: Settings, workspace: Workspace, superseded: Collection[Ref]) -> Iterator[Ref]:
    """All that a plan of tonight names: what stands, and what is made with what that is made from."""
    for shown in plan_night(settings, workspace).steps:
        step = shown.step
        yield from (work.ref for work in step.works if work.ref not in superseded)
        yield from (ref for work in step.works if work.ref in step.todo for ref in (work.ref, *work.needs))


def _pinned(workspace: Workspace, models: Iterable[str]) -> Iterator[Ref]:
    """What pins name, whatever they are, and what that needs."""
    in_use: set[Ref] | None = None
    for name, value in workspace.pinned(found_out=FOUND_OUT):
        refs = list(_refs_in(value))
        if name.startswith(TOKENIZER_PIN):
            if in_use is None:
                in_use = set(_tokenizers_in_use(workspace, models))
            made = _learned_from(workspace.store, refs)
            refs = [] if made and in_use.isdisjoint(made) else [*refs, *made]
        yield from with_needs(workspace.store, refs)


def _refs_in(value: Any) -> Iterator[Ref]:
    """The references anywhere in a JSON value."""
    if isinstance(value, list):
        yield from (ref for item in value for ref in _refs_in(item))
    elif isinstance(value, dict) and {"stage", "fingerprint"} <= value.keys():
        yield Ref(str(value["stage"]), str(value["fingerprint"]))
    elif isinstance(value, dict):
        yield from (ref for item in value.values() for ref in _refs_in(item))


def _tokenizers_in_use(workspace: Workspace, models: Iterable[str]) -> Iterator[Ref]:
    """That of the last night, and those of the models that stay."""
    yield from (kept.ref for kept in kept_of(workspace, "tokenize-tokenizer") if kept.maker == LEARN.name)
    for model in models:
        found = _manifest(workspace.store, Ref(TRAIN.stage, model))
        yield from [found.inputs["tokenizer"]] if found is not None else []


def _learned_from(store: Store, documents: Sequence[Ref]) -> list[Ref]:
    """The tokenizers that were learned from these lists."""
    found = []
    for tokenizer in store.list(LEARN.name):
        listed = _manifest(store, tokenizer.inputs["documents"])
        if listed is not None and list(listed.members) == list(documents):
            found.append(tokenizer.ref)
    return found


def _closed(workspace: Workspace, full: DataPlan, since: float) -> Iterator[Ref]:
    """The nodes that stand for all batches by the last rules, by today's, and by those of nights since then: where two
    sets of rules take turns, what is remembered of steps is by the last one alone."""
    yield from (node.ref for nodes in full.carried.carried.values() for node in nodes)
    current = {full.recipe, *workspace.last(RECIPE)}
    for kept in closed_records(workspace):
        if kept.recipe in current:
            yield from kept.nodes
        elif kept.seen >= since:
            yield from with_needs(workspace.store, kept.nodes)


def _of_batches(workspace: Workspace, full: DataPlan) -> Iterator[Ref]:
    """What was read, and what the last rules made of it; a landing only where a raw shard of its batch is gone."""
    store = workspace.store
    yield from full.graph
    batches = [*workspace.batches(), *full.found.given_up]
    yield from with_needs(store, (Ref(INGEST, batch.fingerprint) for batch in batches))
    yield from (Ref(INGEST, batch.fingerprint) for batch in workspace.given_up())
    for batch in batches:
        if batch.landing and not _is_read(store, Ref(INGEST, batch.fingerprint)):
            yield Ref(INGEST, batch.landing)
    for step in workspace.remembered():
        if not step.startswith(MEASURED) and step != RECIPE:
            yield from (kept.ref for kept in kept_of(workspace, step) if kept.maker != SPLIT.name)


def _is_read(store: Store, batch: Ref) -> bool:
    """Whether all that was read into a batch is whole."""
    found = _manifest(store, batch)
    return found is not None and all(store.is_present(ref) for ref in with_needs(store, [found.inputs["shards"]]))


def _superseded(full: DataPlan) -> set[Ref]:
    """Nodes that were merged into larger ones: nobody reads them any more, and they are made again from those below."""
    every = (node for board in full.boards for nodes in board.carried.values() for node in nodes)
    last = {node.ref for nodes in full.carried.carried.values() for node in nodes}
    return {node.ref for node in every if node.level} - last


def _of_models(workspace: Workspace, models: Sequence[str], named: set[str]) -> Iterator[Ref]:
    """The models with what they need and what was said of them; those `named` also with what they were measured by."""
    store, wanted = workspace.store, set(models)
    yield from with_needs(store, (Ref(TRAIN.stage, model) for model in models if model))
    said = [kept.ref for model in wanted for kept in kept_of(workspace, f"{MEASURED}{model}")]
    for maker in (VERSION.name, GATE.name, VARIANT.name):
        for found in store.list(maker):
            model = found.inputs["model"].fingerprint
            if model in wanted and (maker != VARIANT.name or model in named):
                said.append(found.ref)
                said += _lists_in(store, found)
    yield from said
    for ref in said:
        found_of = _manifest(store, ref) if ref.stage == SCORES.stage else None
        if found_of is not None and _model_of(store, found_of) in named and "benchmark" in found_of.inputs:
            yield found_of.inputs["benchmark"]


def _lists_in(store: Store, found: Manifest) -> Iterator[Ref]:
    """The scores that a version was registered with, or a gate has judged."""
    if "scores" in found.inputs:
        yield from with_needs(store, [found.inputs["scores"]])


def _model_of(store: Store, scores: Manifest) -> str:
    """The model that was measured: of a variant the one that it was made of."""
    made = scores.inputs.get("model")
    if made is not None and made.stage != TRAIN.stage:
        found = _manifest(store, made)
        made = found.inputs.get("model") if found is not None else None
    return made.fingerprint if made is not None else str(scores.settings.get("champion", ""))


def _manifest(store: Store, ref: Ref) -> Manifest | None:
    """The manifest of an artifact; None where there is none. Raises `DamagedArtifact` for one that is not whole."""
    is_there = store.path(ref.stage, ref.fingerprint).is_dir()
    return store.read(ref.stage, ref.fingerprint) if is_there else None
