"""The plan of the model half: train, then candidates x benchmarks: the challenger and its variants, each measured.

Two models a line: the trunk, never decayed, which goes on every night, and a decayed branch of it that is judged.
A night trains on text that the trunk has not read, oldest first. Which trunk it goes on from is said by `parents.py`.
Where nothing is unread, or `train.budget_minutes` is 0, the newest model stands. A model whose night did not come to
its verdict is judged first. A model that was judged last and is damaged is made again first (lost.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline_lib.base.errors import DataError
from pipeline_lib.evaluate.works import scores_work
from pipeline_lib.model.records import CHALLENGER, FROZEN
from pipeline_lib.plan.basis import Basis, basis_in, begun_in
from pipeline_lib.plan.benchmarks import BenchmarksPlan
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.lost import lost_for_good, lost_trainings
from pipeline_lib.plan.parents import Line, line_of
from pipeline_lib.quantize.works import variant_works
from pipeline_lib.run.execute import Graph, as_planned, wanted
from pipeline_lib.run.lists import list_works
from pipeline_lib.run.maker import Work, recorded
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.works import train_work


@dataclass(frozen=True)
class ModelsPlan:
    """The model half of a night up to the measured challenger and its variants."""

    train: Step
    evaluate: tuple[Step, ...]  # a step a candidate, the challenger first
    quantize: tuple[Step, ...]  # a step a scheme
    scores: Work  # the list of all of them
    variants: Mapping[str, Ref]  # by scheme
    basis: Basis
    graph: Graph
    notes: tuple[str, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in the order in which they can be done."""
        return (self.train, *self.evaluate[:1], *self.quantize, *self.evaluate[1:])

    @property
    def model(self) -> Ref:
        """The challenger."""
        return self.train.whole.ref

    @property
    def tokenizer(self) -> Ref:
        """The one that the challenger was trained with."""
        return self.train.whole.inputs["tokenizer"]


def plan_models(
    settings: Settings,
    workspace: Workspace,
    data: DataPlan,
    benchmarks: BenchmarksPlan,
    *,
    verdict_first: bool = True,
) -> ModelsPlan | None:
    """Lay out training and measuring for tonight's snapshot. None when there is no model and none is to be made
    (`untrained` says why).

    `verdict_first`: a model that has no verdict yet stands, and nothing is trained; else a training goes on from it.
    Raises `DataError` when there is no text to train on.
    """
    if not data.batches:
        raise DataError(
            "train: there is no batch to train on. Look at the funnel (nightshift status) and at a document "
            "(nightshift why), then correct [ingest] or [clean]."
        )
    waiting = _waiting(workspace) if verdict_first else None
    lost = lost_trainings(settings, workspace, data, benchmark=benchmarks.refs[FROZEN])
    if not lost:
        line = line_of(settings, workspace, data)
        line = replace(line, notes=(*line.notes, *_without(lost_for_good(workspace))))
        train = _train(settings, workspace, data, benchmarks, line, waiting)
    else:
        named = (work.fingerprint[:8] for work in lost)
        line = Line(None, True, {}, tuple(f"training {name}, which is lost, is done again as it was" for name in named))
        train = Step("train", "model", (), tuple(lost), lost[-1])
    if train is None:
        return None
    before = _basis_before(workspace, train)
    tonight = Basis(train.whole.ref, benchmarks.refs, _counts(train.whole, data, workspace.store))
    plan = _laid_out(settings, workspace, data, benchmarks, train, before or tonight, line)
    if before is not None and _is_lost(before, plan, {**data.graph, **benchmarks.graph}, workspace.store):
        plan = _laid_out(settings, workspace, data, benchmarks, train, tonight, line)
    return plan if plan.train.todo else replace(plan, notes=_untouched(plan, line, waiting))


def _waiting(workspace: Workspace) -> Ref | None:
    """The model that has no verdict yet, if it is there."""
    begun = begun_in(workspace)
    return begun if begun is not None and workspace.store.is_present(begun) else None


def _untouched(plan: ModelsPlan, line: Line, waiting: Ref | None) -> tuple[str, ...]:
    """Why nothing is trained."""
    name = plan.model.fingerprint[:8]
    if waiting is not None:
        return (f"model {name} has no verdict yet: it is judged first, and the next night goes on from it",)
    if plan.train.whole.is_recorded:
        return line.notes
    return (f"model {name} is what these settings make: nothing is trained",)


def _without(lost: Sequence[Ref]) -> list[str]:
    """A word about the trunks that a night has to do without."""
    named = ", ".join(ref.fingerprint[:8] for ref in lost)
    return [f"of training {named} too much is lost to do it again: nothing goes on from it"] if lost else []


def _is_lost(basis: Basis, plan: ModelsPlan, others: Graph, store: Store) -> bool:
    """Whether something is to be made of a benchmark or snapshot that is gone, and that nobody makes again."""
    refs = (*basis.benchmarks.values(), basis.snapshot)
    gone = {ref for ref in refs if ref not in others and not store.is_present(ref)}
    todo = [ref for step in plan.steps for ref in step.todo]
    return any(not gone.isdisjoint(plan.graph[ref].needs) for ref in todo)


def _counts(train: Work, data: DataPlan, store: Store) -> Ref:
    """The snapshot that a model was trained with, which may be older than tonight's.

    Where it is gone for good, tonight's stands in for it, if its tokens are those of the same tokenizer.
    """
    own, tonight = train.inputs["snapshot"], data.snapshot.whole
    is_there = own in data.graph or store.is_present(own)
    return own if is_there or tonight.inputs["tokenizer"] != train.inputs["tokenizer"] else tonight.ref


def _laid_out(
    settings: Settings,
    workspace: Workspace,
    data: DataPlan,
    benchmarks: BenchmarksPlan,
    train: Step,
    basis: Basis,
    line: Line,
) -> ModelsPlan:
    """All works of the model half, for a training and what its model is judged on."""
    model, counts = basis.model, basis.snapshot
    variants = variant_works(settings, model, basis.benchmarks[FROZEN])
    rows = {CHALLENGER: (model, "torch")} | {name: (work.ref, backend) for name, (work, backend) in variants.items()}
    evaluate = [
        _scored(
            candidate,
            [scores_work(settings, candidate, backend, benchmark, made, counts) for benchmark in basis.in_order],
        )
        for candidate, (made, backend) in rows.items()
    ]
    scores = list_works("evaluate", [work.ref for step in evaluate for work in step.wholes], name="scores")
    evaluate[-1] = replace(evaluate[-1], wholes=(*evaluate[-1].wholes, *scores))
    quantize = [Step("quantize", name, (), (work,), work) for name, (work, _) in variants.items()]
    graph = {work.ref: work for step in (train, *evaluate, *quantize) for work in step.works}
    # A night shows each of the scores: the list of them alone does not do.
    targets = [model, *(work.ref for step in evaluate for work in step.wholes)]
    todo = wanted(targets, {**data.graph, **benchmarks.graph, **graph}, workspace.store)
    condition = _condition(workspace, data)
    planned = [replace(step, condition=condition) for step in as_planned((train, *evaluate, *quantize), todo)]
    return ModelsPlan(
        train=planned[0],
        evaluate=tuple(planned[1 : 1 + len(evaluate)]),
        quantize=tuple(planned[1 + len(evaluate) :]),
        scores=scores[-1],
        variants={name: work.ref for name, (work, _) in variants.items()},
        basis=basis,
        graph=graph,
        notes=line.notes,
    )


def untrained(settings: Settings) -> str:
    """Why there is no model, and none is to be made."""
    if settings.of(TrainSettings).budget_minutes == 0:
        return "train.budget_minutes is 0 and there is no model of this tokenizer and shape yet"
    return "no document was kept that could be trained on, and there is no model of this tokenizer and shape yet"


def _basis_before(workspace: Workspace, train: Step) -> Basis | None:
    """On what the model was judged, if it is the one that stands."""
    last = basis_in(workspace)
    return last if last is not None and last.model == train.whole.ref else None


def _scored(candidate: str, works: list[Work]) -> Step:
    """All scores of one candidate; those on the frozen benchmark, which decides, stand for the step."""
    return Step("evaluate", candidate, (), tuple(works), works[0])


def _train(
    settings: Settings,
    workspace: Workspace,
    data: DataPlan,
    benchmarks: BenchmarksPlan,
    line: Line,
    waiting: Ref | None,
) -> Step | None:
    """The training of tonight, or the model that stands."""
    standing = waiting
    if standing is None and not line.has_unread and line.parent is not None:
        standing = line.parent.ref
    if standing is not None:
        work = recorded(workspace.store.read(standing.stage, standing.fingerprint))
    elif line.parent is None and (settings.of(TrainSettings).budget_minutes == 0 or not line.has_unread):
        return None
    elif settings.of(TrainSettings).budget_minutes == 0 and line.parent is not None:
        work = recorded(line.parent)
    else:
        parent = None if line.parent is None else line.parent.ref
        work = train_work(
            settings,
            snapshot=data.snapshot.whole.ref,
            tokenizer=data.tokenizer.ref,
            trunk=parent,
            benchmark=benchmarks.refs[FROZEN],
            params=line.params,
        )
    return Step("train", "model", (), (work,), work)


def _condition(workspace: Workspace, data: DataPlan) -> str:
    """What plan says when a model that is there may turn out to stand: if no text of the new batches is left."""
    is_known = manifest_of(workspace.store, data.snapshot.whole.ref) is not None
    return "" if is_known else "unless nothing new survives"
