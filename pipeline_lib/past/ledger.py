"""What happened to a document: the ledgers of all stages, read along the way it took.

Each stage keeps one row for every document that came in, in its shard. Nothing is copied into a central table: a
document is found in the ingest ledger of its batch, and its row in the later ones by the same batch and shard.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.run.stage import Stage
from pipeline_lib.stages import OF_A_BATCH
from pipeline_lib.store import schemas, tables
from pipeline_lib.store.artifact import Ref, read_manifest
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Batch, Workspace

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
    fetched: float  # Unix seconds at which its shard was read
    decisions: tuple[Decision, ...]
    withdrawn_by: str | None = None  # the batch that brought a newer version, or in which it was gone


@dataclass(frozen=True)
class Quarantined:
    """A record that could not become a document."""

    place: str
    reason: str
    batch: str


def why(workspace: Workspace, key: str) -> list[Story]:
    """The stories of all versions of the document with this URL or id, oldest first. Empty when none is known."""
    withdrawn = _withdrawn(workspace)
    return [
        _story(workspace, batch, shard, row, withdrawn.get((row["document_id"], batch.fingerprint)))
        for batch in workspace.batches()
        for shard, row in _found(workspace.store, batch, key)
    ]


def url_of(workspace: Workspace, document_id: str) -> str | None:
    """Where the document with this id came from."""
    found = (row["url"] for batch in workspace.batches() for _, row in _found(workspace.store, batch, document_id))
    return next(found, None)


def quarantined(workspace: Workspace, place: str) -> list[Quarantined]:
    """What was found at `place` ("shard_05.jsonl:100"), or in that file, that could not become a document."""
    found = []
    for batch in workspace.batches():
        for _, ledger in _ingest_ledgers(workspace.store, batch):
            path = ledger.with_name(schemas.QUARANTINE_FILE)
            for row in tables.read_table(path).to_pylist() if path.is_file() else []:
                if row["place"] == place or row["place"].startswith(f"{place}:"):
                    found.append(Quarantined(row["place"], row["reason"], batch.name))
    return found


def urls_like(workspace: Workspace, part: str, limit: int) -> list[str]:
    """Some URLs that contain `part`: what a person may have meant."""
    found: list[str] = []
    for batch in workspace.batches():
        for _, path in _ingest_ledgers(workspace.store, batch):
            column = tables.read_table(path, ["url"]).column("url").to_pylist()
            found += [url for url in column if part.lower() in url.lower()]
            if len(found) >= limit:
                return found[:limit]
    return found


def _found(store: Store, batch: Batch, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow.compute as pc

    for shard, path in _ingest_ledgers(store, batch):
        table = tables.read_table(path, ["document_id", "url", "place"])
        is_it = pc.or_(pc.equal(table["document_id"], key), pc.equal(table["url"], key))
        for row in table.filter(is_it).to_pylist():
            yield shard, {**row, "fetched": _made(path)}


def _ingest_ledgers(store: Store, batch: Batch) -> Iterator[tuple[int, Path]]:
    try:
        raw = list(store.members(store.read("ingest", batch.fingerprint).inputs["shards"]))
    except DamagedArtifact:
        return
    for number, ref in enumerate(raw):
        path = store.path(ref.stage, ref.fingerprint) / schemas.LEDGER_FILE
        if path.is_file():
            yield number, path


def _made(ledger: Path) -> float:
    return read_manifest(ledger.parent).created


def _story(workspace: Workspace, batch: Batch, shard: int, row: Mapping[str, Any], withdrawn: str | None) -> Story:
    decisions = tuple(_decisions(workspace, batch, shard, row["document_id"]))
    return Story(
        document_id=row["document_id"],
        source=batch.source,
        url=row["url"],
        place=row["place"],
        batch=batch.name,
        batch_fingerprint=batch.fingerprint,
        shard=shard,
        fetched=row["fetched"],
        decisions=decisions,
        withdrawn_by=withdrawn,
    )


def _decisions(workspace: Workspace, batch: Batch, shard: int, document_id: str) -> Iterator[Decision]:
    for stage in STAGES_OF_DOCUMENTS:
        row = _row(workspace, stage, batch, shard, document_id)
        if row is None:
            return
        facts = {name: value for name, value in row.items() if name not in BASE_COLUMNS and value is not None}
        if "duplicate_of" in facts:
            facts["duplicate_url"] = url_of(workspace, facts["duplicate_of"])
        yield Decision(stage.word, row["is_kept"], row["reason"], row["failed"] or [], facts)
        if not row["is_kept"]:
            return


def _row(workspace: Workspace, stage: Stage, batch: Batch, shard: int, document_id: str) -> dict[str, Any] | None:
    """What a stage wrote of a document: its row of the ledger, with the columns that stand beside it."""
    import pyarrow.compute as pc

    assert stage.ledger is not None
    own = made_last(workspace, stage.word, batch, stage.ledger.maker)
    at = shard if len(own) > 1 or "{shard" not in stage.ledger.file else 0
    path = _file(workspace, own, at, stage.ledger.file.format(shard=shard))
    if path is None:
        return None
    table = tables.read_table(path)
    places = pc.indices_nonzero(pc.equal(table["document_id"], document_id)).to_pylist()
    if not places:
        return None
    row: dict[str, Any] = table.slice(places[0], 1).to_pylist()[0]
    for maker, file in stage.ledger.beside:
        beside = _file(workspace, made_last(workspace, stage.word, batch, maker), shard, file)
        if beside is not None:
            row |= tables.read_table(beside).slice(places[0], 1).to_pylist()[0]
    return row


def made_last(workspace: Workspace, stage: str, batch: Batch, maker: str) -> list[Ref]:
    """What a maker made of a batch when it was last done, in the order of the shards."""
    entries = (entry.partition(" ") for entry in workspace.last(f"{stage}-{batch.name}"))
    return [Ref(stage, fingerprint) for name, _, fingerprint in entries if name == maker]


def _file(workspace: Workspace, refs: Sequence[Ref], at: int, name: str) -> Path | None:
    if at >= len(refs):
        return None
    path = workspace.store.path(refs[at].stage, refs[at].fingerprint) / name
    return path if path.is_file() else None


def _withdrawn(workspace: Workspace) -> dict[tuple[str, str], str]:
    """For (document, batch that held it) the name of the batch that withdrew it."""
    return {
        (document, holder): batch.name
        for batch in workspace.batches()
        for document, holder in _tombstones(workspace.store, batch)
    }


def _tombstones(store: Store, batch: Batch) -> Iterator[tuple[str, str]]:
    path = store.path("ingest", batch.fingerprint) / "tombstones.parquet"
    if path.is_file():
        table = tables.read_table(path, ["document_id", "batch"])
        yield from zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
