"""The plan of the data half: for each batch that is not closed the works of all stages, the tokenizer, the snapshot.

Nothing is done here. All names are known before the work. What has to be made is found backwards from what is wanted,
the token shards and the snapshot: nobody looks behind what is whole, so a lost raw shard of a year ago costs nothing.
Closed batches are not laid out at all: a few nodes stand for them (plan/closed.py).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.plan.batches import Opened, at_work, new_batches, sealed_batches, unmade
from pipeline_lib.plan.closed import Closed, read_closed, recipe_of
from pipeline_lib.plan.tokenizer import TokenizerPlan, pinned_tokenizer, plan_tokenizer
from pipeline_lib.run.board import Board
from pipeline_lib.run.execute import Graph, as_planned, wanted
from pipeline_lib.run.step import Step
from pipeline_lib.scrub.key import ScrubKey, load_key
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH, lay_out
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.tokenize.works import snapshot_work

KEY_FILE_VARIABLE = "NIGHTSHIFT_SCRUB_KEY_FILE"
ENCODING = "tokenize"  # the stage of a batch that waits for the tokenizer


@dataclass(frozen=True)
class DataPlan:
    """The data half of a night, not yet done. Boards and steps run in the order of the batches."""

    batches: tuple[Batch, ...]  # all of them: closed, sealed, new
    closed: Closed
    opened: tuple[Opened, ...]  # sealed ones that are not closed, then new ones
    given_up: tuple[Batch, ...]  # that cannot be made again, though something needs them
    boards: tuple[Board, ...]  # of the opened ones
    tokenizer: TokenizerPlan
    snapshot: Step
    graph: Graph
    key_id: str
    recipe: str

    @property
    def num_new(self) -> int:
        """Batches that this night adds."""
        return sum(item.plan is not None for item in self.opened)

    @property
    def changes(self) -> tuple[str, ...]:
        """One line a new batch, for people."""
        return tuple(item.plan.described for item in self.opened if item.plan is not None)

    def steps(self, stage: str) -> tuple[Step, ...]:
        """The steps of a stage, one a batch."""
        return tuple(step for board in self.boards for step in board.steps if step.stage == stage)

    @property
    def stages(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """The steps by stage, in the order in which they can be done; the tokenizer and the snapshot in their places."""
        rows = [("ingest", self.steps("ingest"))]
        for stage in OF_A_BATCH:
            if stage.word == ENCODING:
                rows.append((ENCODING, (self.tokenizer.step,)))
            rows.append((stage.word, self.steps(stage.word)))
        return (*rows, (ENCODING, (self.snapshot,)))

    @property
    def carried(self) -> Board:
        """The board behind the last batch: the nodes that stand for all batches."""
        return self.boards[-1] if self.boards else self.closed.board()


def plan_data(settings: Settings, workspace: Workspace) -> DataPlan:
    """Look at the sources and lay out the data half. Makes nothing but the cache of file digests."""
    return _plan(settings, workspace, is_looking=True)


def plan_sealed_data(settings: Settings, workspace: Workspace) -> DataPlan:
    """The data half over the batches that are there, without a look at the sources: what a training starts from."""
    return _plan(settings, workspace, is_looking=False)


def plan_again(plan: DataPlan, settings: Settings, workspace: Workspace) -> DataPlan:
    """The same batches laid out again: by now it is known how much text there is for the tokenizer."""
    return _laid_out(settings, workspace, plan.batches, plan.closed, plan.opened, plan.given_up, plan.key_id)


def _plan(settings: Settings, workspace: Workspace, *, is_looking: bool) -> DataPlan:
    key_id = night_key(settings, workspace).key_id
    batches = workspace.batches()
    closed = _closed(settings, workspace, key_id, batches)
    opened, given_up = sealed_batches(settings, workspace, batches, closed.count), tuple[Batch, ...]()
    while True:
        known = tuple(item.batch for item in opened)
        plan = _laid_out(settings, workspace, (*batches[: closed.count], *known), closed, opened, given_up, key_id)
        lost = unmade(settings, workspace, plan.graph, opened)
        if not lost:
            break
        given_up = (*given_up, *lost)
        opened = tuple(item for item in opened if item.batch not in lost)
    if not is_looking:
        return plan
    number = max((batch.number for batch in batches), default=0)
    new = new_batches(settings, workspace, closed, opened, number)
    if not new:
        return plan
    every = (*plan.batches, *(item.batch for item in new))
    return _laid_out(settings, workspace, every, closed, (*opened, *new), given_up, key_id)


def _closed(settings: Settings, workspace: Workspace, key_id: str, batches: Sequence[Batch]) -> Closed:
    """The batches that need not be laid out; none while the tokenizer is not pinned for good."""
    tokenizer = pinned_tokenizer(settings, workspace, key_id)
    return Closed() if tokenizer is None else read_closed(workspace, recipe_of(settings, key_id, tokenizer), batches)


def _laid_out(
    settings: Settings,
    workspace: Workspace,
    batches: Sequence[Batch],
    closed: Closed,
    opened: Sequence[Opened],
    given_up: Sequence[Batch],
    key_id: str,
) -> DataPlan:
    documents = _boards(settings, closed, opened, {"key_id": key_id}, None)
    tokenizer = plan_tokenizer(settings, workspace, key_id, _behind(documents, closed), _graph(documents, ()))
    boards = _boards(settings, closed, opened, {"key_id": key_id}, tokenizer.ref)
    last = _behind(boards, closed)
    queries = [source.query() for source in settings.of(IngestSettings).sources]
    taken = snapshot_work(tokenizer.ref, last.before("shards"), queries)
    snapshot = Step(ENCODING, "snapshot", (), (taken,), taken)
    graph = _graph(boards, (tokenizer.step, snapshot))
    nodes = [node.ref for each in last.carried.values() for node in each]
    todo = wanted([tokenizer.ref, snapshot.whole.ref, *nodes, *_targets(boards)], graph, workspace.store)
    return DataPlan(
        batches=tuple(batches),
        closed=closed,
        opened=tuple(opened),
        given_up=tuple(given_up),
        boards=_with_previous([_planned(board, todo) for board in boards], opened, workspace),
        tokenizer=replace(tokenizer, step=as_planned([tokenizer.step], todo)[0]),
        snapshot=as_planned([snapshot], todo)[0],
        graph=graph,
        key_id=key_id,
        recipe=recipe_of(settings, key_id, tokenizer.ref),
    )


def _boards(
    settings: Settings,
    closed: Closed,
    opened: Sequence[Opened],
    params: Mapping[str, Any],
    tokenizer: Ref | None,
) -> list[Board]:
    """The works of all open batches, each taking over what the one before carries; up to encoding without a tokenizer."""
    boards: list[Board] = []
    for item in opened:
        board = at_work(item, _behind(boards, closed), params)
        for stage in OF_A_BATCH:
            if tokenizer is not None:
                board = replace(board, wholes={**board.wholes, "tokenizer": tokenizer})
            if tokenizer is not None or stage.word != ENCODING:
                board = lay_out(stage, settings, board)
        boards.append(board)
    return boards


def _behind(boards: Sequence[Board], closed: Closed) -> Board:
    """The last board, or what stands for the closed batches."""
    return boards[-1] if boards else closed.board()


def _targets(boards: Sequence[Board]) -> list[Ref]:
    """What is wanted of each batch: that it is sealed, and its tokens."""
    return [board.wholes[name] for board in boards for name in ("batch", "token_shards")]


def _graph(boards: Sequence[Board], steps: Sequence[Step]) -> Graph:
    every = [*(step for board in boards for step in board.steps), *steps]
    return {work.ref: work for step in every for work in step.works}


def _planned(board: Board, todo: frozenset[Ref]) -> Board:
    return replace(board, steps=as_planned(board.steps, todo))


def _with_previous(boards: Sequence[Board], opened: Sequence[Opened], workspace: Workspace) -> tuple[Board, ...]:
    """The boards with steps that know what their losses are compared with.

    What the stage made of this batch the last time (with other settings), else of the batch before it from its source.
    """
    before: dict[tuple[str, str], Ref] = {}
    linked = []
    for board, item in zip(boards, opened, strict=True):
        steps = []
        for step in board.steps:
            key = (step.stage, item.batch.source)
            steps.append(replace(step, previous=_last_whole(step, workspace) or before.get(key)))
            before[key] = step.whole.ref
        linked.append(replace(board, steps=tuple(steps)))
    return tuple(linked)


def _last_whole(step: Step, workspace: Workspace) -> Ref | None:
    """What stood for the step when it was last done with other settings."""
    for entry in workspace.last(step.key)[-1:]:
        _, _, fingerprint = entry.partition(" ")
        return Ref(step.stage, fingerprint) if fingerprint != step.whole.fingerprint else None
    return None


def night_key(settings: Settings, workspace: Workspace) -> ScrubKey:
    """The key of the pseudonyms. Only the demo, which reads nothing but installed packages, may make its own.

    Raises `SettingsError` when any other configuration has none.
    """
    sources = settings.of(IngestSettings).sources
    is_demo = settings.profile == "demo" and all(source.kind == "installed_docs" for source in sources)
    named = os.environ.get(KEY_FILE_VARIABLE)
    demo_key = workspace.root / "keys" / "scrub.key" if is_demo else None
    return load_key(os.environ, Path(named) if named else None, demo_key)
