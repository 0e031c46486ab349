"""Takes documents out of all artifacts of a workspace, each under its own name.

    names -> tables of ids, places and files are asked -> those that have one are written again (columns.py) -> state

What stands under a name that follows from it stays, and so do all other documents. What cannot be read any more goes:
nobody could say what it holds. Done once more, after a kill, it goes on: what is done says so in its manifest. Token
shards come last, since the counts of tables are made right by them.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.dedup.schemas import INDEX_FILE
from pipeline_lib.evaluate.stage import BENCHMARK
from pipeline_lib.forget.benchmark import less_of, record_without
from pipeline_lib.forget.columns import (
    Taking,
    blank_rows,
    counts_of,
    gone_files,
    has_names,
    holes,
    names_something,
    renamed_files,
    rows_with,
    without_rows,
)
from pipeline_lib.ingest.past import GONE_FILE
from pipeline_lib.ingest.places import forget_rows, kept_beside, places_path
from pipeline_lib.ingest.plan import (
    ARRIVALS_FILE,
    FILES_FILE,
    INVENTORY_FILE,
    MEMBERS_FILE,
    PLAN_FILE,
    TOMBSTONES_FILE,
)
from pipeline_lib.model.records import PER_DOCUMENT_FILE
from pipeline_lib.report.records import forget_pages
from pipeline_lib.store import ablations
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.files import read_json, remove_file
from pipeline_lib.store.forgotten import read_tombstones
from pipeline_lib.store.joined import batches_at
from pipeline_lib.store.local import Store
from pipeline_lib.store.parts import LEFT_FILE, Span
from pipeline_lib.store.rewriting import Rewriting, Writer, rewrite
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE, QUARANTINE_FILE, TOKENS_FILE
from pipeline_lib.store.shards import COUNTS_FILE, SHARDS_FILE, read_counts, write_counts
from pipeline_lib.store.tables import read_table
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.joined import JOINED
from pipeline_lib.tokenize.stage import ENCODE

MARK = "forgotten"  # in `made` of a manifest: the places of the documents that were taken out
STAGES = (
    "ingest",
    "clean",
    "dedup",
    "scrub",
    "tokenize",
    JOINED.stage,
    "evaluate",
)  # whose artifacts have rows of documents
LANDING, PLAN = "ingest.land", "ingest.plan"  # which go as a whole
SPLIT = "ingest.split"  # goes as well, of whatever it was read: its text may be that of no shard yet
WITH_TOKENS = (ENCODE.name, JOINED.name)
ASKED_BY_NAME = frozenset({INDEX_FILE, MEMBERS_FILE, ARRIVALS_FILE, PER_DOCUMENT_FILE})  # lose the row
LISTS_OF_FILES = frozenset({FILES_FILE, INVENTORY_FILE})
PARQUET = ".parquet"

Counts = Mapping[str, NDArray[np.int64]]  # by token shard how often each token comes in what is taken out


def purge(workspace: Workspace, taking: Taking, told: Callable[[int, int], None]) -> None:
    """Take these documents out. Only the holder of the workspace's lock may call this.

    Trials of steps (`store/ablations.py`) go as a whole, also one that began meanwhile: it has read what was there.
    Raises `WorkspaceBusy` where one is at work; done once more, it goes on.
    """
    ablations.remove(workspace.root)
    store = workspace.store
    refs = [ref for ref in store.everything() if ref.stage in STAGES]
    found = [one for ref in refs if (one := _whole(store, ref, taking)) is not None]
    last = [one for one in found if one.maker in WITH_TOKENS]
    first = [one for one in found if one.maker not in (*WITH_TOKENS, LANDING, PLAN, SPLIT)]
    counts: dict[str, NDArray[np.int64]] = {}
    for one in last:  # what lies in several places may have lost its tokens in one of them
        counts |= {shard: np.maximum(own, counts.get(shard, 0)) for shard, own in _counts(store, one, taking).items()}
    for number, manifest in enumerate([*first, *last]):
        told(number, len(found))
        take_out(store, manifest, taking, counts)
    for one in found:
        if one.maker == SPLIT and one.facts["source"] in {names.source for names in taking.names}:
            store.remove(one.ref)
    _forget_plans(workspace, taking, [one for one in found if one.maker == PLAN])
    _forget_landings(workspace, taking, [one for one in found if one.maker == LANDING])
    _forget_caches(workspace, taking)
    ablations.remove(workspace.root)
    told(len(found), len(found))


def purge_judged(store: Store, taking: Taking) -> None:
    """Take these documents out of the benchmarks and of the scores on them."""
    for ref in store.everything():
        if ref.stage == BENCHMARK.stage and (found := _whole(store, ref, taking)) is not None:
            take_out(store, found, taking, {})


def take_out(store: Store, manifest: Manifest, taking: Taking, counts: Counts) -> None:
    """Write one artifact again without these documents, if it has any."""
    places = taking.places
    if places <= set(manifest.made.get(MARK, ())):
        return
    files = _changes(store, manifest, taking, counts)
    if not files:
        return
    if manifest.maker == BENCHMARK.name:
        less = less_of(store.path(manifest.ref.stage, manifest.fingerprint), taking)
        change = Rewriting({**files, **record_without(less)}, lambda new: _told(less.of(new), places))
    else:
        change = Rewriting(files, partial(_told, places=places))
    rewrite(store, manifest.ref, change)


def marked(store: Store, place: str) -> Counter[str]:
    """How many artifacts of each maker a document was taken out of."""
    every = (store.condition(ref).manifest for ref in store.everything() if ref.stage in STAGES)
    return Counter(one.maker for one in every if one is not None and place in one.made.get(MARK, ()))


def _told(manifest: Manifest, places: Iterable[str]) -> Manifest:
    made = {**manifest.made, MARK: sorted({*places, *manifest.made.get(MARK, ())})}
    return replace(manifest, made=made)


def _whole(store: Store, ref: Ref, taking: Taking) -> Manifest | None:
    """The manifest of an artifact that is whole. One that is damaged goes if it may hold what shall be gone."""
    condition = store.condition(ref)
    if condition.is_present:
        return condition.manifest
    if _may_hold(store.path(ref.stage, ref.fingerprint), taking):
        store.remove(ref)
    return None


def _may_hold(folder: Path, taking: Taking) -> bool:
    """Whether a damaged artifact has one of the documents, as far as can be told: without ids it cannot."""
    sources = {one.source for one in taking.names}
    tables = [path for path in folder.rglob(f"*{PARQUET}") if path.name != COUNTS_FILE]
    try:
        is_named = any(names_something(table, taking, source) for table in tables for source in sources)
        return is_named or not all(has_names(table) for table in tables)
    except (OSError, pa.ArrowException):
        return True


def _changes(store: Store, manifest: Manifest, taking: Taking, counts: Counts) -> dict[str, Writer]:
    """How the files that have one of the documents are written again."""
    folder = store.path(manifest.ref.stage, manifest.fingerprint)
    source, rows = _source(store, manifest), _rows(store, manifest, taking)
    changes: dict[str, Writer] = {}
    for entry in manifest.files:
        path, name = folder / entry.name, Path(entry.name).name
        if name == COUNTS_FILE:
            less = _less(manifest, folder, entry.name, counts)
            changes |= {} if less is None else {entry.name: partial(_without_counts, less=less)}
        elif name == TOKENS_FILE:
            has_some = not counts.keys().isdisjoint(_shards_in(manifest))
            changes |= {entry.name: partial(holes, taking=taking)} if has_some else {}
        elif path.suffix == PARQUET and (rows or names_something(path, taking, source)):
            changes[entry.name] = _writer(manifest, name, taking, source, rows)
    return changes


def _writer(manifest: Manifest, name: str, taking: Taking, source: str | None, rows: Sequence[int]) -> Writer:
    if name in LISTS_OF_FILES:
        return partial(gone_files, stand_ins=taking.files_of(source or ""))
    if name == QUARANTINE_FILE:
        return partial(renamed_files, stand_ins=taking.files_of(source or ""))
    if name in ASKED_BY_NAME or manifest.maker == BENCHMARK.name:
        return partial(without_rows, taking=taking)
    return partial(blank_rows, taking=taking, rows=rows)


def _rows(store: Store, manifest: Manifest, taking: Taking) -> list[int]:
    """The rows of the documents in files that have no ids: they are those of the texts that they were made of."""
    if not manifest.maker.startswith("clean."):
        return []
    text = manifest.ref if "documents" in manifest.inputs else manifest.inputs.get("text")
    if text is None or not store.is_present(text):
        return []
    ids = {name for one in taking.names for pair in one.ids.items() for name in pair}
    return rows_with(store.path(text.stage, text.fingerprint) / DOCUMENTS_FILE, ids)


def _source(store: Store, manifest: Manifest) -> str | None:
    """The source of an artifact of ingest."""
    if manifest.ref.stage != "ingest":
        return None
    if manifest.members and "source" not in manifest.facts:
        known = (one for one in (manifest.members[0], *_batches_in(store, manifest)) if store.is_present(one))
        first = next(known, None)
        return None if first is None else _source(store, store.read(first.stage, first.fingerprint))
    return str(manifest.facts["source"]) if "source" in manifest.facts else None


def _batches_in(store: Store, past: Manifest) -> Iterator[Ref]:
    """The batches that a past has rows of: what it was merged from goes with gc, and these do not."""
    for name in (MEMBERS_FILE, GONE_FILE):
        table = read_table(store.path(past.ref.stage, past.fingerprint) / name, ["batch"])
        yield from (Ref(past.ref.stage, batch) for batch in table["batch"].unique().to_pylist())


def _counts(store: Store, manifest: Manifest, taking: Taking) -> dict[str, NDArray[np.int64]]:
    """How often each token comes in what token shards hold of these documents; those that hold nothing are left out."""
    folder = store.path(manifest.ref.stage, manifest.fingerprint)
    found = {}
    for shard in _shards_in(manifest):
        part = store.part_in(manifest.ref, shard)
        own = folder if part is None else folder / shard
        if names_something(own / LEDGER_FILE, taking, None):
            span = None if part is None else Span(part.first, part.count, folder / LEFT_FILE)
            vocab_size = len(read_counts([own / COUNTS_FILE]))
            found[shard] = counts_of(batches_at(folder / TOKENS_FILE, span), taking.ids, vocab_size)
    return found


def _shards_in(manifest: Manifest) -> list[str]:
    """The token shards that lie in an artifact: itself, or those that are joined there."""
    return [ref.fingerprint for ref in manifest.members] if manifest.maker == JOINED.name else [manifest.fingerprint]


def _less(manifest: Manifest, folder: Path, name: str, counts: Counts) -> NDArray[np.int64] | None:
    """What leaves the counts of an artifact: of a token shard its own, of a table those of its shards."""
    if manifest.maker in WITH_TOKENS:
        return counts.get(manifest.fingerprint if manifest.maker == ENCODE.name else name.partition("/")[0])
    if not counts or not (folder / SHARDS_FILE).exists():
        return None
    own = [counts[name] for name in read_table(folder / SHARDS_FILE, ["shard"])["shard"].to_pylist() if name in counts]
    return np.sum(own, axis=0) if own else None


def _without_counts(source: Path, target: Path, less: NDArray[np.int64]) -> int:
    counts = read_counts([source])
    write_counts(counts - less if len(counts) else counts, target)
    return len(counts)


def _forget_plans(workspace: Workspace, taking: Taking, plans: Iterable[Manifest]) -> None:
    """The plans by which the documents were read go, and those that name them.

    By such a plan a lost shard would be read from its source again, with what shall be gone. Plans cannot be written
    again: their names are digests of what is in them.
    """
    store = workspace.store
    lay = {lay.batch for stone in read_tombstones(workspace.root) if stone.place in taking.places for lay in stone.lay}
    read = {batch.plan for batch in (*workspace.batches(), *workspace.given_up()) if batch.fingerprint in lay}
    for plan in plans:
        folder = store.path(plan.ref.stage, plan.fingerprint)
        if plan.facts["content"] in read or _is_named_in(folder, taking):
            store.remove(plan.ref)
    for folder in sorted((workspace.state / "plans").glob("[!.]*")):
        if folder.name in read or _is_named_in(folder, taking):
            shutil.rmtree(folder)


def _is_named_in(plan: Path, taking: Taking) -> bool:
    """Whether a plan names one of the documents; of one that cannot be read nobody can say."""
    try:
        header = read_json(plan / PLAN_FILE)
        if header["source"] not in {one.source for one in taking.names}:
            return False
        files = taking.files_of(header["source"])
        tables = (plan / FILES_FILE, plan / TOMBSTONES_FILE)
        is_gone = not files.keys().isdisjoint(header["gone"])
        return is_gone or any(names_something(table, taking, header["source"]) for table in tables)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return True


def _forget_landings(workspace: Workspace, taking: Taking, landings: Iterable[Manifest]) -> None:
    """A landing holds rows of all documents of its source. It goes: the next night asks for all rows once more, and
    puts each where it lay; but this one nowhere."""
    store = workspace.store
    for landing in landings:
        source = str(landing.facts["source"])
        urls = [one.url for one in taking.names if one.source == source]
        if urls:
            forget_rows(store.path(landing.ref.stage, landing.fingerprint), places_path(workspace.root, source), urls)
            store.remove(landing.ref)


def _forget_caches(workspace: Workspace, taking: Taking) -> None:
    """The cache of file digests names files, and so does a landing that was killed; both are made again. Pages of
    refreshes may show the documents."""
    forget_pages(workspace.root)
    for source in {one.source for one in taking.names}:
        remove_file(workspace.state / "scan" / f"{source}.json")
        shutil.rmtree(kept_beside(places_path(workspace.root, source)), ignore_errors=True)
