"""The plan of a trial: the text with and without the step, and trainings on each that differ in nothing else.

    batches, tokenizer, frozen benchmark of the workspace -> two snapshots -> arms x seeds trainings -> as many scores

Nothing here looks at sources, and nothing is made. What the arms have in common, and what a night has made already, has
the same name, so it is there: a rule that is moved judges anew, and reads no text again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.works import scores_work
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.model.reading.snapshot import Arrived
from pipeline_lib.model.records import FROZEN
from pipeline_lib.plan.batches import Opened, sealed_batches
from pipeline_lib.plan.closed import Closed
from pipeline_lib.plan.data import ENCODING, Found, boards_of, graph_of, plan_sealed_data
from pipeline_lib.plan.sides import read_pin
from pipeline_lib.run.execute import Graph, as_planned, wanted
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.forgotten import Tombstone, as_parameter
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.works import snapshot_work
from pipeline_lib.train.cursor import Cursor, first_place
from pipeline_lib.train.extent import planned_rows, text_of
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.works import train_work

WITH, WITHOUT, CONTROL = "with", "without", "control"
ARMS = (WITH, WITHOUT, CONTROL)
MOST_EPOCHS = 100


@dataclass(frozen=True)
class Ground:
    """What all arms share."""

    batches: tuple[Opened, ...]
    key_id: str
    tokenizer: Ref
    benchmark: Ref
    forgotten: tuple[Tombstone, ...]
    notes: tuple[str, ...]  # for people


@dataclass(frozen=True)
class Corpus:
    """The text of one arm: the steps that lead to it, in their order, and its snapshot."""

    arm: str
    steps: tuple[Step, ...]
    snapshot: Work
    graph: Graph

    @property
    def todo(self) -> list[Work]:
        """What has to be made."""
        return [work for step in self.steps for work in step.works if work.ref in step.todo]


@dataclass(frozen=True)
class Budget:
    """How much is trained: the same for each arm."""

    num_steps: int
    num_seeds: int

    def seeds(self, settings: Settings) -> range:
        """The seeds of the trainings: that of the settings, and those behind it."""
        first = settings.of(TrainSettings).seed
        return range(first, first + self.num_seeds)


def ground_of(settings: Settings, workspace: Workspace, num_batches: int | None = None) -> Ground:
    """What a trial stands on; of the batches only the newest so many, if asked for.

    Raises `DataError` where there is no tokenizer and no frozen benchmark: no night has come so far.
    """
    data = plan_sealed_data(settings, workspace)
    benchmark, store = read_pin(workspace).frozen, workspace.store
    if benchmark is None or not store.is_present(benchmark) or not store.is_present(data.tokenizer.ref):
        raise DataError(
            f"ablate: {workspace.root} has no tokenizer and frozen benchmark of these settings yet, on which a step "
            "could be judged. Run nightshift run first, with the same settings."
        )
    opened, lost = sealed_batches(settings, workspace, workspace.batches())
    usable = [item for item in opened if item.plan is None and all(store.is_present(ref) for ref in item.raw)]
    chosen = usable if num_batches is None else usable[-num_batches:]
    if not chosen:
        raise DataError("ablate: the raw text of all batches is gone. nightshift ingest reads the sources again.")
    notes = []
    if num_gone := len(opened) + len(lost) - len(usable):
        notes.append(f"batches left out, since their raw text is gone: {num_gone:,}")
    if len(chosen) < len(usable):
        notes.append(f"batches taken: the newest {len(chosen):,} of {len(usable):,}")
    return Ground(tuple(chosen), data.key_id, data.tokenizer.ref, benchmark, data.forgotten, tuple(notes))


def corpus_of(arm: str, settings: Settings, workspace: Workspace, ground: Ground, store: Store) -> Corpus:
    """The text of an arm by its settings; `store` is where trials lie."""
    found = Found((), Closed(), ground.batches)
    boards = boards_of(settings, workspace, found, {"key_id": ground.key_id}, ground.tokenizer)
    queries = [source.asked(found.batches) for source in settings.of(IngestSettings).sources]
    tables = boards[-1].before("shards")
    taken = snapshot_work(ground.tokenizer, tables, queries, forgotten=as_parameter(ground.forgotten))
    last = Step(ENCODING, "snapshot", (), (taken,), taken)
    steps = (*(step for board in boards for step in board.steps), last)
    graph = graph_of(boards, [last])
    return Corpus(arm, as_planned(steps, wanted([taken.ref], graph, store)), taken, graph)


def budgeted(settings: Settings, budget: Budget, corpora: Sequence[Sequence[Arrived]]) -> Settings:
    """The settings of all trainings: so many steps, whatever time they take, and as often through the text as the
    smallest of these asks for. Raises `SettingsError` where there is too little text for that."""
    own = settings.of(TrainSettings)
    num_tokens = min(sum(one.num_tokens for one in shards) for shards in corpora)
    num_epochs = 2 + budget.num_steps * own.batch_rows * own.context_tokens // max(1, num_tokens)  # one to spare
    if num_epochs > MOST_EPOCHS:
        raise SettingsError(
            f"ablate: {num_tokens:,} tokens would be read {num_epochs:,} times in {budget.num_steps:,} steps. Lower "
            "--num-steps, or add text."
        )
    changes = {"max_steps": budget.num_steps, "num_epochs": num_epochs, "budget_minutes": None, "role": "trial"}
    train = own.model_copy(update={**changes, "start_documents": 0})
    evaluate = settings.of(EvaluateSettings).model_copy(update={"noise_documents": 1, "speed_tokens": 2})
    return settings.model_copy(update={"train": train, "evaluate": evaluate})


def with_seed(settings: Settings, seed: int) -> Settings:
    """The same with another seed: of the first weights, and of the order of the rows."""
    return settings.model_copy(update={"train": settings.of(TrainSettings).model_copy(update={"seed": seed})})


def training_of(settings: Settings, ground: Ground, snapshot: Ref, shards: Sequence[Arrived]) -> Work:
    """The training of an arm, from scratch."""
    own = settings.of(TrainSettings)
    params = {"first": first_place(Cursor(), text_of(own, shards)), "num_rows": planned_rows(own, Cursor(), shards)}
    return train_work(
        settings, snapshot=snapshot, tokenizer=ground.tokenizer, trunk=None, benchmark=ground.benchmark, params=params
    )


def scores_of(settings: Settings, ground: Ground, arm: str, model: Ref) -> Work:
    """How well the model of an arm predicts the frozen benchmark."""
    return scores_work(settings, arm, "torch", (FROZEN, ground.benchmark), model, None)
