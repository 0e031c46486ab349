"""The plan of the data half: for each batch that is not closed the works of all stages, the tokenizer, the snapshot.

Nothing is done here. All names are known before the work. What has to be made is found backwards from what is wanted,
the token shards and the snapshot: nobody looks behind what is whole, so a lost raw shard of a year ago costs nothing.
Closed batches are not laid out at all: a few nodes stand for them (plan/closed.py).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.plan.batches import (
    Opened,
    at_work,
    described,
    lost_raw,
    new_batches,
    remade,
    sealed_batches,
)
from pipeline_lib.plan.closed import Closed, read_closed, recipe_of
from pipeline_lib.plan.previous import ClosedBefore, with_previous
from pipeline_lib.plan.sides import num_held_out
from pipeline_lib.plan.tokenizer import TokenizerPlan, pinned_tokenizer, plan_tokenizer
from pipeline_lib.run.board import Board
from pipeline_lib.run.damage import despite_damage
from pipeline_lib.run.execute import Graph, as_planned, dead_ends, wanted
from pipeline_lib.run.step import Step
from pipeline_lib.scrub.key import KEY_FILE_VARIABLE, KEY_VARIABLE, ScrubKey, demo_key_path, load_key
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH, lay_out
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.forgotten import Tombstone, as_parameter, read_tombstones
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.tokenize.works import snapshot_work

NEW_KEY = "new"  # id of a key that the next night makes
ENCODING = "tokenize"  # the stage of a batch that waits for the tokenizer
PAST = "past:"  # and the name of a source: what is carried for scans of it


@dataclass(frozen=True)
class Found:
    """Which batches there are, in their order."""

    earlier: tuple[Batch, ...]  # the closed ones
    closed: Closed
    opened: tuple[Opened, ...]  # sealed ones that are not closed, then new ones
    given_up: tuple[Batch, ...] = ()  # that cannot be made again, though something needs them
    passed_over: Mapping[str, Any] = field(default_factory=dict)  # by source: files that no reader takes

    @property
    def batches(self) -> tuple[Batch, ...]:
        """All of them, but those that are given up."""
        return (*self.earlier, *(item.batch for item in self.opened))


@dataclass(frozen=True)
class DataPlan:
    """The data half of a night, not yet done. Boards and steps run in the order of the batches."""

    found: Found
    boards: tuple[Board, ...]  # of the batches that are not closed
    tokenizer: TokenizerPlan
    snapshot: Step
    graph: Graph
    key_id: str
    recipe: str
    asked: frozenset[str]  # the sources that the settings name
    forgotten: tuple[Tombstone, ...] = ()

    @property
    def batches(self) -> tuple[Batch, ...]:
        """All batches, with those that this night adds."""
        return self.found.batches

    @property
    def num_new(self) -> int:
        """Batches that this night adds."""
        return sum(item.is_new for item in self.found.opened)

    @property
    def changes(self) -> tuple[str, ...]:
        """One line a new batch, for people."""
        return tuple(described(item) for item in self.found.opened if item.is_new)

    def steps(self, stage: str) -> tuple[Step, ...]:
        """The steps of a stage, one a batch."""
        return tuple(step for board in self.boards for step in board.steps if step.stage == stage)

    @property
    def stages(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """The steps by stage, in the order in which they can be done, with tokenizer and snapshot in their places."""
        rows = [("ingest", self.steps("ingest"))]
        for stage in OF_A_BATCH:
            if stage.word == ENCODING:
                rows.append((ENCODING, (self.tokenizer.step,)))
            rows.append((stage.word, self.steps(stage.word)))
        return (*rows, (ENCODING, (self.snapshot,)))

    @property
    def carried(self) -> Board:
        """The board behind the last batch: the nodes that stand for all batches."""
        return _behind(self.boards, self.found.closed)

    @property
    def sums(self) -> Mapping[str, tuple[Ref, ...]]:
        """By stage the nodes that have the sums of all batches."""
        return {stage: self.carried.before(stage) for stage in ("ingest", *(stage.word for stage in OF_A_BATCH))}

    @property
    def earlier_sums(self) -> Mapping[str, tuple[Ref, ...]]:
        """By stage the nodes that have the sums of the closed batches."""
        board = self.found.closed.board()
        return {stage: board.before(stage) for stage in ("ingest", *(stage.word for stage in OF_A_BATCH))}


def plan_data(settings: Settings, workspace: Workspace) -> DataPlan:
    """Look at the sources and lay out the data half. Makes nothing but the cache of file digests.

    What the look at the sources finds damaged of earlier batches is not there: laid out again, the night makes it.
    """
    return despite_damage(partial(_plan, settings, workspace, is_looking=True), workspace.store)


def plan_sealed_data(settings: Settings, workspace: Workspace) -> DataPlan:
    """The data half over the batches that are there, without a look at the sources: what a training starts from."""
    return _plan(settings, workspace, is_looking=False)


def plan_again(plan: DataPlan, settings: Settings, workspace: Workspace) -> DataPlan:
    """The same batches laid out again: by now it is known how much text there is for the tokenizer."""
    return _laid_out(settings, workspace, plan.found, plan.key_id)


def full_graph(settings: Settings, workspace: Workspace) -> Graph:
    """All works of all batches, the closed ones too: what is asked when something of them is found damaged."""
    plan = plan_in_full(settings, workspace)
    raw = [item for item in plan.found.opened if item.plan is None]
    made = [again for item in raw if (again := remade(settings, workspace, item.batch)) is not None]
    read = graph_of([at_work(item, Closed().board(), {}, settings, workspace) for item in made], ())
    return {**plan.graph, **read}


def plan_in_full(settings: Settings, workspace: Workspace) -> DataPlan:
    """The data half over the batches that are there, the closed ones laid out, too; without a look at the sources."""
    return _plan(settings, workspace, is_looking=False, is_full=True)


def closed_steps(plan: DataPlan, settings: Settings, workspace: Workspace) -> list[Step]:
    """The steps of the closed batches of a plan, laid out all the same."""
    labels = {batch.name for batch in plan.found.earlier}
    boards = plan_in_full(settings, workspace).boards if labels else ()
    return [step for board in boards if board.label in labels for step in board.steps]


def _plan(settings: Settings, workspace: Workspace, *, is_looking: bool, is_full: bool = False) -> DataPlan:
    key_id = NEW_KEY if will_make_key(settings, workspace) else night_key(settings, workspace).key_id
    batches = workspace.batches()
    closed = Closed() if is_full else _closed(settings, workspace, key_id, batches)
    opened, lost = sealed_batches(settings, workspace, batches[closed.count :])
    found = Found(tuple(batches[: closed.count]), closed, tuple(opened), tuple(lost))
    plan = _laid_out(settings, workspace, found, key_id)
    while gone := lost_raw(plan.found.opened, dead_ends(_todo(plan), plan.graph, workspace.store)):
        found = _without(settings, workspace, plan.found, gone)
        plan = _laid_out(settings, workspace, found, key_id)
    if not is_looking:
        return plan
    pasts = {
        name.removeprefix(PAST): [node.ref for node in nodes]
        for name, nodes in (closed.carried or {}).items()
        if name.startswith(PAST)
    }
    given_up = (*workspace.given_up(), *found.given_up)
    held_out = num_held_out(plan.carried.before("shards"), plan.graph, workspace.store, plan.asked)
    new, passed_over = new_batches(
        settings,
        workspace,
        pasts,
        found.opened,
        found.batches,
        number=max((batch.number for batch in (*batches, *given_up)), default=0),
        num_heldout=held_out,
        given_up=given_up,
    )
    found = replace(found, opened=(*found.opened, *new), passed_over=passed_over)
    return _laid_out(settings, workspace, found, key_id) if new else replace(plan, found=found)


def _without(settings: Settings, workspace: Workspace, found: Found, gone: Sequence[Opened]) -> Found:
    """What is there when something needs raw shards that are gone: they are read again, or their batch is given up."""
    opened: list[Opened] = []
    lost = list(found.given_up)
    for item in found.opened:
        made = remade(settings, workspace, item.batch) if item in gone else item
        if made is None or any(batch.source == item.batch.source for batch in lost):
            lost.append(item.batch)
        else:
            opened.append(made)
    return replace(found, opened=tuple(opened), given_up=tuple(lost))


def _closed(settings: Settings, workspace: Workspace, key_id: str, batches: Sequence[Batch]) -> Closed:
    """The batches that need not be laid out; none while the tokenizer is not pinned for good."""
    tokenizer = pinned_tokenizer(settings, workspace, key_id)
    return Closed() if tokenizer is None else read_closed(workspace, recipe_of(settings, key_id, tokenizer), batches)


def _laid_out(settings: Settings, workspace: Workspace, found: Found, key_id: str) -> DataPlan:
    documents = boards_of(settings, workspace, found, {"key_id": key_id}, None)
    before = _behind(documents, found.closed)
    tokenizer = plan_tokenizer(settings, workspace, key_id, before, graph_of(documents, ()))
    boards = boards_of(settings, workspace, found, {"key_id": key_id}, tokenizer.ref)
    last = _behind(boards, found.closed)
    queries = [source.asked(found.batches) for source in settings.of(IngestSettings).sources]
    forgotten = tuple(read_tombstones(workspace.root))
    taken = snapshot_work(tokenizer.ref, last.before("shards"), queries, forgotten=as_parameter(forgotten))
    snapshot = Step(ENCODING, "snapshot", (), (taken,), taken)
    graph = graph_of(boards, (tokenizer.step, snapshot))
    nodes = [node.ref for each in last.carried.values() for node in each]
    todo = wanted([tokenizer.ref, taken.ref, *nodes, *_targets(boards)], graph, workspace.store)
    recipe = recipe_of(settings, key_id, tokenizer.ref)
    closed = ClosedBefore(found.earlier, found.closed, recipe)
    planned = [(item.batch.source, _planned(board, todo)) for item, board in zip(found.opened, boards, strict=True)]
    return DataPlan(
        found=found,
        boards=with_previous(planned, closed, workspace),
        tokenizer=replace(tokenizer, step=as_planned([tokenizer.step], todo)[0]),
        snapshot=as_planned([snapshot], todo)[0],
        graph=graph,
        key_id=key_id,
        recipe=recipe,
        asked=frozenset(source.name for source in settings.of(IngestSettings).sources),
        forgotten=forgotten,
    )


def boards_of(
    settings: Settings, workspace: Workspace, found: Found, params: Mapping[str, Any], tokenizer: Ref | None
) -> list[Board]:
    """The works of all open batches, each taking over what the one before carries.

    `params`: of the night, the id of its key. Without a tokenizer they go as far as the stage that needs one.
    """
    boards: list[Board] = []
    for item in found.opened:
        board = at_work(item, _behind(boards, found.closed), params, settings, workspace)
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


def _todo(plan: DataPlan) -> frozenset[Ref]:
    """All that is wanted of a plan."""
    every = [step for board in plan.boards for step in board.steps]
    return frozenset(ref for step in (*every, plan.tokenizer.step, plan.snapshot) for ref in step.todo)


def _targets(boards: Sequence[Board]) -> list[Ref]:
    """What is wanted of each batch: that it is sealed, and its tokens."""
    return [board.wholes[name] for board in boards for name in ("batch", "token_shards")]


def graph_of(boards: Sequence[Board], steps: Sequence[Step]) -> Graph:
    """All works of these boards and steps."""
    every = [*(step for board in boards for step in board.steps), *steps]
    return {work.ref: work for step in every for work in step.works}


def _planned(board: Board, todo: frozenset[Ref]) -> Board:
    return replace(board, steps=as_planned(board.steps, todo))


def makes_its_key(settings: Settings) -> bool:
    """Whether nobody has to give it a key: only the demo, which reads nothing but installed packages."""
    sources = settings.of(IngestSettings).sources
    return settings.profile == "demo" and all(source.kind == "installed_docs" for source in sources)


def will_make_key(settings: Settings, workspace: Workspace) -> bool:
    """Whether the next night makes its own key: a look, which a plan is, makes none."""
    is_given = any(os.environ.get(name) for name in (KEY_VARIABLE, KEY_FILE_VARIABLE))
    return makes_its_key(settings) and not is_given and not os.path.lexists(demo_key_path(workspace.root))


def night_key(settings: Settings, workspace: Workspace) -> ScrubKey:
    """The key of the pseudonyms, to be asked before a night plans. Only the demo may make its own, as is done here.

    Raises `SettingsError` when any other configuration has none.
    """
    named = os.environ.get(KEY_FILE_VARIABLE)
    demo_key = demo_key_path(workspace.root) if makes_its_key(settings) else None
    return load_key(os.environ, Path(named) if named else None, demo_key)
