"""From the files that are there now and the batches before to the plan of the next batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.documents import read_file
from pipeline_lib.ingest.history import Place, known_files, live_documents
from pipeline_lib.ingest.plan import BatchPlan, FilePlan, ShardPlan, Tombstone
from pipeline_lib.ingest.records import Bad, ReadOptions, read_options
from pipeline_lib.ingest.settings import FilesSource, IngestSettings, InstalledDocsSource
from pipeline_lib.ingest.stage import STAGE, VERSION
from pipeline_lib.store.artifact import digest_of, fingerprint
from pipeline_lib.store.local import Store


def plan_batch(
    settings: IngestSettings,
    source: FilesSource | InstalledDocsSource,
    batches: Sequence[str | BatchPlan],
    store: Store,
    files: Mapping[str, FilePlan],
) -> BatchPlan | None:
    """The batch that brings the state of `batches` to that of `files`; None if they agree."""
    options = read_options(settings, source)
    reading = reading_of(source, options)
    known = known_files(store, batches)
    new = [file for path, file in files.items() if path not in known]
    changed = [
        file
        for path, file in files.items()
        if path in known and (known[path].digest, known[path].reading) != (file.digest, reading)
    ]
    gone = tuple(sorted(known.keys() - files.keys()))
    if not (new or changed or gone):
        return None
    _guard_gone(settings, source.name, len(gone), len(known))

    touched = [*(file.path for file in changed), *gone]
    live = live_documents(store, batches, touched) if touched else {}
    skip = {file.path: _still_there(file, source, options, live[file.path]) for file in changed}
    tombstones = _tombstones(live, skip)
    shards = _shards(sorted([*new, *changed], key=lambda file: file.path), skip, source, reading, settings)
    decides = {
        "source": source.name,
        "reading": reading,
        "gone": list(gone),
        "tombstones": digest_of([asdict(stone) for stone in tombstones]),
    }
    before = [batch if isinstance(batch, str) else batch.fingerprint for batch in batches[-1:]]
    name = fingerprint(STAGE, VERSION, decides, [*before, *(shard.fingerprint for shard in shards)])
    return BatchPlan(source.name, reading, shards, tombstones, gone, len(new), len(changed), name)


def reading_of(source: FilesSource | InstalledDocsSource, options: ReadOptions) -> str:
    """A digest of all that decides how the bytes of a file become documents, but its name and the source's."""
    return digest_of({"version": VERSION, "kind": source.kind, **asdict(options)})


def _guard_gone(settings: IngestSettings, source: str, num_gone: int, num_known: int) -> None:
    if num_gone > settings.max_gone_share * num_known:
        raise GuardStop(
            f"ingest: {num_gone} of the {num_known} files of source {source!r} are gone, more than "
            f"ingest.max_gone_share = {settings.max_gone_share:g}. If a disk is not mounted, mount it; "
            "if they shall be withdrawn, raise ingest.max_gone_share."
        )


def _still_there(
    file: FilePlan, source: FilesSource | InstalledDocsSource, options: ReadOptions, live: Mapping[str, Place]
) -> frozenset[str]:
    """The live documents of a changed file that are in it as they were.

    When the file could not be read to its end, those that were not seen count as being there.
    """
    seen: set[str] = set()
    for item in read_file(file, source, options):
        if isinstance(item, Bad):
            if item.line is None:
                return frozenset(live)
        elif item.document_id in live:
            seen.add(item.document_id)
    return frozenset(seen)


def _tombstones(live: Mapping[str, Mapping[str, Place]], skip: Mapping[str, frozenset[str]]) -> tuple[Tombstone, ...]:
    """All live documents of files that are gone, and those of changed files that are not in them any more."""
    return tuple(
        Tombstone(document_id, *places[document_id])
        for path, places in sorted(live.items())
        for document_id in sorted(places.keys() - skip.get(path, frozenset()))
    )


def _shards(
    files: Iterable[FilePlan],
    skip: Mapping[str, frozenset[str]],
    source: FilesSource | InstalledDocsSource,
    reading: str,
    settings: IngestSettings,
) -> tuple[ShardPlan, ...]:
    shards: list[ShardPlan] = []
    for group in _groups(files, settings.max_shard_bytes):
        skipped = frozenset[str]().union(*(skip.get(file.path, frozenset()) for file in group))
        decides = {
            "source": source.name,
            "reading": reading,
            "files": [[file.path, file.digest] for file in group],
            "skip": digest_of(sorted(skipped)),
        }
        shards.append(ShardPlan(len(shards), group, skipped, fingerprint(STAGE, VERSION, decides, [])))
    return tuple(shards)


def _groups(files: Iterable[FilePlan], max_bytes: int) -> list[tuple[FilePlan, ...]]:
    """Neighbours together up to `max_bytes`; a larger file alone."""
    groups: list[list[FilePlan]] = []
    num_bytes = 0
    for file in files:
        if not groups or num_bytes + file.bytes > max_bytes:
            groups.append([])
            num_bytes = 0
        groups[-1].append(file)
        num_bytes += file.bytes
    return [tuple(group) for group in groups]
