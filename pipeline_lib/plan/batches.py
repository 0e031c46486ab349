"""Which batches there are: those of the catalog, and those that tonight's look at the sources adds.

Reads; makes nothing but the cache of file digests, and the copies of new plans.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.base.words import counted
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.ingest import works
from pipeline_lib.ingest.plan import TOMBSTONES_FILE, BatchPlan, ShardPlan
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.ingest.stage import kept_plan, replan, scan
from pipeline_lib.plan.landings import folder_of, is_unasked, landings_of, whole_landing
from pipeline_lib.plan.sides import share_of_new
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.board import Board
from pipeline_lib.run.lists import list_works
from pipeline_lib.run.maker import recorded
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import with_sums
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.forgotten import refused_of
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.tokenize.settings import TokenizeSettings

INGEST = "ingest"


@dataclass(frozen=True)
class Opened:
    """A batch that is laid out: what it was made of, or how it is made."""

    batch: Batch
    raw: tuple[Ref, ...]
    plan: BatchPlan | None = None  # None: sealed, nothing of it is made
    is_new: bool = False
    landing: Ref | None = None
    num_read_anew: int = 0  # of a new batch: files that only its source's settings make other ones

    @property
    def ref(self) -> Ref:
        """The batch as an artifact."""
        return Ref(INGEST, self.batch.fingerprint)


def sealed_batches(
    settings: Settings, workspace: Workspace, batches: Sequence[Batch]
) -> tuple[list[Opened], list[Batch]]:
    """These batches of the catalog as they are; and those that are lost and cannot be made again."""
    opened: list[Opened] = []
    lost: list[Batch] = []
    for batch in batches:
        if any(earlier.source == batch.source for earlier in lost):
            lost.append(batch)  # it leaves out what a lost one held
            continue
        found = _sealed(workspace, batch) or remade(settings, workspace, batch)
        if found is None:
            lost.append(batch)
        else:
            opened.append(found)
    return opened, lost


def _sealed(workspace: Workspace, batch: Batch) -> Opened | None:
    store = workspace.store
    manifest = store.condition(Ref(INGEST, batch.fingerprint))
    if not manifest.is_present or manifest.manifest is None:
        return None
    try:
        return Opened(batch, tuple(store.members(manifest.manifest.inputs["shards"])))
    except DamagedArtifact:
        return None


def remade(settings: Settings, workspace: Workspace, batch: Batch) -> Opened | None:
    """A batch with the plan by which it is made again; None where its files have changed, or how they are read.

    A source that the settings do not name any more is not asked for its files: nothing of it may be lost but the batch.
    """
    own = settings.of(IngestSettings)
    source = next((source for source in own.sources if source.name == batch.source), None)
    if not batch.plan:
        return None
    landings = [None] if source is None else landings_of(workspace, source, batch.landing)
    found = (_remade_from(landing, own, source, workspace, batch) for landing in landings)
    return next((made for made in found if made is not None), None)


def _remade_from(
    landing: Ref | None, own: IngestSettings, source: Source | None, workspace: Workspace, batch: Batch
) -> Opened | None:
    kept = _plans_of(own, workspace, batch)

    def is_lost(shard: ShardPlan) -> bool:
        made = works.shards(own, batch.source, shard, Ref("", ""))
        return not all(workspace.store.is_present(work.ref) for work in made)

    plan = replan(own, source, batch.plan, kept, is_lost, landing=folder_of(workspace, landing))
    if plan is None:
        return None
    made = _made_of(own, batch, plan, landing)
    return made if made.batch.fingerprint == batch.fingerprint else None


def _plans_of(own: IngestSettings, workspace: Workspace, batch: Batch) -> list[Path]:
    """Where the plan of a batch may still be: kept apart, or sealed as it was made."""
    sealed = works.named_plan(own, batch.source, batch.plan).ref
    is_there = workspace.store.is_present(sealed)
    kept = kept_plan(workspace.root, batch.plan)
    return [kept, *([workspace.store.path(sealed.stage, sealed.fingerprint)] if is_there else [])]


def new_batches(
    settings: Settings,
    workspace: Workspace,
    pasts: Mapping[str, Sequence[Ref]],
    opened: Sequence[Opened],
    batches: Sequence[Batch],
    *,
    number: int,
    num_heldout: int,
    given_up: Sequence[Batch] = (),
) -> tuple[list[Opened], dict[str, Any]]:
    """One batch for each source that has something new, changed or gone; and what is passed over, by source.

    A source of which nobody knows what it holds is left out until it has been asked.
    `pasts`: for each source the artifacts that stand for its closed batches; `batches`: all that there are;
    `number`: the highest one in use, also that of a batch which is given up: what was in these keeps its shares.
    """
    from pipeline_lib.ingest.past import SourcePast

    own = settings.of(IngestSettings)
    share = partial(
        share_of_new,
        settings.of(TokenizeSettings),
        settings.of(EvaluateSettings),
        num_heldout=num_heldout,
        min_documents=settings.of(RegisterSettings).gate.min_documents,
    )
    new: list[Opened] = []
    passed_over: dict[str, Any] = {}
    for source in own.sources:
        landing = whole_landing(workspace, source)
        if is_unasked(source, landing):
            continue
        parts = [
            *pasts.get(source.name, ()),
            *(part_of(item, workspace) for item in opened if item.batch.source == source.name),
        ]
        before = next((batch.fingerprint for batch in reversed(batches) if batch.source == source.name), "")
        scanned = scan(
            own,
            source,
            SourcePast(workspace.store, parts, _remembered(own, given_up, source.name, workspace)),
            workspace.state / "scan" / f"{source.name}.json",
            before=before,
            landing=folder_of(workspace, landing),
            heldout_share=share,
            refused=refused_of(workspace.root, source.name),
        )
        passed_over[source.name] = scanned.passed_over
        if scanned.plan is not None:
            number += 1
            today = datetime.now(UTC).date().isoformat()
            made = _made_of(own, Batch(number, source.name, "", arrived=today), scanned.plan, landing)
            new.append(replace(made, is_new=True, num_read_anew=scanned.num_read_anew))
    return new, passed_over


def part_of(item: Opened, workspace: Workspace) -> Any:
    """What a scan asks of an open batch: itself, or its plan where it is made again."""
    if item.plan is None or workspace.store.is_present(item.ref):
        return item.ref
    return _planned(item.batch, item.plan, item.raw, workspace.store)


def _planned(batch: Batch, plan: BatchPlan, raw: Iterable[Ref], store: Store) -> Any:
    """A batch that is not there, by its plan and those of its raw shards that are."""
    from pipeline_lib.ingest.history import PlannedBatch

    shards = tuple(ref.fingerprint if store.is_present(ref) else None for ref in raw)
    return PlannedBatch(batch.fingerprint, plan, shards)


def _remembered(own: IngestSettings, given_up: Sequence[Batch], source: str, workspace: Workspace) -> list[Any]:
    """What still says under which shares the documents of these batches arrived: themselves, else their kept plans."""
    from pipeline_lib.ingest.plan_files import read_plan

    found: list[Any] = []
    for batch in given_up:
        if batch.source != source:
            continue
        if workspace.store.is_present(ref := Ref(INGEST, batch.fingerprint)):
            found.append(ref)
            continue
        for place in _plans_of(own, workspace, batch):
            with suppress(DataError):
                plan = read_plan(place)
                raw = _raw(own, plan, Ref("", ""), None)
                found.append(_planned(batch, plan, raw, workspace.store))
                break
    return found


def tombstones_of(store: Store, opened: Sequence[Opened]) -> frozenset[str]:
    """The documents that leave by these batches, as far as they are planned or read."""
    from pipeline_lib.store.tables import read_table

    ids: set[str] = set()
    for item in opened:
        if item.plan is not None:
            ids.update(stone.document_id for stone in item.plan.tombstones)
        elif store.is_present(item.ref):
            path = store.path(INGEST, item.batch.fingerprint) / TOMBSTONES_FILE
            ids.update(read_table(path, columns=["document_id"])["document_id"].to_pylist())
    return frozenset(ids)


def _made_of(settings: IngestSettings, batch: Batch, plan: BatchPlan, landing: Ref | None) -> Opened:
    """The batch that a plan makes, by its name."""
    planned = works.plan(settings, plan)
    raw = _raw(settings, plan, planned.ref, landing)
    whole = works.batch(settings, plan.source, planned.ref, list_works(INGEST, raw)[-1].ref)
    read_from = "" if landing is None else landing.fingerprint
    named = replace(batch, fingerprint=whole.fingerprint, plan=plan.content, landing=read_from)
    return Opened(named, raw, plan, landing=landing)


def _raw(settings: IngestSettings, plan: BatchPlan, planned: Ref, landing: Ref | None) -> tuple[Ref, ...]:
    """What is read into the batch of a plan, shard by shard."""
    made = (works.shards(settings, plan.source, shard, planned, landing) for shard in plan.shards)
    return tuple(work.ref for one in made for work in one)


def at_work(item: Opened, before: Board, params: Mapping[str, Any], settings: Settings, workspace: Workspace) -> Board:
    """The board of a batch with the works of ingest; it takes over what the batch before carries."""
    board = Board(item.batch.name, params, carried=before.carried)
    board = _sealed_board(item, board, workspace) if item.plan is None else _planned_board(item, board, settings)
    board = board.carrying(f"past:{item.batch.source}", item.ref, works.past)
    return with_sums(board, INGEST)


def _planned_board(item: Opened, board: Board, settings: Settings) -> Board:
    assert item.plan is not None
    own, source = settings.of(IngestSettings), item.plan.source
    planned = works.plan(own, item.plan)
    given = (planned.ref, item.landing)
    chains = [{"raw": work} for shard in item.plan.shards for work in works.shards(own, source, shard, *given)]
    splits = tuple(works.split(own, source, shard, *given) for shard in item.plan.shards if shard.num_parts > 1)
    listed = list_works(INGEST, [chain["raw"].ref for chain in chains])[-1]
    whole = works.batch(own, source, planned.ref, listed.ref)
    return board.with_chains(INGEST, chains, {"raw": "raws"}, [("batch", whole)], heads=(planned,), firsts=splits)


def _sealed_board(item: Opened, board: Board, workspace: Workspace) -> Board:
    """Nothing is made of it: its shards are only named, and may be gone."""
    store = workspace.store
    whole = recorded(store.read(INGEST, item.batch.fingerprint))
    return Board(
        board.label,
        board.params,
        {"raw": item.raw},
        {"batch": whole.ref},
        board.carried,
        (Step(INGEST, board.label, (), (whole,), whole),),
    )


def lost_raw(opened: Sequence[Opened], dead: Collection[Ref]) -> list[Opened]:
    """The sealed batches of which something is needed that is gone."""
    return [item for item in opened if item.plan is None and any(ref in dead for ref in item.raw)]


def keep_plans(opened: Sequence[Opened], workspace: Path) -> None:
    """Put copies of the new plans where their makers find them, and where they outlive a batch that is lost."""
    from pipeline_lib.ingest.stage import keep

    for item in opened:
        if item.plan is not None:
            keep(item.plan, workspace)


def described(item: Opened) -> str:
    """A new batch in one line for people: "docs: 3 files new, 1 file changed". A landing has pieces of its rows."""
    plan, noun = item.plan, "file" if item.landing is None else "piece"
    assert plan is not None
    counts = (
        (plan.num_new_files, "new"),
        (plan.num_changed_files - item.num_read_anew, "changed"),
        (item.num_read_anew, "as before, but read by other settings: what reads otherwise is another document"),
        (plan.num_gone_files, "gone"),
    )
    return f"{plan.source}: " + ", ".join(f"{counted(count, noun)} {what}" for count, what in counts if count)
