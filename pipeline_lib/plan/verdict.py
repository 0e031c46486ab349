"""The plan of the end of a night: the challenger becomes a version in MLflow, and the gate judges it.

Both are known by what is judged, not by the champion of the hour: a challenger is judged once. So a rollback stays a
rollback when the next night has nothing new. The champion is measured again on the same benchmarks: the registry's own
files, never files beside them, never remembered from its own night.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.stage import SCORES, score_model
from pipeline_lib.model.records import CHAMPION
from pipeline_lib.plan.best import former_champions
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.models import ModelsPlan
from pipeline_lib.plan.registered import champion_of, model_of
from pipeline_lib.register.glance import stands
from pipeline_lib.register.opened import opened_champion
from pipeline_lib.register.registry import FINGERPRINT_TAG, Registry, Version
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import EARLIER, FUNNEL_FILE, IN_SERVICE, registry_of
from pipeline_lib.register.works import gate_work, version_work
from pipeline_lib.run.execute import Graph, as_planned, wanted
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.lists import list_works, lists_work, sum_of
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.files import write_json
from pipeline_lib.store.workspace import Workspace


@dataclass(frozen=True)
class VerdictPlan:
    """Registration and gate; and between them the champion, as far as it is known without asking MLflow."""

    register: Step
    champion: Step | None  # None: there is none, or nothing to judge
    gate: Step
    graph: Graph

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in the order in which they can be done."""
        return (self.register, *((self.champion,) if self.champion else ()), self.gate)


def plan_verdict(settings: Settings, workspace: Workspace, data: DataPlan, models: ModelsPlan) -> VerdictPlan:
    """Lay out registration and gate of tonight's challenger."""
    funnel, registry = _funnel_works(data), _registry(settings, workspace)
    version = version_work(
        settings,
        model=models.model,
        scores=models.scores.ref,
        variants=models.variants,
        tokenizer=models.tokenizer,
        snapshot=_snapshot(workspace, data, models),
        funnel=funnel[-1].ref,
    )
    gate = gate_work(
        settings, version=version.ref, model=models.model, scores=models.scores.ref, schemes=tuple(models.variants)
    )
    lost = _lost_version(settings, workspace, version)
    version, gate = replace(version, lost=lost), replace(gate, lost=lost)
    register = Step("register", "challenger", (), (*funnel, version), version)
    judged = _against_earlier(Step("register", "gate", (), (gate,), gate), former_champions(workspace, registry))
    graph = {work.ref: work for step in (register, judged) for work in step.works}
    todo = wanted([version.ref, gate.ref], {**data.graph, **models.graph, **graph}, workspace.store)
    condition = models.train.condition
    planned = [replace(step, condition=condition) for step in as_planned((register, judged), todo)]
    champion = _foreseen_champion(settings, workspace, models) if planned[1].todo else None
    return VerdictPlan(planned[0], champion, planned[1], graph)


def _snapshot(workspace: Workspace, data: DataPlan, models: ModelsPlan) -> Ref | None:
    """What the challenger was trained with; None where it is gone for good."""
    own = models.train.whole.inputs["snapshot"]
    return own if own in data.graph or workspace.store.is_present(own) else None


def _funnel_works(data: DataPlan) -> tuple[Work, ...]:
    """Where the documents of all batches came in and went, stage by stage."""
    lists, inputs = [], {}
    for stage, nodes in data.sums.items():
        if len(nodes) > 1:
            lists.append(lists_work("register", nodes))
        inputs[stage] = lists[-1].ref if len(nodes) > 1 else nodes[0]
    return (*lists, Work(FUNNEL, inputs=inputs, name="funnel"))


def make_funnel(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """The sums of each stage, as rows of a model card."""
    rows = []
    for stage in inputs.named:
        total = sum_of([inputs.manifest(stage)])
        rows.append(
            {
                "stage": stage,
                "documents_in": total.rows_in,
                "documents_out": total.rows_out,
                "dropped": dict(total.dropped),
            }
        )
    write_json(folder / FUNNEL_FILE, rows)
    return Outcome(len(rows), len(rows))


def _lost_version(settings: Settings, workspace: Workspace, version: Work) -> str:
    """Why a version that was registered has to be registered and judged again; "" if it stands."""
    found = workspace.store.condition(version.ref)
    if not found.is_present or found.manifest is None:
        return ""
    name, number = str(found.manifest.facts["name"]), int(found.manifest.facts["version"])
    is_there = stands(_registry(settings, workspace).place, name, number)
    return "" if is_there else f"lost: MLflow has no version {number} of {name}"


def _foreseen_champion(settings: Settings, workspace: Workspace, models: ModelsPlan) -> Step | None:
    """The measurement of the champion, as far as that shows without MLflow; the night asks it, which takes seconds."""
    registry = _registry(settings, workspace)
    version = champion_of(registry)
    if version is None or not stands(registry.place, registry.name, version):
        return None
    step = recorded_champion(settings, workspace, models, version)
    return None if step is None else replace(step, condition=models.train.condition)


def recorded_champion(settings: Settings, workspace: Workspace, models: ModelsPlan, version: int) -> Step | None:
    """The measurement of a registered version, without asking MLflow; None where it is the challenger itself."""
    model = model_of(workspace.store, _registry(settings, workspace), version)
    if model is None or model == models.model.fingerprint:
        return None
    return champion_step(settings, models, Version(version, "", {FINGERPRINT_TAG: model}))


def champion_step(settings: Settings, models: ModelsPlan, champion: Version) -> Step:
    """The champion measured on the benchmarks of this challenger. Without a base line: nobody asks it for one, and the
    token counts at hand are those of the challenger, whose tokenizer may be another."""
    own = settings.of(RegisterSettings)
    seen = settings.of(EvaluateSettings).only(SCORES.reads)
    params = {
        "candidate": CHAMPION,
        "backend": "torch",
        "version": champion.number,
        "champion": champion.model_fingerprint,
        "beside": models.model.fingerprint,  # measured anew beside each challenger
        "model_name": own.model_name,
        "tracking_uri": own.tracking_uri,
    }
    works = tuple(
        Work(CHAMPION_SCORES, seen, {"benchmark": texts}, params, name=f"champion on {name}")
        for name, texts in models.basis.in_order
    )
    lists = list_works("evaluate", [work.ref for work in works], name="scores of the champion")
    step = Step("evaluate", "champion", (), (*works, *lists), works[0])
    return replace(step, todo=frozenset(work.ref for work in step.works))


def against_champion(gate: Step, champion: Step) -> Step:
    """The gate with the champion of this hour to compare with."""
    return _beside(gate, "champion", champion.wholes[-1].ref)


def of_the_champion(gate: Step) -> Step:
    """The gate of the very model that is in service: nobody to compare it with."""
    return _beside(gate, IN_SERVICE, gate.whole.inputs["model"])


def _against_earlier(gate: Step, scores: Sequence[Ref]) -> Step:
    """The gate with former champions to compare with, too."""
    if not scores:
        return gate
    lists = list_works("register", scores, name="scores of former champions")
    with_them = _beside(gate, EARLIER, lists[-1].ref)
    return replace(with_them, wholes=(*lists, with_them.whole))


def _beside(gate: Step, name: str, ref: Ref) -> Step:
    work = replace(gate.whole, beside={**gate.whole.beside, name: ref})
    return replace(gate, wholes=(*gate.wholes[:-1], work), whole=work)


def make_champion_scores(settings: EvaluateSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Measure a registered version."""
    named = {name: inputs.params[name] for name in ("model_name", "tracking_uri")}
    registry = registry_of(RegisterSettings(**named), inputs.workspace)
    with opened_champion(registry, inputs.params["version"]) as package:
        return score_model(settings, package.folder / "model", inputs, folder)


def _registry(settings: Settings, workspace: Workspace) -> Registry:
    return registry_of(settings.of(RegisterSettings), workspace.root)


FUNNEL = Maker("register.funnel", 1, "funnel.v1", make_funnel, is_light=True)
CHAMPION_SCORES = Maker("evaluate.champion", 4, "scores.v1", make_champion_scores, reads=SCORES.reads)
