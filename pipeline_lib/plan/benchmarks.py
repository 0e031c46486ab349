"""What models are judged on: a frozen benchmark, which grows until it is large enough, and the freshest text.

frozen   a generation of held-out documents; each night adds to it until it has `evaluate.max_documents`
fresh    held-out documents of the newest batches, as many of them as give `FRESH_DOCUMENTS`

state/pins/benchmarks.json   the frozen one, up to which batch it has drawn, the tables of the newest batches
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.works import benchmark_work
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.sides import Pin, num_documents, read_pin
from pipeline_lib.run.execute import Graph, as_planned, wanted
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace

FRESH_DOCUMENTS = 20
MOST_FRESH_BATCHES = 16
FROZEN, FRESH = "frozen", "fresh"


@dataclass(frozen=True)
class BenchmarksPlan:
    """The benchmarks of a night, and what is pinned once they are there."""

    step: Step | None  # None: all of them are there
    refs: Mapping[str, Ref]
    graph: Graph
    pin: Pin


def plan_benchmarks(settings: Settings, workspace: Workspace, data: DataPlan) -> BenchmarksPlan:
    """The benchmarks behind tonight's batches."""
    pinned = read_pin(workspace)
    tables = {board.label: board.wholes["shards"] for board in data.boards}
    new = [batch for batch in data.batches if batch.number > pinned.drawn_up_to and batch.name in tables]
    frozen = _frozen(settings, workspace.store, data, pinned, [tables[batch.name] for batch in new])
    # What a new frozen benchmark drew from is not fresh beside it.
    newest = (
        () if pinned.frozen is None else (*pinned.newest, *(tables[batch.name] for batch in new))[-MOST_FRESH_BATCHES:]
    )
    fresh = _fresh(settings, workspace.store, newest) if pinned.frozen is not None else None
    works = [work for work in (frozen, fresh) if isinstance(work, Work)]
    refs = {FROZEN: frozen.ref if isinstance(frozen, Work) else frozen} | ({FRESH: fresh.ref} if fresh else {})
    graph = {work.ref: work for work in works}
    step = Step("evaluate", "benchmarks", (), tuple(works), works[0]) if works else None
    if step is not None:
        todo = wanted(graph, {**data.graph, **graph}, workspace.store)
        step = as_planned([step], todo)[0]
    number = max([pinned.drawn_up_to, *(batch.number for batch in new)])
    generation = int(frozen.params["generation"]) if isinstance(frozen, Work) else pinned.generation
    return BenchmarksPlan(step, refs, graph, Pin(refs[FROZEN], generation, number, newest))


def _frozen(settings: Settings, store: Store, data: DataPlan, pinned: Pin, new: Sequence[Ref]) -> Work | Ref:
    """The frozen benchmark as it is, with what is new, or, where it is lost, another generation from all there is."""
    if pinned.frozen is None or not store.is_present(pinned.frozen):
        return benchmark_work(settings, FROZEN, pinned.generation + 1, data.carried.before("shards"), None)
    if not new or num_documents(store, pinned.frozen) >= settings.of(EvaluateSettings).max_documents:
        return pinned.frozen
    return benchmark_work(settings, FROZEN, pinned.generation, tuple(new), pinned.frozen)


def _fresh(settings: Settings, store: Store, newest: Sequence[Ref]) -> Work | None:
    """The held-out documents of as few of the newest batches as give enough of them."""
    num_held_out, taken = 0.0, 0
    while taken < len(newest) and num_held_out < FRESH_DOCUMENTS:
        taken += 1
        found = manifest_of(store, newest[-taken])
        num_held_out += float(found.facts["num_held_out"]) if found else FRESH_DOCUMENTS
    return benchmark_work(settings, FRESH, 1, tuple(newest[len(newest) - taken :]), None) if taken else None
