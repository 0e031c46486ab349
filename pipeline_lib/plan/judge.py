"""The plan of the end of a night: the challenger becomes a version in MLflow, and the gate judges it.

Both are known by what is judged, not by the champion of the hour: a challenger is judged once. So a rollback stays a
rollback when the next night has nothing new.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline_lib.evaluate import stage as evaluate
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.models import ModelsPlan, TrainedOn, measure, scores_step
from pipeline_lib.quantize import stage as quantize
from pipeline_lib.register import stage as register
from pipeline_lib.register.card import FunnelRow, Lineage
from pipeline_lib.register.registry import FINGERPRINT_TAG, Version, opened, stands
from pipeline_lib.run.work import Step, Work, code_revision, sum_shards
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Outcome, fingerprint
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize import stage as tokenize
from pipeline_lib.train import stage as train
from pipeline_lib.train.job import SUMMARY_FILE


@dataclass(frozen=True)
class JudgePlan:
    """Registration and gate; and between them the champion, as far as it is known without asking MLflow."""

    register: Step
    champion: Step | None  # None: there is none, or nothing to judge
    gate: Step

    @property
    def stages(self) -> tuple[tuple[Step, ...], ...]:
        """The steps in the order in which they can be done."""
        return ((self.register,), (self.champion,) if self.champion else (), (self.gate,))


def plan_judge(settings: Settings, workspace: Workspace, data: DataPlan, models: ModelsPlan) -> JudgePlan:
    """Lay out registration and gate of tonight's challenger."""
    registered = _register_step(settings, workspace, data, models)
    gate = _gate_step(settings, models, registered)
    lost = _lost_version(settings, workspace, registered)
    registered, gate = (replace(step, whole=replace(step.whole, lost=lost)) for step in (registered, gate))
    condition = models.train.condition
    return JudgePlan(
        replace(registered, condition=condition),
        _foreseen_champion(settings, workspace, models, gate),
        replace(gate, condition=condition),
    )


def _lost_version(settings: Settings, workspace: Workspace, registered: Step) -> str:
    """Why a version that was registered has to be registered and judged again; "" if it stands."""
    found = registered.whole.condition(workspace.store)
    if not found.is_present or found.manifest is None:
        return ""
    name, number = str(found.manifest.facts["name"]), int(found.manifest.facts["version"])
    is_there = stands(register.registry_of(settings.register, workspace.root).place, name, number)
    return "" if is_there else f"lost: MLflow has no version {number} of {name}"


def _foreseen_champion(settings: Settings, workspace: Workspace, models: ModelsPlan, gate: Step) -> Step | None:
    """The measurement of the champion by the ledger of promotions; the night asks MLflow, which takes seconds."""
    if gate.whole.condition(workspace.store).is_present:
        return None
    registry = register.registry_of(settings.register, workspace.root)
    moves = [move for move in register.promotions(registry) if move.name == registry.name]
    if not moves or not stands(registry.place, registry.name, moves[-1].version):
        return None
    model = _registered_model(workspace.store, registry.name, moves[-1].version)
    challenger = models.train.whole.fingerprint
    if model is None or model == challenger:
        return None
    champion = Version(moves[-1].version, "", {FINGERPRINT_TAG: model})
    step = champion_step(settings, workspace, models.on, champion, challenger)
    return replace(step, condition=models.train.condition)


def _registered_model(store: Store, name: str, version: int) -> str | None:
    """The model artifact behind a version, by what registering it left behind."""
    for folder in sorted((store.root / register.STAGE).glob("[0-9a-f]*")):
        found = store.condition(register.STAGE, folder.name).manifest
        if found is not None and (found.facts.get("name"), found.facts.get("version")) == (name, version):
            return found.inputs[0]
    return None


def _register_step(settings: Settings, workspace: Workspace, data: DataPlan, models: ModelsPlan) -> Step:
    decisive = settings.register.model_dump(mode="json", include={"model_name", "experiment", "tracking_uri"})
    named = {
        "model": models.train.whole.fingerprint,
        "scores": models.evaluate.whole.fingerprint,
        "quantized": models.quantize.whole.fingerprint,
        "quantized_scores": models.evaluate_int8.whole.fingerprint,
    }
    inputs = tuple(named.values())
    make = partial(
        make_version,
        settings=settings,
        workspace=workspace.root,
        named=named,
        snapshot=data.tokens.snapshot.whole.fingerprint,
        tokenizer=data.tokens.tokenizer.whole.fingerprint,
        funnel=tuple((stage, tuple(s.whole.fingerprint for s in steps)) for stage, steps in data.funnel),
    )
    name = fingerprint(register.STAGE, register.VERSION, decisive, inputs)
    whole = Work(register.STAGE, register.VERSION, "batch", name, "version.v1", decisive, inputs, make, name="version")
    return Step(register.STAGE, "challenger", (), whole, runs_here=True)


def make_version(
    *,
    settings: Settings,
    workspace: Path,
    named: dict[str, str],
    snapshot: str,
    tokenizer: str,
    funnel: Sequence[tuple[str, Sequence[str]]],
    run_id: str | None = None,
    store: Store,
    folder: Path,
) -> Outcome:
    """Register the challenger."""
    model = store.open(train.STAGE, named["model"])
    quantized = store.open(quantize.STAGE, named["quantized"])
    inputs = register.RegisterInputs(
        model=model.path / "model",
        lineage=Lineage(
            model_fingerprint=named["model"],
            snapshot_digest=str(store.read(tokenize.STAGE, snapshot).facts["digest"]),
            tokenizer_fingerprint=tokenizer,
            code_revision=code_revision(),
        ),
        scores=store.open(evaluate.STAGE, named["scores"]).path,
        quantized=quantized.path,
        quantized_scores=store.open(evaluate.STAGE, named["quantized_scores"]).path,
        funnel=tuple(_funnel_row(stage, names, store) for stage, names in funnel),
        training=read_json(model.file(SUMMARY_FILE)),
        run_id=run_id,
    )
    return register.run(settings.register, inputs, workspace, folder)


def _funnel_row(stage: str, names: Sequence[str], store: Store) -> FunnelRow:
    total = sum_shards([store.read(stage, name) for name in names])
    return FunnelRow(stage, total.rows_in, total.rows_out, dict(total.dropped))


def _gate_step(settings: Settings, models: ModelsPlan, registered: Step) -> Step:
    decisive = {**settings.register.gate.model_dump(mode="json"), "kind": "gate"}
    scores, int8_scores = models.evaluate.whole.fingerprint, models.evaluate_int8.whole.fingerprint
    inputs = (registered.whole.fingerprint, scores, int8_scores)
    make = partial(
        make_gate,
        settings=settings,
        model=models.train.whole.fingerprint,
        scores=scores,
        int8_scores=int8_scores,
        champion_scores=None,
        champion_version=None,
    )
    name = fingerprint(register.STAGE, register.VERSION, decisive, inputs)
    whole = Work(register.STAGE, register.VERSION, "batch", name, "gate.v1", decisive, inputs, make, name="gate")
    return Step(register.STAGE, "gate", (), whole, runs_here=True)


def against_champion(gate: Step, scores: Step, version: Version) -> Step:
    """The gate with the champion of this hour to compare with."""
    make = partial(gate.whole.make, champion_scores=scores.whole.fingerprint, champion_version=version.number)
    return replace(gate, whole=replace(gate.whole, make=make))


def make_gate(
    *,
    settings: Settings,
    model: str,
    scores: str,
    int8_scores: str,
    champion_scores: str | None,
    champion_version: int | None,
    store: Store,
    folder: Path,
) -> Outcome:
    """Judge the challenger. The version it was judged against is kept: a promotion expects that one."""
    summary = read_json(store.open(train.STAGE, model, files=[SUMMARY_FILE]).file(SUMMARY_FILE))
    inputs = register.GateInputs(
        challenger=store.open(evaluate.STAGE, scores).path,
        champion=store.open(evaluate.STAGE, champion_scores).path if champion_scores else None,
        quantized=store.open(evaluate.STAGE, int8_scores).path,
        training=register.Training(summary["start_bits_per_byte"], summary["end_bits_per_byte"]),
    )
    outcome = register.run_gate(settings.register.gate, inputs, folder)
    judged_against = {"champion_version": champion_version, "champion_scores": champion_scores}
    return replace(outcome, facts={**outcome.facts, **judged_against})


def champion_step(settings: Settings, workspace: Workspace, on: TrainedOn, champion: Version, challenger: str) -> Step:
    """Measure the champion again: the registry's own files, on the same text and beside this challenger.

    Never remembered from its own night, and never from files beside the registry's.
    """
    make = partial(make_champion_scores, settings=settings, workspace=workspace.root, version=champion.number, on=on)
    inputs = (champion.model_fingerprint, challenger)
    return scores_step(settings.evaluate, "champion", "torch", on, inputs, make)


def make_champion_scores(
    *, settings: Settings, workspace: Path, version: int, on: TrainedOn, store: Store, folder: Path
) -> Outcome:
    """Measure a registered version."""
    with opened(register.registry_of(settings.register, workspace), version) as package:
        return measure(settings.evaluate, package / "model", "torch", on, store, folder)
