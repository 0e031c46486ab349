"""`nightshift ablate`: a step tried by short trainings with and without it, in a folder that no night knows.

Reads the workspace as `nightshift plan` does, and takes its lock at no time; what is made is named as everything else,
so after a kill the same command goes on.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flows.console import ConsoleReporter
from flows.show.ablate import show_forecast, show_result
from pipeline_lib.ablate.arms import (
    ARMS,
    CONTROL,
    WITH,
    WITHOUT,
    Budget,
    Corpus,
    Ground,
    budgeted,
    corpus_of,
    ground_of,
    scores_of,
    training_of,
    with_seed,
)
from pipeline_lib.ablate.compare import Worth, worth_of
from pipeline_lib.ablate.control import control_work
from pipeline_lib.ablate.forecast import seconds_of_training, seconds_of_works
from pipeline_lib.ablate.names import Named, named
from pipeline_lib.base.memory import NIGHT_BYTES, check_addresses
from pipeline_lib.model.measured import Measured, read_measured
from pipeline_lib.model.reading.snapshot import SHARDS_FILE, Arrived, read_shards
from pipeline_lib.model.records import PER_DOCUMENT_FILE, SCORES_FILE
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.engine import Engine
from pipeline_lib.run.execute import Bench, Graph, execute, run_step, work_folder_of
from pipeline_lib.run.inputs import say_nothing
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.ablations import held, link, place_in
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.job import Progress
from pipeline_lib.train.settings import TrainSettings
from tasks.night import LogReporter, Reporter

Shards = Mapping[str, Sequence[Arrived]]  # by arm


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    step: str
    budget: Budget
    num_batches: int | None = None  # None: all


@dataclass(frozen=True)
class Forecast:
    """What a trial would make, and about how long that takes. None: nothing tells."""

    works: Mapping[str, int]  # of the data half, by maker
    num_trainings: int
    num_tokens: int  # that each of them reads
    data_seconds: float | None
    training_seconds: float | None  # of all


@dataclass(frozen=True)
class Text:
    """What an arm is trained on."""

    num_documents: int
    num_tokens: int


@dataclass(frozen=True)
class Result:
    """How a trial ended."""

    texts: Mapping[str, Text]  # by arm; of the control that of the first seed
    num_steps: int
    seeds: tuple[int, ...]
    worth: Worth | None  # None: both arms have the same text, so nothing was trained


def ablate(settings: Settings, workspace: Workspace, wish: Wish, *, is_dry: bool, as_json: bool) -> None:
    """Try a step, or say what that would take, and show it."""
    step = named(settings, wish.step)
    ground = ground_of(settings, workspace, wish.num_batches)
    if is_dry:
        show_forecast(step, ground.notes, asdict(_foreseen(settings, workspace, wish, step, ground)), as_json=as_json)
        return
    check_addresses(NIGHT_BYTES)
    reporter = LogReporter() if as_json else ConsoleReporter()
    with held(workspace.root) as place:
        store = link(workspace.root)
        store.sweep()
        shown = reporter if isinstance(reporter, ConsoleReporter) else nullcontext()
        with Engine(settings.resources.workers) as engine, shown:
            for note in ground.notes:
                reporter.say(note)
            trial = Trial(settings, workspace, wish, ground, Hands(settings, place, store, engine, reporter))
            result = trial.run(step)
    show_result(step, ground.notes, asdict(result), as_json=as_json)


def _corpora(
    settings: Settings, workspace: Workspace, wish: Wish, step: Named, ground: Ground, store: Store
) -> tuple[Corpus, Corpus]:
    return (
        corpus_of(WITH, step.with_it, workspace, ground, store),
        corpus_of(WITHOUT, step.without, workspace, ground, store),
    )


def _foreseen(settings: Settings, workspace: Workspace, wish: Wish, step: Named, ground: Ground) -> Forecast:
    """Makes nothing: what earlier trials have made counts where their folder is there."""
    place = place_in(workspace.root)
    store = Store(place / "artifacts") if place.is_dir() else workspace.store
    corpora = _corpora(settings, workspace, wish, step, ground, store)
    todo = {work.ref: work for corpus in corpora for work in corpus.todo}
    counts: dict[str, int] = {}
    for work in todo.values():
        counts[work.maker.name] = counts.get(work.maker.name, 0) + 1
    known = [ref for corpus in corpora for ref in corpus.graph if ref not in todo]
    own, num_trainings = settings.of(TrainSettings), len(ARMS) * wish.budget.num_seeds
    training = seconds_of_training(settings, wish.budget.num_steps, workspace.store)
    data = seconds_of_works(todo.values(), known, store)
    return Forecast(
        works=counts,
        num_trainings=num_trainings,
        num_tokens=wish.budget.num_steps * own.batch_rows * own.context_tokens,
        data_seconds=None if data is None else data / settings.resources.workers,
        training_seconds=None if training is None else training * num_trainings,
    )


@dataclass(frozen=True)
class Hands:
    """Where works of a trial are done, and who is told."""

    settings: Settings
    place: Path
    store: Store
    engine: Engine
    reporter: Reporter

    def do(self, step: Step, graph: Graph, *, report: Callable[[Any], None] = say_nothing) -> None:
        """Do what is wanted of a step."""
        if not step.missing(self.store):
            return
        deadline = self.settings.resources.stage_deadline_minutes * 60
        self.reporter.started(step.stage, step.label)
        done = run_step(
            step,
            Bench(self.place, self.engine, graph, deadline),
            on_progress=lambda done, total: self.reporter.progress(done, total, "shards"),
            report=report,
        )
        self.reporter.finished(step.stage, step.label, done)

    def one(self, work: Work, label: str, *, report: Callable[[Any], None] = say_nothing) -> None:
        """Do a single work of the model half."""
        step = Step(work.maker.stage, label, (), (work,), work, todo=frozenset([work.ref]))
        self.do(step, {work.ref: work}, report=report)
        shutil.rmtree(work_folder_of(self.place, work.ref), ignore_errors=True)

    def show_training(self, progress: Progress) -> None:
        """A step of a training."""
        if progress.loss is not None:
            note = f"steps, {progress.phase}, loss {progress.loss:.3f}"
            self.reporter.progress(progress.step, progress.num_steps, note)

    def shards(self, ref: Ref) -> list[Arrived]:
        """The token shards of a snapshot."""
        return read_shards(self.store.open(ref.stage, ref.fingerprint, files=[SHARDS_FILE]).file(SHARDS_FILE))

    def measured(self, ref: Ref) -> Measured:
        """The scores of a model."""
        opened = self.store.open(ref.stage, ref.fingerprint)
        return read_measured(opened.file(SCORES_FILE), opened.file(PER_DOCUMENT_FILE))


@dataclass(frozen=True)
class Trial:
    """A trial at work."""

    settings: Settings
    workspace: Workspace
    wish: Wish
    ground: Ground
    hands: Hands

    def run(self, step: Named) -> Result:
        """Make the text of both arms, train on each and on the controls, and compare."""
        with_it, without = _corpora(self.settings, self.workspace, self.wish, step, self.ground, self.hands.store)
        for corpus in (with_it, without):
            for one in corpus.steps:
                self.hands.do(replace(one, label=f"{corpus.arm} {one.label}"), corpus.graph)
        texts = {corpus.arm: self._text(corpus.snapshot.ref) for corpus in (with_it, without)}
        seeds = tuple(self.wish.budget.seeds(self.settings))
        if self._digest(with_it.snapshot.ref) == self._digest(without.snapshot.ref):
            return Result(texts, self.wish.budget.num_steps, seeds, None)
        num_fewer = texts[WITHOUT].num_documents - texts[WITH].num_documents
        controls = [control_work(without.snapshot.ref, num_fewer, seed) for seed in seeds]
        for control in controls:
            execute(control, self.hands.place)
        snapshots = [
            {WITH: with_it.snapshot.ref, WITHOUT: without.snapshot.ref, CONTROL: control.ref} for control in controls
        ]
        worth = self._worth(seeds, snapshots)
        return Result({**texts, CONTROL: self._text(controls[0].ref)}, self.wish.budget.num_steps, seeds, worth)

    def _worth(self, seeds: Sequence[int], snapshots: Sequence[Mapping[str, Ref]]) -> Worth:
        shards = {ref: self.hands.shards(ref) for arms in snapshots for ref in arms.values()}
        settings = budgeted(self.settings, self.wish.budget, list(shards.values()))
        measured: dict[str, list[Measured]] = {arm: [] for arm in ARMS}
        for seed, arms in zip(seeds, snapshots, strict=True):
            for arm, ref in arms.items():
                own, label = with_seed(settings, seed), f"{arm}, seed {seed}"
                training = training_of(own, self.ground, ref, shards[ref])
                scores = scores_of(own, self.ground, label, training.ref)
                if not self.hands.store.is_present(scores.ref):
                    self.hands.one(training, label, report=self.hands.show_training)
                self.hands.one(scores, label)
                measured[arm].append(self.hands.measured(scores.ref))
        return worth_of(self.settings.of(RegisterSettings).gate, measured)

    def _text(self, ref: Ref) -> Text:
        facts = self.hands.store.read(ref.stage, ref.fingerprint).facts
        return Text(int(facts["num_documents"]), int(facts["num_tokens"]))

    def _digest(self, ref: Ref) -> str:
        return str(self.hands.store.read(ref.stage, ref.fingerprint).facts["digest"])
