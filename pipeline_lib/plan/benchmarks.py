"""What models are judged on: a frozen benchmark, which grows until it is large enough, and the freshest text.

frozen          a generation of held-out documents; each night adds to it until it has `evaluate.max_documents`
frozen before   the generation until now, in the night in which there is a new one: models are scored on both
fresh           held-out documents of tonight's batches, and of those before them where these are few

A full generation has no place for what comes later. So when the freshest text of the nights before has a source or a
language of which it has nothing, the next night with new text draws another one, from all held-out documents there are.

state/pins/benchmarks.json   the frozen one, up to which batch it has drawn, the tables of the newest batches
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.works import benchmark_work
from pipeline_lib.model.records import FRESH, FROZEN
from pipeline_lib.plan.batches import tombstones_of
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
FROZEN_BEFORE = f"{FROZEN} before"
ENOUGH_DOCUMENTS = 8  # of a source or a language, to be judged on: as many as judge a first champion


@dataclass(frozen=True)
class BenchmarksPlan:
    """The benchmarks of a night, and what is pinned once they are there."""

    step: Step | None  # None: all of them are there
    refs: Mapping[str, Ref]
    graph: Graph
    pin: Pin
    note: str  # what a person should know of it; ""


def plan_benchmarks(settings: Settings, workspace: Workspace, data: DataPlan) -> BenchmarksPlan:
    """The benchmarks behind tonight's batches."""
    pinned = _pinned(workspace, data)
    tables = {board.label: board.wholes["shards"] for board in data.boards}
    new = [batch for batch in data.batches if batch.number > pinned.drawn_up_to and batch.name in tables]
    newcomers = _newcomers(settings, workspace.store, pinned) if new else ()
    offered = [tables[batch.name] for batch in new]
    frozen = _frozen(settings, workspace.store, data, replace(pinned, frozen=None) if newcomers else pinned, offered)
    added = tuple(offered) if pinned.frozen is not None else ()
    newest = _newest(workspace.store, pinned, added) if added else pinned.newest
    number = max([pinned.drawn_up_to, *(batch.number for batch in new)])
    fresh = benchmark_work(settings, FRESH, number, newest, None) if newest else None
    before = pinned.frozen if newcomers else None if new else pinned.before
    works = [work for work in (frozen, fresh) if isinstance(work, Work)]
    refs = {FROZEN: frozen.ref if isinstance(frozen, Work) else frozen} | ({FRESH: fresh.ref} if fresh else {})
    if before is not None and workspace.store.is_present(before):
        refs[FROZEN_BEFORE] = before
    graph = {work.ref: work for work in works}
    step = Step("evaluate", "benchmarks", (), tuple(works), works[0]) if works else None
    if step is not None:
        todo = wanted(graph, {**data.graph, **graph}, workspace.store)
        step = as_planned([step], todo)[0]
    generation = int(frozen.params["generation"]) if isinstance(frozen, Work) else pinned.generation
    pin = Pin(refs[FROZEN], generation, number, newest, before, (*pinned.renewed_for, *newcomers))
    return BenchmarksPlan(step, refs, graph, pin, _note(newcomers, generation))


def _newcomers(settings: Settings, store: Store, pinned: Pin) -> tuple[str, ...]:
    """The sources and languages of the freshest text of which a full frozen benchmark has nothing, each once."""
    frozen = None if pinned.frozen is None else manifest_of(store, pinned.frozen)
    fresh = manifest_of(store, benchmark_work(settings, FRESH, pinned.drawn_up_to, pinned.newest, None).ref)
    if frozen is None or fresh is None or frozen.rows_out < settings.of(EvaluateSettings).max_documents:
        return ()
    found = [
        f"{kind} {name}"
        for kind, facts in (("source", "sources"), ("language", "languages"))
        for name, count in fresh.facts[facts].items()
        if count >= ENOUGH_DOCUMENTS and name not in frozen.facts[facts]
    ]
    return tuple(name for name in found if name not in pinned.renewed_for)


def _note(newcomers: Sequence[str], generation: int) -> str:
    if not newcomers:
        return ""
    return f"benchmark frozen-{generation} is drawn for {', '.join(newcomers)}; tonight the one before is scored, too"


def _frozen(settings: Settings, store: Store, data: DataPlan, pinned: Pin, new: Sequence[Ref]) -> Work | Ref:
    """The frozen benchmark as it is, with what is new, or, where there is none, a generation from all there is."""
    if pinned.frozen is None or not store.is_present(pinned.frozen):
        return benchmark_work(settings, FROZEN, pinned.generation + 1, data.carried.before("shards"), None)
    is_full = num_documents(store, pinned.frozen) >= settings.of(EvaluateSettings).max_documents
    if not new or (is_full and not _withdraws(store, data, pinned.frozen)):
        return pinned.frozen
    return benchmark_work(settings, FROZEN, pinned.generation, tuple(new), pinned.frozen)


def _withdraws(store: Store, data: DataPlan, frozen: Ref) -> bool:
    """Whether a document that the benchmark holds leaves its source tonight."""
    leaving = tombstones_of(store, data.found.opened)
    return bool(leaving) and not leaving.isdisjoint(_documents_of(store, frozen))


def _documents_of(store: Store, benchmark: Ref) -> list[str]:
    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.store.tables import read_table

    path = store.path(benchmark.stage, benchmark.fingerprint) / DOCUMENTS_FILE
    ids: list[str] = read_table(path, columns=["document_id"])["document_id"].to_pylist()
    return ids


def _pinned(workspace: Workspace, data: DataPlan) -> Pin:
    """What is kept, without the tables of batches that are given up: nobody can make them again."""
    pinned = read_pin(workspace)
    if not data.found.given_up:
        return pinned
    known = [ref for ref in pinned.newest if ref in data.graph or workspace.store.is_present(ref)]
    return replace(pinned, newest=tuple(known))


def _newest(store: Store, pinned: Pin, added: tuple[Ref, ...]) -> tuple[Ref, ...]:
    """The tables of tonight's batches, and of as many before them as held enough documents.

    How many tonight's hold is not known when a night is planned, so they do not count: a plan says what is made then.
    """
    num_held_out, taken = 0, 0
    while taken < len(pinned.newest) and num_held_out < FRESH_DOCUMENTS:
        taken += 1
        found = manifest_of(store, pinned.newest[-taken])
        num_held_out += int(found.facts["num_held_out"]) if found else 0
    return (*pinned.newest[len(pinned.newest) - taken :], *added)[-MOST_FRESH_BATCHES:]
