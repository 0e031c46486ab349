"""Which document is meant by a name, where its versions lie, and who has learned it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.forget.names import Names
from pipeline_lib.ingest.naming import escape
from pipeline_lib.past.ledger import Story, why
from pipeline_lib.past.made import made_last, opened
from pipeline_lib.past.names import Named, documents, tables, url_of, urls_near
from pipeline_lib.past.trace import models_beside
from pipeline_lib.plan.trunks import TRUNK
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.forgotten import ForgetKey, Lay, Tombstone, stones_of
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.train.stage import TRAIN

SUGGESTIONS = 5
# What has the urls of documents beside their ids: by stage and maker the file.
WITH_URLS = {
    "ingest": {"ingest.read": LEDGER_FILE},
    "clean": {"clean.text": DOCUMENTS_FILE},
    "scrub": {"scrub.text": DOCUMENTS_FILE},
}


@dataclass(frozen=True)
class Sought:
    """A document that is to be forgotten."""

    source: str
    url: str
    path: str | None  # of its file, where that is the document
    versions: tuple[Named, ...]
    stories: tuple[Story, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether models are judged on it, as far as that is known."""
        return any(story.is_held_out for story in self.stories)

    def names(self, key: ForgetKey) -> Names:
        """What it is called, and what takes the place of that."""
        ids = {one.document_id: key.of_document(one.document_id) for one in self.versions}
        return Names(self.source, self.url, self.path, ids, key.of_place(self.source, self.url), self.is_held_out)

    def stone(self, key: ForgetKey, *, at: float, models: Iterable[str]) -> Tombstone:
        """Its tombstone."""
        lay = {
            Lay(one.batch.fingerprint, one.shard, key.of_document(one.document_id), self.is_held_out)
            for one in self.versions
        }
        ordered = tuple(sorted(lay, key=lambda one: (one.batch, one.part, one.document)))
        place = key.of_place(self.source, self.url)
        return Tombstone(self.source, place, ordered, at, tuple(models), key=key.name)


def seek(workspace: Workspace, name: str, source: str | None) -> Sought:
    """The one document with this url or id, of this source where one is named.

    Raises `SettingsError` where there is none, with the nearest names, or where several sources have one.
    """
    found = list(documents(workspace, name))
    places = {(one.batch.source, one.url) for one in found if source in (None, one.batch.source)}
    if not places:
        raise SettingsError(_unknown(workspace, name, source, {one.batch.source for one in found}))
    if len(places) > 1:
        sources = ", ".join(sorted({one for one, _ in places}))
        raise SettingsError(f"forget: {name} is a document of several sources: {sources}. Say which: --source NAME.")
    ((own, url),) = places
    stories = tuple(story for story in why(workspace, url) if (story.source, story.url) == (own, url))
    versions = tuple(one for one in documents(workspace, url) if (one.batch.source, one.url) == (own, url))
    return Sought(own, url, _path_of(versions), versions, stories)


def models_that_learned(workspace: Workspace, sought: Sought) -> list[str]:
    """The fingerprints of the models that have read some of it, or of which nobody can say any more."""
    seen = (one for story in sought.stories for one in models_beside(workspace.store, story))
    return list(
        dict.fromkeys(one.model for one in seen if one.inherited or (one.own is not None and one.own.num_read != 0))
    )


def with_heirs(store: Store, models: Collection[str]) -> list[str]:
    """These models, and those that go on from the trunk of one of them, or of such a one: they have it from there."""
    trunks = {one.fingerprint: one.inputs[TRUNK].fingerprint for one in store.list(TRAIN.name) if TRUNK in one.inputs}
    found = dict.fromkeys(models)
    for model in trunks:
        chain = [model]
        while chain[-1] in trunks and chain[-1] not in found:
            chain.append(trunks[chain[-1]])
        found |= dict.fromkeys(chain) if chain[-1] in found else {}
    return list(found)


def alike(workspace: Workspace, sought: Sought) -> list[str]:
    """The urls of other documents with the same text, or nearly: dropped for this one, or this one for them."""
    from pipeline_lib.store.tables import read_table

    ids = {one.document_id for one in sought.versions}
    found: set[str] = set()
    for batch in workspace.batches():
        for ref in made_last(workspace, "dedup", batch, "dedup.decide"):
            for entry in workspace.store.read(ref.stage, ref.fingerprint).files:
                path = opened(workspace.store, ref, entry.name) if entry.name.endswith(LEDGER_FILE) else None
                table = read_table(path, ["document_id", "duplicate_of"]).to_pylist() if path else []
                pairs = ((row["document_id"], row["duplicate_of"]) for row in table if row["duplicate_of"])
                found |= {other for pair in pairs if not ids.isdisjoint(pair) for other in pair}
    urls = {url_of(workspace, other) for other in found - ids}
    return sorted(url for url in urls if url and url != sought.url)


def still_named(workspace: Workspace, stone: Tombstone, key: ForgetKey) -> Names | None:
    """What a document is called of which only the tombstone is known, as long as it is still there."""
    batches = {lay.batch for lay in stone.lay}
    rows = [row for one in workspace.batches() if one.fingerprint in batches for row in _rows(workspace, one, stone)]
    own = [row for row in rows if key.of_place(stone.source, row["url"]) == stone.place]
    if not own:
        return None
    ids = {row["document_id"]: key.of_document(row["document_id"]) for row in own}
    url, place = own[0]["url"], own[0]["place"]
    is_held_out = any(lay.is_held_out for lay in stone.lay)
    return Names(stone.source, url, place if escape(place) == url else None, ids, stone.place, is_held_out)


def with_all_versions(store: Store, names: Names, key: ForgetKey) -> Names:
    """The names with the ids of all versions that lie anywhere: also in a batch that was given up, or in no batch."""
    ids = {one for ref in store.everything() for one in _ids_at(store, ref, names)}
    return replace(names, ids={**names.ids, **{one: key.of_document(one) for one in sorted(ids)}})


def _ids_at(store: Store, ref: Ref, names: Names) -> list[str]:
    """The ids of what has this url among the documents of an artifact."""
    import pyarrow.compute as pc

    from pipeline_lib.store.tables import read_table

    found = store.condition(ref).manifest if ref.stage in WITH_URLS else None
    file = None if found is None else WITH_URLS[ref.stage].get(found.maker)
    path = None if file is None else opened(store, ref, file)
    if path is None or (found is not None and found.facts.get("source", names.source) != names.source):
        return []
    table = read_table(path, ["document_id", "url", *(["source"] if file == DOCUMENTS_FILE else [])])
    own = table.filter(pc.equal(table["url"], names.url))
    if file == DOCUMENTS_FILE:
        own = own.filter(pc.equal(own["source"], names.source))
    ids: list[str] = own["document_id"].to_pylist()
    return ids


def _rows(workspace: Workspace, batch: Batch, stone: Tombstone) -> Iterator[dict[str, str]]:
    parts = {lay.part for lay in stone.lay if lay.batch == batch.fingerprint}
    for part, table in tables(workspace, batch):
        if part in parts:
            yield from table.to_pylist()


def _path_of(versions: Iterable[Named]) -> str | None:
    """The path of a document that is a file: its place is its url, but for the signs that a url escapes."""
    return next((one.place for one in versions if escape(one.place) == one.url), None)


def _unknown(workspace: Workspace, name: str, source: str | None, elsewhere: set[str]) -> str:
    if elsewhere:
        return (
            f"forget: {name} is no document of source {source!r}, but of {', '.join(sorted(elsewhere))}. Name that one."
        )
    if stones_of(workspace.root, name):
        return f"forget: {name} is forgotten already."
    near = urls_near(workspace, name, SUGGESTIONS)
    advice = "\n  ".join(["Did you mean one of these?", *near]) if near else "nightshift why finds what there is."
    return f"forget: no document of {workspace.root} has the URL or id {name}. {advice}"
