"""The plan of the model half: train, evaluate, quantize, register, gate.

Two models a lineage: the trunk, never decayed, which goes on every night, and a decayed branch of it that is judged.
Which trunk to go on from follows from the batches alone: that of the trained model whose batches are the longest
beginning of tonight's, in the same lineage (tokenizer, architecture, and the settings that made the text). So other
cleaning rules start a new lineage from scratch, and the old rules set again find their old model.
No new text, no training: the model trained on these batches stands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.clean import stage as clean
from pipeline_lib.dedup import stage as dedup
from pipeline_lib.evaluate import stage as evaluate
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.quantize import stage as quantize
from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.run.work import Make, Step, Work
from pipeline_lib.scrub import stage as scrub
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store import schemas
from pipeline_lib.store.artifact import Manifest, Outcome, digest_of, fingerprint
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize import stage as tokenize
from pipeline_lib.train import stage as train

Backend = Literal["torch", "onnx_fp32", "onnx_int8"]

ARCHITECTURE = {
    "architecture",
    "hidden_size",
    "num_layers",
    "num_heads",
    "num_kv_heads",
    "intermediate_size",
    "optimizer",
}


@dataclass(frozen=True)
class TrainedOn:
    """What a training takes: token shards that are new to its lineage, those to replay, the trunk to go on from."""

    new: tuple[str, ...]
    replay: tuple[str, ...]
    trunk: str | None  # fingerprint of the train artifact that holds it
    batches: tuple[str, ...]  # fingerprints of the ingest batches behind all of that, oldest first
    heldout: tuple[str, ...]  # token shards whose held-out documents it is judged on


@dataclass(frozen=True)
class ModelsPlan:
    """The model half of a night up to the measured challenger."""

    train: Step
    evaluate: Step
    quantize: Step
    evaluate_int8: Step
    on: TrainedOn

    @property
    def stages(self) -> tuple[tuple[Step, ...], ...]:
        """The steps in the order in which they can be done."""
        return ((self.train,), (self.evaluate,), (self.quantize,), (self.evaluate_int8,))


def plan_models(settings: Settings, workspace: Workspace, data: DataPlan) -> ModelsPlan:
    """Lay out training and measuring for tonight's snapshot. Raises `DataError` when there is no text to train on.

    Batches that are not tokenized yet count as having text: the plan says so, and the night looks again.
    """
    store = workspace.store
    lineage = _lineage(settings, data)
    batches = _batches_with_text(data, store)
    if not batches:
        raise DataError(
            "train: no document of any batch is left to train on. Look at the funnel (nightshift status) and at a "
            "document (nightshift why), then correct [ingest] or [clean]."
        )
    earlier = _trained(store, lineage)
    on = _trained_on(batches, data, earlier)
    same = _same(settings, earlier, on.batches)
    if same is not None:
        on, step = _recorded(same, data, store) or on, _finished(same)
    else:
        step = _train_step(settings, data, on, lineage)
    model = step.whole.fingerprint
    score = partial(_evaluate_step, settings.evaluate, on)
    quantized = _quantize_step(settings.quantize, model, on.heldout)
    scored = score("challenger", train.STAGE, model, "torch")
    scored_int8 = score("challenger-int8", quantize.STAGE, quantized.whole.fingerprint, "onnx_int8")
    condition = _condition(settings, earlier, batches, store)
    return ModelsPlan(
        train=replace(step, condition=condition),
        evaluate=replace(scored, condition=condition),
        quantize=replace(quantized, condition=condition),
        evaluate_int8=replace(scored_int8, condition=condition),
        on=on,
    )


def _lineage(settings: Settings, data: DataPlan) -> str:
    """What models must have in common to go on from each other: text rules, tokenizer, architecture."""
    text = {
        "clean": [clean.VERSION, settings.clean.model_dump(mode="json")],
        "dedup": [dedup.VERSION, settings.dedup.model_dump(mode="json")],
        "scrub": [scrub.VERSION, settings.scrub.model_dump(mode="json"), data.documents.key_id],
        "tokenize": [tokenize.VERSION, settings.tokenize.model_dump(mode="json")],
    }
    shape = settings.train.model_dump(mode="json", include=ARCHITECTURE)
    return digest_of({"text": text, "shape": shape, "tokenizer": data.tokens.tokenizer.whole.fingerprint})


def _batches_with_text(data: DataPlan, store: Store) -> list[tuple[str, Step]]:
    """(ingest batch, its token step) for batches that have training rows, as far as that is known."""
    found = []
    for batch, step in zip(data.documents.batches, data.tokens.tokens, strict=True):
        known = _tokenized(step, store)
        if step.shards and (known is None or known.facts.get("num_train_rows", 0) > 0):
            found.append((batch.fingerprint, step))
    return found


def _tokenized(step: Step, store: Store) -> Manifest | None:
    return store.condition(step.whole.stage, step.whole.fingerprint).manifest


def _condition(
    settings: Settings, earlier: Sequence[Manifest], batches: Sequence[tuple[str, Step]], store: Store
) -> str:
    """What plan says when a model that is there may turn out to stand: if no text of the unknown batches is left."""
    certain = [name for name, step in batches if _tokenized(step, store) is not None]
    may_stand = len(certain) < len(batches) and _same(settings, earlier, certain) is not None
    return "unless nothing new survives" if may_stand else ""


def _trained(store: Store, lineage: str) -> list[Manifest]:
    """All whole models of a lineage."""
    manifests = []
    for folder in sorted((store.root / train.STAGE).glob("[0-9a-f]*")):
        found = store.condition(train.STAGE, folder.name)
        if found.is_present and found.manifest is not None and found.manifest.settings.get("lineage") == lineage:
            manifests.append(found.manifest)
    return manifests


def _trained_on(batches: Sequence[tuple[str, Step]], data: DataPlan, earlier: Sequence[Manifest]) -> TrainedOn:
    """Go on from the model whose batches are the longest beginning of tonight's; replay those, learn the rest."""
    names = [name for name, _ in batches]
    beginnings = [m for m in earlier if _is_beginning(m.settings["batches"], names)]
    parent = max(beginnings, key=lambda m: (len(m.settings["batches"]), m.fingerprint), default=None)
    known = set(parent.settings["batches"]) if parent else set()
    shards = {name: tuple(work.fingerprint for work in step.shards) for name, step in batches}
    return TrainedOn(
        new=tuple(shard for name in names if name not in known for shard in shards[name]),
        replay=tuple(shard for name in names if name in known for shard in shards[name]),
        trunk=parent.fingerprint if parent else None,
        batches=tuple(names),
        heldout=data.tokens.heldout_shards,
    )


def _is_beginning(shorter: Sequence[str], longer: Sequence[str]) -> bool:
    return len(shorter) < len(longer) and list(longer[: len(shorter)]) == list(shorter)


def _same(settings: Settings, earlier: Sequence[Manifest], batches: Sequence[str]) -> Manifest | None:
    """The model that was trained on these very batches with these settings, if there is one.

    Its token shards may have other fingerprints by now: a withdrawn document alone is no reason to train.
    """
    own = settings.train.model_dump(mode="json")
    for manifest in earlier:
        is_same = manifest.settings["batches"] == list(batches) and manifest.settings["train"] == own
        if is_same and manifest.version == train.VERSION:
            return manifest
    return None


def _recorded(model: Manifest, data: DataPlan, store: Store) -> TrainedOn | None:
    """What a finished model was trained on; None when some of that was replaced since and is not there any more."""
    recorded = model.settings["on"]
    tonight = {work.fingerprint for step in data.tokens.tokens for work in step.shards}
    replaced = {*recorded["new"], *recorded["replay"], *recorded["heldout"]} - tonight
    if not all(store.condition(tokenize.STAGE, name).is_present for name in replaced):
        return None
    return TrainedOn(
        new=tuple(recorded["new"]),
        replay=tuple(recorded["replay"]),
        trunk=recorded["trunk"],
        batches=tuple(model.settings["batches"]),
        heldout=tuple(recorded["heldout"]),
    )


def _finished(model: Manifest) -> Step:
    """The step of a model that is there."""
    whole = Work(
        train.STAGE,
        model.version,
        "batch",
        model.fingerprint,
        model.schema,
        model.settings,
        model.inputs,
        make_nothing,
        name="model",
    )
    return Step(train.STAGE, "model", (), whole, runs_here=True)


def make_nothing(*, store: Store, folder: Path, **_late: Any) -> Outcome:
    """Never called: the model was there when the plan was made."""
    raise DamagedArtifact("a trained model vanished while the night ran. Run the same command again.")


def _train_step(settings: Settings, data: DataPlan, on: TrainedOn, lineage: str) -> Step:
    decisive = {
        "train": settings.train.model_dump(mode="json"),
        "lineage": lineage,
        "batches": list(on.batches),
        "on": {"new": list(on.new), "replay": list(on.replay), "trunk": on.trunk, "heldout": list(on.heldout)},
    }
    tokenizer = data.tokens.tokenizer.whole.fingerprint
    inputs = (tokenizer, *on.new, *on.replay, *on.heldout, *([on.trunk] if on.trunk else []))
    whole = Work(
        train.STAGE,
        train.VERSION,
        "batch",
        fingerprint(train.STAGE, train.VERSION, decisive, inputs),
        "model.v1",
        decisive,
        inputs,
        partial(make_model, settings=settings, on=on, tokenizer=tokenizer),
        name="model",
    )
    return Step(train.STAGE, "model", (), whole, runs_here=True)


def make_model(
    *,
    settings: Settings,
    on: TrainedOn,
    tokenizer: str,
    work_folder: Path,
    on_progress: Callable[[train.Progress], None],
    store: Store,
    folder: Path,
) -> Outcome:
    """Train, in a process of its own. `work_folder` holds the checkpoints and survives a kill."""
    trunk = store.open(train.STAGE, on.trunk).path / "trunk" if on.trunk else None
    inputs = train.TrainInputs(
        new_rows=tuple(_rows(store, name) for name in on.new),
        replay_rows=tuple(_rows(store, name) for name in on.replay),
        tokenizer=store.open(tokenize.STAGE, tokenizer).path,
        trunk=trunk,
        heldout=tuple(_heldout(store, name) for name in on.heldout),
    )
    deadline_seconds = settings.resources.train_deadline_minutes * 60
    return train.run(
        settings.train, inputs, work_folder, folder, deadline_seconds=deadline_seconds, on_progress=on_progress
    )


def _rows(store: Store, name: str) -> Path:
    return store.open(tokenize.STAGE, name, files=[schemas.TOKENS_FILE]).file(schemas.TOKENS_FILE)


def _heldout(store: Store, name: str) -> Path:
    return store.open(tokenize.STAGE, name, files=[schemas.HELDOUT_FILE]).file(schemas.HELDOUT_FILE)


def _evaluate_step(
    settings: EvaluateSettings, on: TrainedOn, label: str, stage: str, model: str, backend: Backend
) -> Step:
    make = partial(make_scores, settings=settings, stage=stage, model=model, backend=backend, on=on)
    return scores_step(settings, label, backend, on, (model,), make)


def scores_step(
    settings: EvaluateSettings, label: str, backend: Backend, on: TrainedOn, models: tuple[str, ...], make: Make
) -> Step:
    """A step that measures a model on the held-out documents of `on`."""
    decisive = {**settings.model_dump(mode="json"), "backend": backend}
    inputs = (*models, *on.heldout, *on.new, *on.replay)
    name = fingerprint(evaluate.STAGE, evaluate.VERSION, decisive, inputs)
    whole = Work(evaluate.STAGE, evaluate.VERSION, "batch", name, "scores.v1", decisive, inputs, make, name="scores")
    return Step(evaluate.STAGE, label, (), whole)


def make_scores(
    *,
    settings: EvaluateSettings,
    stage: str,
    model: str,
    backend: Backend,
    on: TrainedOn,
    store: Store,
    folder: Path,
) -> Outcome:
    """Measure a model of this workspace."""
    path = store.open(stage, model).path
    return measure(settings, path / "model" if stage == train.STAGE else path, backend, on, store, folder)


def measure(
    settings: EvaluateSettings, model: Path, backend: Backend, on: TrainedOn, store: Store, folder: Path
) -> Outcome:
    """Measure the model in a folder on the held-out documents of `on`."""
    inputs = evaluate.EvaluateInputs(
        model=model,
        backend=backend,
        heldout=tuple(_heldout(store, name) for name in on.heldout),
        train_rows=tuple(_rows(store, name) for name in (*on.new, *on.replay)),
    )
    return evaluate.run(settings, inputs, folder)


def _quantize_step(settings: QuantizeSettings, model: str, heldout: Sequence[str]) -> Step:
    decisive = settings.model_dump(mode="json")
    inputs = (model, *heldout)
    name = fingerprint(quantize.STAGE, quantize.VERSION, decisive, inputs)
    make = partial(make_quantized, settings=settings, model=model, heldout=heldout)
    whole = Work(
        quantize.STAGE, quantize.VERSION, "batch", name, "quantized.v1", decisive, inputs, make, name="int8 model"
    )
    return Step(quantize.STAGE, "challenger", (), whole)


def make_quantized(
    *, settings: QuantizeSettings, model: str, heldout: Sequence[str], store: Store, folder: Path
) -> Outcome:
    """Make the int8 variant."""
    documents = [_heldout(store, name) for name in heldout]
    return quantize.run(settings, store.open(train.STAGE, model).path / "model", documents, folder)
