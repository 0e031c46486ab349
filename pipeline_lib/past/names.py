"""Which documents there are: found by url, by id, or by a name that is nearly theirs; and what never became one.

Nothing is copied into a central table: each shard of each batch knows the urls and ids of its documents. A thousand
batches are looked through in two seconds, the nearest of 100,000 urls are found in a tenth of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from pipeline_lib.past.made import made_last, opened, raw_shards
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.forgotten import STAND_IN, refused_of
from pipeline_lib.store.workspace import Batch, Workspace

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = ("clean.text", "scrub.text")  # have the urls, too, where the raw shard was released; scrub of those it kept


@dataclass(frozen=True)
class Named:
    """A document of a batch, and where it lies."""

    document_id: str
    url: str
    place: str  # "shard_05.jsonl:100"; its url, where that is not known any more
    batch: Batch
    shard: int


@dataclass(frozen=True)
class Quarantined:
    """A record that could not become a document."""

    place: str
    reason: str
    batch: str


def documents(workspace: Workspace, key: str, *, with_forgotten: bool = False) -> Iterator[Named]:
    """All versions of the document with this url or id, oldest first; not of one that is forgotten and still there."""
    import pyarrow.compute as pc

    refused = {source: refused_of(workspace.root, source) for source in _sources(workspace)}
    for batch in workspace.batches():
        for shard, table in tables(workspace, batch):
            is_it = pc.or_(pc.equal(table["document_id"], key), pc.equal(table["url"], key))
            for row in table.filter(is_it).to_pylist():
                if with_forgotten or not refused[batch.source].has(row["url"]):
                    yield Named(row["document_id"], row["url"], row["place"], batch, shard)


def _sources(workspace: Workspace) -> set[str]:
    return {batch.source for batch in workspace.batches()}


def url_of(workspace: Workspace, document_id: str) -> str | None:
    """Where the document with this id came from."""
    return next((named.url for named in documents(workspace, document_id)), None)


def quarantined(workspace: Workspace, place: str) -> list[Quarantined]:
    """What was found at `place` ("shard_05.jsonl:100"), or in that file, that could not become a document."""
    from pipeline_lib.store.schemas import QUARANTINE_FILE
    from pipeline_lib.store.tables import read_table

    found = []
    for batch in workspace.batches():
        for ref in raw_shards(workspace.store, batch):
            path = opened(workspace.store, ref, QUARANTINE_FILE)
            for row in read_table(path, ["place", "reason"]).to_pylist() if path else []:
                if row["place"] == place or row["place"].startswith(f"{place}:"):
                    found.append(Quarantined(row["place"], row["reason"], batch.name))
    return found


def urls_near(workspace: Workspace, name: str, limit: int) -> list[str]:
    """The urls that a person may have meant, the most alike first; none when nothing is alike."""
    import pyarrow as pa

    from pipeline_lib.past.nearest import nearest

    found = (table for batch in workspace.batches() for _, table in tables(workspace, batch))
    chunks = [chunk for table in found for chunk in table["url"].chunks]
    refused = [refused_of(workspace.root, source) for source in _sources(workspace)]
    num_hidden = sum(len(one.places) for one in refused)  # a stand-in for each, or the url itself while it is there
    near = nearest(pa.chunked_array(chunks, pa.string()), name, limit + num_hidden)
    return [url for url in near if not url.startswith(STAND_IN) and not any(one.has(url) for one in refused)][:limit]


def tables(workspace: Workspace, batch: Batch) -> "Iterator[tuple[int, pa.Table]]":
    """The document_id, url and place of the documents of each shard, as far as something of it is still there."""
    made = (made_last(workspace, maker.partition(".")[0], batch, maker) for maker in TEXTS)
    for shard, (raw, *texts) in enumerate(zip_longest(raw_shards(workspace.store, batch), *made)):
        table = _table(workspace, raw, texts)
        if table is not None:
            yield shard, table


def _table(workspace: Workspace, raw: Ref | None, texts: Sequence[Ref | None]) -> "pa.Table | None":
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE
    from pipeline_lib.store.tables import read_table

    path = opened(workspace.store, raw, LEDGER_FILE) if raw else None
    if path is not None:
        return read_table(path, ["document_id", "url", "place"])
    paths = (opened(workspace.store, text, DOCUMENTS_FILE) for text in texts if text)
    for path in filter(None, paths):
        table = read_table(path, ["document_id", "url"])
        return table.append_column("place", table["url"])
    return None
