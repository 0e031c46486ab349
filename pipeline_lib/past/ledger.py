"""What happened to a document: the ledgers of all stages, read along the way it took.

Each stage keeps one row for every document that came in, in its shard. A document is found in what was read of its
batch (names.py), and its row in the later ledgers by the same batch and shard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.past.made import INGEST, last_of, made_last, opened
from pipeline_lib.past.names import Named, documents, url_of
from pipeline_lib.run.stage import Ledger, Stage
from pipeline_lib.stages import OF_A_BATCH
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.mix import OVER_HOST, REASON

if TYPE_CHECKING:
    import pyarrow as pa

STAGES_OF_DOCUMENTS = tuple(stage for stage in OF_A_BATCH if stage.ledger is not None)
BASE_COLUMNS = {"document_id", "is_kept", "reason", "failed"}


@dataclass(frozen=True)
class Decision:
    """What one stage decided on a document, and on what values."""

    stage: str
    is_kept: bool
    reason: str | None
    failed: Sequence[Mapping[str, Any]]  # {"rule", "value", "limit"} of each failing rule
    facts: Mapping[str, Any] = field(default_factory=dict)  # the stage's own columns


@dataclass(frozen=True)
class Story:
    """One version of a document and its way through the stages, as far as it came."""

    document_id: str
    source: str
    url: str
    place: str
    batch: str
    batch_fingerprint: str
    shard: int
    fetched: float | None  # Unix seconds at which its batch was taken in; None: not known any more
    decisions: tuple[Decision, ...]
    withdrawn_by: str | None = None  # the batch that brought a newer version, or in which it was gone
    is_held_out: bool | None = None  # models are judged on it and never learn it; None: not known any more
    waits_for: str | None = None  # the stage that has not seen it yet
    lost: tuple[str, ...] = ()  # stages whose ledger was released or is damaged
    left_out: str | None = None  # why the last snapshot does not have it, although it was kept


def why(workspace: Workspace, key: str) -> list[Story]:
    """The stories of all versions of the document with this URL or id, oldest first. Empty when none is known."""
    return [_story(workspace, named) for named in documents(workspace, key)]


def _story(workspace: Workspace, named: Named) -> Story:
    batch, store = named.batch, workspace.store
    decisions, waits_for, lost = _way(workspace, named)
    withdrawn_by = _withdrawn_by(workspace, named)
    is_through = waits_for is None and withdrawn_by is None and all(decision.is_kept for decision in decisions)
    return Story(
        document_id=named.document_id,
        source=batch.source,
        url=named.url,
        place=named.place,
        batch=batch.name,
        batch_fingerprint=batch.fingerprint,
        shard=named.shard,
        fetched=_taken_in(store, batch.fingerprint),
        decisions=decisions,
        withdrawn_by=withdrawn_by,
        is_held_out=_is_held_out(store, named),
        waits_for=waits_for,
        lost=lost,
        left_out=_left_out(workspace, named) if is_through else None,
    )


def _way(workspace: Workspace, named: Named) -> tuple[tuple[Decision, ...], str | None, tuple[str, ...]]:
    """The decisions in the order of the stages, the stage that it waits for, and those whose ledger is not there."""
    decisions: list[Decision] = []
    lost: list[str] = []
    for stage in STAGES_OF_DOCUMENTS:
        assert stage.ledger is not None
        if not made_last(workspace, stage.word, named.batch, stage.ledger.maker):
            return tuple(decisions), stage.word, tuple(lost)
        try:
            row = _row(workspace, stage, stage.ledger, named)
        except DamagedArtifact:
            lost.append(stage.word)
            continue
        if row is None:
            return tuple(decisions), stage.word, tuple(lost)
        decisions.append(_decision(workspace, stage.word, row))
        if not row["is_kept"]:
            break
    return tuple(decisions), None, tuple(lost)


def _decision(workspace: Workspace, stage: str, row: Mapping[str, Any]) -> Decision:
    facts = {name: value for name, value in row.items() if name not in BASE_COLUMNS and value is not None}
    if "duplicate_of" in facts:
        facts["duplicate_url"] = url_of(workspace, facts["duplicate_of"])
    return Decision(stage, row["is_kept"], row["reason"], row["failed"] or [], facts)


def _row(workspace: Workspace, stage: Stage, ledger: Ledger, named: Named) -> dict[str, Any] | None:
    """What a stage wrote of a document: its row of the ledger, with the columns that stand beside it.

    None where the ledger has no such row: it was not asked about it. Raises `DamagedArtifact` where there is no ledger.
    """
    import pyarrow.compute as pc

    file = ledger.file.format(shard=named.shard)
    at = named.shard if file == ledger.file else 0  # one artifact a shard, or one for all of them
    table = _table(workspace, stage.word, named, ledger.maker, file, at)
    if table is None:
        raise DamagedArtifact(f"{stage.word} {named.batch.name}: its ledger of shard {named.shard} is not there.")
    place = pc.index(table["document_id"], named.document_id).as_py()
    if place < 0:
        return None
    row: dict[str, Any] = {}
    for maker, beside in ledger.beside:
        columns = _table(workspace, stage.word, named, maker, beside, named.shard)
        row |= columns.slice(place, 1).to_pylist()[0] if columns else {}
    row |= table.slice(place, 1).to_pylist()[0]
    return row


def _table(workspace: Workspace, stage: str, named: Named, maker: str, file: str, at: int) -> "pa.Table | None":
    from pipeline_lib.store.tables import read_table

    refs = made_last(workspace, stage, named.batch, maker)
    path = opened(workspace.store, refs[at], file) if at < len(refs) else None
    return None if path is None else read_table(path)


def _withdrawn_by(workspace: Workspace, named: Named) -> str | None:
    """The later batch that withdrew this version."""
    from pipeline_lib.store.tables import read_table

    stone = {"document_id": named.document_id, "batch": named.batch.fingerprint}
    for batch in workspace.batches():
        if batch.source == named.batch.source and batch.number > named.batch.number:
            path = opened(workspace.store, Ref(INGEST, batch.fingerprint), "tombstones.parquet")
            if path is not None and stone in _rows(read_table(path, list(stone)), "document_id", named.document_id):
                return batch.name
    return None


def _is_held_out(store: Store, named: Named) -> bool | None:
    """Its side, by the share that was in force when its shard arrived."""
    from pipeline_lib.store.sides import is_held_out, sides_of
    from pipeline_lib.store.tables import read_table

    path = opened(store, Ref(INGEST, named.batch.fingerprint), "inventory.parquet")
    rows = read_table(path, ["shard", "heldout_share"]).to_pylist() if path else []
    share = next((row["heldout_share"] for row in rows if row["shard"] == named.shard), None)
    return None if share is None else bool(is_held_out(sides_of([named.batch.source], [named.url]), share)[0])


def _left_out(workspace: Workspace, named: Named) -> str | None:
    """Why the last snapshot does not have a document that was kept; None where it has it, or where there is none."""
    from pipeline_lib.store.shards import EXCLUDED_FILE, SHARDS_FILE
    from pipeline_lib.store.tables import read_table

    snapshots = last_of(workspace, "tokenize-snapshot", "tokenize.snapshot")
    own = made_last(workspace, "tokenize", named.batch, "tokenize.encode")
    paths = [opened(workspace.store, ref, file) for ref in snapshots for file in (SHARDS_FILE, EXCLUDED_FILE)]
    if not all(paths) or len(paths) != 2 or named.shard >= len(own):
        return None
    shards, excluded = (_rows(read_table(path), "shard", own[named.shard].fingerprint) for path in paths if path)
    if not shards:
        return "its source is not asked for"
    row = next((row for row in excluded if row["document_id"] == named.document_id), None)
    if row is not None and row.get(REASON) == OVER_HOST:
        return "its host has more text than most_tokens_per_host of its source takes"
    return None if row is None else "weights and caps of the sources leave it out"


def _taken_in(store: Store, batch: str) -> float | None:
    try:
        return store.read(INGEST, batch).created
    except DamagedArtifact:
        return None


def _rows(table: "pa.Table", column: str, value: str) -> list[dict[str, Any]]:
    """The rows that have this value in a column."""
    import pyarrow.compute as pc

    rows: list[dict[str, Any]] = table.filter(pc.equal(table[column], value)).to_pylist()
    return rows
