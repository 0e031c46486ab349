"""What models are judged on: a frozen benchmark, which grows until it is large enough, and the freshest text.

frozen   a generation of held-out documents; each night adds to it until it has `evaluate.max_documents`. Full, it stays
         until a source or a language has come that it has not (covered.py): then another generation is drawn, and the
         next model is judged on both
fresh    held-out documents of tonight's batches, and of those before them where these are few

state/pins/benchmarks.json   the frozen one, up to which batch it has drawn, the tables of the newest batches
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.stage import TEXT_STAGE, gone_of
from pipeline_lib.evaluate.works import benchmark_work
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.model.records import BEFORE, FRESH, FROZEN
from pipeline_lib.plan.basis import basis_in
from pipeline_lib.plan.batches import tombstones_of
from pipeline_lib.plan.covered import LANGUAGE, overlooked, shares_of
from pipeline_lib.plan.data import ENCODING, DataPlan
from pipeline_lib.plan.sides import Pin, num_documents, read_pin
from pipeline_lib.run.execute import Graph, as_planned, wanted
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.forgotten import as_parameter
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace

FRESH_DOCUMENTS = 20
MOST_FRESH_BATCHES = 16


@dataclass(frozen=True)
class BenchmarksPlan:
    """The benchmarks of a night, and what is pinned once they are there."""

    step: Step | None  # None: all of them are there
    refs: Mapping[str, Ref]
    graph: Graph
    pin: Pin
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Frozen:
    """The frozen benchmark of tonight, and the generation before it where models are judged on both."""

    now: Work | Ref
    generation: int
    before: Work | Ref | None = None
    renewed_for: tuple[str, ...] = ()


def plan_benchmarks(
    settings: Settings, workspace: Workspace, data: DataPlan, *, renews: bool = False, spares: bool = False
) -> BenchmarksPlan:
    """The benchmarks behind tonight's batches. Only the data half renews a generation: within a night they stay.

    `spares`: they do without the text that is gone and that nobody can make again.
    """
    pinned = _pinned(workspace, data, spares=spares)
    tables = {board.label: board.wholes["shards"] for board in data.boards}
    new = [batch for batch in data.batches if batch.number > pinned.drawn_up_to and batch.name in tables]
    added = tuple(tables[batch.name] for batch in new)
    drawn = partial(
        _drawn, settings, data, gone=_gone(workspace.store, data.carried.before("shards")) if spares else ()
    )
    tables_of_all = data.carried.before("shards") if renews and not spares else ()
    frozen = _frozen(settings, workspace, data, pinned, added, tables_of_all, renews=renews, drawn=drawn)
    added = added if pinned.frozen is not None else ()
    newest = _newest(workspace.store, pinned, added) if added else pinned.newest
    number = max([pinned.drawn_up_to, *(batch.number for batch in new)])
    new_one = partial(benchmark_work, left_out=_left_out(settings, data), forgotten=_forgotten(data))
    fresh = new_one(settings, FRESH, number, newest, None) if newest else None
    every = {FROZEN: frozen.now, FRESH: fresh, BEFORE: frozen.before}
    works = tuple(work for work in every.values() if isinstance(work, Work))
    refs = {name: made.ref if isinstance(made, Work) else made for name, made in every.items() if made is not None}
    graph = {work.ref: work for work in works}
    step = Step("evaluate", "benchmarks", (), works, works[0]) if works else None
    if step is not None:
        todo = wanted(graph, {**data.graph, **graph}, workspace.store)
        step = as_planned([step], todo)[0]
    renewed_for = (*pinned.renewed_for, *frozen.renewed_for)
    pin = Pin(refs[FROZEN], frozen.generation, refs.get(BEFORE), renewed_for, number, newest)
    return BenchmarksPlan(step, refs, graph, pin, _notes(frozen))


def not_there(workspace: Workspace, data: DataPlan) -> list[Ref]:
    """What benchmarks are drawn from and is not there: tables of token shards, and texts of those that are."""
    store = workspace.store
    tables = {*read_pin(workspace).newest, *data.carried.before("shards")}
    here = [ref for ref in sorted(tables) if store.is_present(ref)]
    return [*sorted(tables.difference(here)), *(Ref(TEXT_STAGE, text) for text in _gone(store, here))]


def _frozen(
    settings: Settings,
    workspace: Workspace,
    data: DataPlan,
    pinned: Pin,
    new: tuple[Ref, ...],
    every: tuple[Ref, ...],
    *,
    renews: bool,
    drawn: Callable[[int], Work],
) -> _Frozen:
    """It grows until it is full, from `every` table where that means more documents than it did; lost, or without a
    source or language that there is, it is drawn again."""
    store, generation = workspace.store, pinned.generation
    if pinned.frozen is None or not store.is_present(pinned.frozen):
        return _Frozen(drawn(generation + 1), generation + 1)
    if every and _may_hold_more(settings, store, pinned.frozen):
        more = partial(benchmark_work, left_out=_left_out(settings, data), forgotten=_forgotten(data))
        now: Work | Ref = more(settings, FROZEN, generation, every, pinned.frozen)
    else:
        now = _kept(settings, store, data, pinned.frozen, generation, new)
    if renews and new and (missing := _missing(settings, store, data, pinned, pinned.frozen)):
        return _Frozen(drawn(generation + 1), generation + 1, now, missing)
    basis = basis_in(workspace)
    is_done = basis is not None and basis.benchmarks.get(BEFORE) == pinned.before  # as such: it was the one before
    if pinned.before is None or is_done or not store.is_present(pinned.before):
        return _Frozen(now, generation)
    return _Frozen(now, generation, _kept(settings, store, data, pinned.before, generation - 1, new))


def _missing(settings: Settings, store: Store, data: DataPlan, pinned: Pin, frozen: Ref) -> tuple[str, ...]:
    """The sources and languages of the nights before of which a full benchmark has next to nothing; each once."""
    if not _is_full(settings, store, frozen):
        return ()
    board = data.found.closed.board()
    asked = [source.name for source in settings.of(IngestSettings).sources]
    there = shares_of(store, encoded=board.before(ENCODING), tables=board.before("shards"), asked=asked)
    found = overlooked(store.read(frozen.stage, frozen.fingerprint), there)
    if _left_out(settings, data):  # the sums of languages hold the text of these, too
        found = {name for name in found if not name.startswith(LANGUAGE)}
    return tuple(sorted(found - set(pinned.renewed_for)))


def _notes(frozen: _Frozen) -> tuple[str, ...]:
    if not frozen.renewed_for:
        return ()
    now, named = frozen.generation, ", ".join(frozen.renewed_for)
    return (f"benchmark frozen-{now} is drawn for {named}; the next model is judged on frozen-{now - 1}, too",)


def _drawn(settings: Settings, data: DataPlan, generation: int, *, gone: Collection[str]) -> Work:
    """A generation from all there is, but for the texts that are gone."""
    tables = data.carried.before("shards")
    new_one = partial(benchmark_work, left_out=_left_out(settings, data), forgotten=_forgotten(data))
    return new_one(settings, FROZEN, generation, tables, None, gone=gone)


def _forgotten(data: DataPlan) -> list[list[Any]]:
    """The held-out documents that no benchmark may have any more."""
    return as_parameter(data.forgotten, held_out_alone=True)


def _gone(store: Store, tables: Collection[Ref]) -> list[str]:
    """The texts of these tables that are not there."""
    from pipeline_lib.store.shards import read_rows

    return gone_of(store, read_rows(store, tables)["documents"].to_pylist())


def _left_out(settings: Settings, data: DataPlan) -> list[str]:
    """The sources that there is text of, and that the settings do not name any more."""
    return sorted({batch.source for batch in data.batches} - {one.name for one in settings.of(IngestSettings).sources})


def _kept(
    settings: Settings, store: Store, data: DataPlan, benchmark: Ref, generation: int, new: tuple[Ref, ...]
) -> Work | Ref:
    """A generation as it is; with what is new while it has places left, without what leaves."""
    if not new or (_is_full(settings, store, benchmark) and not _withdraws(store, data, benchmark)):
        return benchmark
    return benchmark_work(settings, FROZEN, generation, new, benchmark, forgotten=_forgotten(data))


def _is_full(settings: Settings, store: Store, benchmark: Ref) -> bool:
    return num_documents(store, benchmark) >= settings.of(EvaluateSettings).max_documents


def _may_hold_more(settings: Settings, store: Store, benchmark: Ref) -> bool:
    """Whether a benchmark was full by an earlier limit: what found no place in it then is in no new table."""
    found = store.read(benchmark.stage, benchmark.fingerprint)
    limit = int(found.settings["max_documents"])
    return limit <= found.rows_out and limit < settings.of(EvaluateSettings).max_documents


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


def _pinned(workspace: Workspace, data: DataPlan, *, spares: bool) -> Pin:
    """What is kept, without the tables of batches that are given up: nobody can make them again.

    With `spares` also without others that are not there, and those whose texts are not.
    """
    pinned, store = read_pin(workspace), workspace.store
    if not (data.found.given_up or spares):
        return pinned
    known = [ref for ref in pinned.newest if ref in data.graph or store.is_present(ref)]
    if spares:
        known = [ref for ref in known if ref in data.graph or not _gone(store, [ref])]
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
