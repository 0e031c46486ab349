"""Doing works: one in this process, a step of them side by side, and again what was found damaged on the way.

execute     one work: open its inputs, let its maker fill a folder, seal it
run_step    what a plan wants of a step; finished works are never redone
wanted      what has to be made so that some artifacts are there: backwards from them, not behind what is whole
"""

import platform
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.run.damage import Damages
from pipeline_lib.run.engine import Engine
from pipeline_lib.run.guard import Limits
from pipeline_lib.run.inputs import Inputs, say_nothing
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Done, Step, done_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store

RECORDED_LIBRARIES = ("pyarrow", "numpy", "numba", "torch", "transformers", "tokenizers", "trafilatura", "google-re2")

Graph = Mapping[Ref, Work]


def store_of(workspace: Path) -> Store:
    """The artifacts of a workspace."""
    return Store(workspace / "artifacts")


def work_folder_of(workspace: Path, ref: Ref) -> Path:
    """Where a long work keeps what shall survive a kill."""
    return workspace / "work" / ref.stage / ref.fingerprint


def execute(
    work: Work, workspace: Path, *, limits: Limits | None = None, report: Callable[[Any], None] = say_nothing
) -> Manifest:
    """Make one artifact in this process, unless it is there."""
    store = store_of(workspace)
    found = store.condition(work.ref)
    if found.is_present and found.manifest is not None and not work.lost:
        return found.manifest
    failpoint(work.maker.stage, "start")
    inputs = Inputs(
        store=store,
        named={**work.inputs, **work.beside},
        params=work.params,
        listed=work.members,
        workspace=workspace,
        work_folder=work_folder_of(workspace, work.ref),
        report=report,
    )
    with store.draft(work.ref) as draft:
        began = time.process_time()
        outcome = work.maker.make(work.settings, inputs, draft.path)
        name, parts = work.maker.name, outcome.cpu_seconds
        cpu_seconds = {name: time.process_time() - began, **{f"{name}/{part}": parts[part] for part in parts}}
        if limits is not None:
            limits.check(work.maker.stage, outcome)
        return draft.seal(
            outcome,
            maker=work.maker.name,
            version=work.maker.version,
            schema=work.maker.schema,
            settings=work.decisive,
            inputs=work.inputs,
            members=work.members,
            made={
                "created": round(time.time(), 3),
                "cpu_seconds": {part: round(seconds, 3) for part, seconds in cpu_seconds.items()},
                **provenance(),
            },
        )


def execute_chain(works: Sequence[Work], workspace: Path) -> None:
    """Make some artifacts one after the other: what one wrote, the next one finds in the file cache."""
    for work in works:
        execute(work, workspace)


def wanted(targets: Iterable[Ref], graph: Graph, store: Store) -> frozenset[Ref]:
    """What has to be made so that all `targets` are there. Nobody looks behind what is whole."""
    found: set[Ref] = set()
    seen: set[Ref] = set()
    waiting = list(targets)
    while waiting:
        ref = waiting.pop()
        if ref in seen:
            continue
        seen.add(ref)
        work = graph.get(ref)
        if work is not None and (work.lost or not store.is_present(ref)):
            found.add(ref)
            waiting += work.needs
    return frozenset(found)


@dataclass(frozen=True)
class Bench:
    """Where steps are done: the workspace, its worker processes, what else the night could make, and by when."""

    workspace: Path
    engine: Engine
    graph: Graph
    deadline_seconds: float
    everything: Callable[[], Graph] = dict  # all that could be made, also what stands for itself: asked on damage

    @property
    def store(self) -> Store:
        """The artifacts."""
        return store_of(self.workspace)


def run_step(
    step: Step,
    bench: Bench,
    limits: Limits | None = None,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    report: Callable[[Any], None] = say_nothing,
) -> Done:
    """Make what is wanted of a step: its chains side by side, then its wholes. Finished works are never redone.

    An input that is found damaged is made again first, in the same night. Raises what a maker raises, `StageTimeout`
    after the deadline, and `GuardStop`, before the whole is sealed, when too many documents were lost.
    """
    made: list[Work] = []
    broken: list[list[Work]] = []  # what mends each damage that was met, the last one first: it is in the way of others
    damages = Damages()
    while True:
        try:
            while broken:
                made += _mend(broken[-1], step, bench)
                broken.pop()
            made += _run(step, bench, limits, on_progress, report)
            return done_of(step, bench.store, made)
        except DamagedArtifact as exc:
            damages.meet(exc)
            broken.append(_works_that_mend(exc, bench))


def _run(
    step: Step,
    bench: Bench,
    limits: Limits | None,
    on_progress: Callable[[int, int], None],
    report: Callable[[Any], None],
) -> list[Work]:
    todo = {work.ref for work in step.missing(bench.store)}
    waves = _waves(step, todo)
    total = len(step.firsts) + len(step.chains) + len(step.wholes)
    done = len(step.firsts) + len(step.chains) - sum(map(len, waves))
    what = f"{step.stage} {step.label}"
    for work in step.heads:
        if work.ref in todo:
            _make(work, bench, what, None, report)
    job = partial(execute_chain, workspace=bench.workspace)
    for chains in filter(None, waves):
        for _ in bench.engine.map(job, chains, deadline_seconds=bench.deadline_seconds, what=what):
            done += 1
            on_progress(done, total)
    for work in step.wholes:
        if work.ref in todo:
            is_whole = work is step.whole
            _make(work, bench, what, limits if is_whole else None, report if is_whole else say_nothing)
    on_progress(total, total)
    return [work for work in step.works if work.ref in todo]


def _waves(step: Step, todo: Collection[Ref]) -> tuple[list[tuple[Work, ...]], list[tuple[Work, ...]]]:
    """What is left of the chains, and which of them wait until all others are done: they need a work of the others."""
    chains = [chain for chain in (tuple(w for w in chain if w.ref in todo) for chain in step.chains) if chain]
    beside: list[tuple[Work, ...]] = [(work,) for work in step.firsts if work.ref in todo]
    awaited = {chain[0].ref for chain in beside}
    waiting: list[tuple[Work, ...]] = []
    for chain in chains:
        is_waiting = any(not awaited.isdisjoint(work.needs) for work in chain)
        (waiting if is_waiting else beside).append(chain)
    return beside, waiting


def _make(work: Work, bench: Bench, what: str, limits: Limits | None, report: Callable[[Any], None]) -> None:
    """Make one artifact, in a worker unless it is light."""
    if work.maker.is_light:
        execute(work, bench.workspace, limits=limits, report=report)
    else:
        job = partial(execute, workspace=bench.workspace, limits=limits)
        bench.engine.call(job, work, deadline_seconds=bench.deadline_seconds, what=what)


def step_that_mends(exc: DamagedArtifact, bench: Bench) -> Step:
    """The step that makes a damaged artifact again. Raises the error where nobody knows how."""
    return _step_of(_works_that_mend(exc, bench))


def step_that_makes(refs: Iterable[Ref], graph: Graph, store: Store) -> Step | None:
    """The step that makes again what of these can be made; None where nothing can."""
    todo: set[Ref] = set()
    for ref in refs:
        needed = wanted([ref], graph, store)
        if not any(graph[one].is_recorded for one in needed) and not dead_ends(needed, graph, store):
            todo |= needed
    return _step_of([graph[ref] for ref in in_order(todo, graph)]) if todo else None


def _step_of(works: Sequence[Work]) -> Step:
    last = works[-1]
    return Step(
        last.maker.stage, "what was damaged", (), tuple(works), last, todo=frozenset(work.ref for work in works)
    )


def _works_that_mend(exc: DamagedArtifact, bench: Bench) -> list[Work]:
    """What has to be made so that a damaged artifact is whole again. Raises the error where nobody knows how."""
    asked: tuple[Callable[[], Graph], ...] = (lambda: bench.graph, bench.everything)  # the second one takes a while
    damaged = Ref(exc.stage, exc.fingerprint)
    for ask in asked:
        graph = ask()
        if damaged in graph and not bench.store.is_apart(damaged) and bench.store.held(damaged) is not None:
            graph = {**graph, damaged: replace(graph[damaged], lost="among others it lies without all of its tokens")}
        todo = wanted([damaged], graph, bench.store)
        if todo and not any(graph[ref].is_recorded for ref in todo):
            return [graph[ref] for ref in in_order(todo, graph)]
    raise exc


def _mend(works: Sequence[Work], step: Step, bench: Bench) -> list[Work]:
    """Make these works; those of them that the step counts as its own."""
    for work in works:
        _make(work, bench, f"{step.stage} {step.label}, of which {works[-1].ref} was damaged", None, say_nothing)
    own = {work.ref for work in step.works}
    return [work for work in works if work.ref in own]


def in_order(refs: Iterable[Ref], graph: Graph) -> list[Ref]:
    """Some refs of a graph, each behind those that it needs."""
    chosen, done = set(refs), list[Ref]()

    def visit(ref: Ref) -> None:
        if ref in chosen:
            chosen.discard(ref)
            for before in graph[ref].needs:
                visit(before)
            done.append(ref)

    for ref in sorted(chosen):
        visit(ref)
    return done


def dead_ends(todo: Iterable[Ref], graph: Graph, store: Store) -> frozenset[Ref]:
    """What is needed to do these works, is not there, and nobody in the graph can make."""
    needed = {ref for done in todo for ref in graph[done].needs}
    return frozenset(ref for ref in needed if ref not in graph and not store.is_present(ref))


def as_planned(steps: Sequence[Step], todo: frozenset[Ref]) -> tuple[Step, ...]:
    """The steps, each knowing what is wanted of it."""
    return tuple(replace(step, todo=frozenset(work.ref for work in step.works if work.ref in todo)) for step in steps)


@lru_cache(maxsize=1)
def provenance() -> dict[str, Any]:
    """By which code and libraries an artifact was made. Not part of its digest."""
    return {"revision": code_revision(), "python": platform.python_version(), "libraries": _library_versions()}


def code_revision() -> str:
    """The git revision of this code, "+" when files differ from it; "unknown" outside a checkout."""
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _library_versions() -> dict[str, str]:
    versions = {}
    for name in RECORDED_LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
