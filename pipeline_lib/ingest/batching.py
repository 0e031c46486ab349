"""From the files that are there now and the batches before to the plan of the next batch."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.digests import digest_files
from pipeline_lib.ingest.documents import Reading, read_file, reading_of
from pipeline_lib.ingest.history import Past, Place
from pipeline_lib.ingest.plan import BatchPlan, FilePlan, ShardPlan, Tombstone, shard_content
from pipeline_lib.ingest.records import Bad, PassedOver
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scanned:
    """What a look at a source found: the next batch, if there is something for one, and what no reader takes."""

    plan: BatchPlan | None
    passed_over: Mapping[str, PassedOver]
    num_files: int


@dataclass(frozen=True)
class Part:
    """What a batch takes of one file."""

    file: FilePlan
    num_bytes: int  # of what is taken: the stored size of a new file, the new text of a changed one
    left: tuple[Tombstone, ...] = ()  # what was in the file and is not any more


def plan_batch(
    settings: IngestSettings,
    source: Source,
    past: Past,
    cache_path: Path,
    before: str,
    landing: Path | None,
    heldout_share: Callable[[int, int], float],
) -> Scanned:
    """The batch that brings the state of `past` to that of the source's files; none if they agree."""
    reading = reading_of(settings, source, landing)
    listing = reading.files.files()
    if not listing.files:
        log.warning("ingest: source %r holds no file to read; check its path, include and exclude", source.name)
    files = digest_files(listing.files, cache_path, listing.digests)
    known = past.known_files(source.name)
    new = [file for path, file in files.items() if path not in known]
    changed = [file for path, file in files.items() if path in known and not known[path].is_as(file, reading.digest)]
    gone = sorted(known.keys() - files.keys())
    if not (new or changed or gone):
        return Scanned(None, listing.passed_over, len(files))
    _guard_gone(settings, source.name, len(gone), len(known))

    touched = [*(file.path for file in changed), *gone]
    live = past.live_documents(source.name, touched) if touched else {}
    share = heldout_share(len(new), sum(file.bytes for file in new))
    new = [replace(file, heldout_share=share) for file in new]
    changed = [replace(file, heldout_share=known[file.path].heldout_share) for file in changed]
    parts = [_part(reading, file, listing.files[file.path], live[file.path]) for file in changed]
    left = {part.file.path: part.left for part in parts}
    left |= {path: _tombstones(live[path], frozenset()) for path in gone}
    plan = BatchPlan(
        source=source.name,
        reading=reading.digest,
        before=before,
        shards=_shards(reading, [*(Part(file, file.bytes) for file in new), *parts], settings.max_shard_bytes),
        tombstones=tuple(stone for _, stones in sorted(left.items()) for stone in stones),
        gone=tuple(gone),
        passed_over=listing.passed_over,
        num_new_files=len(new),
        num_changed_files=len(changed),
    )
    return Scanned(plan, listing.passed_over, len(files))


def _guard_gone(settings: IngestSettings, source: str, num_gone: int, num_known: int) -> None:
    if num_gone > settings.max_gone_share * num_known:
        raise GuardStop(
            f"ingest: {num_gone} of the {num_known} files of source {source!r} are gone, more than "
            f"ingest.max_gone_share = {settings.max_gone_share:g}. If a disk is not mounted, mount it; "
            "if they shall be withdrawn, raise ingest.max_gone_share."
        )


def _part(reading: Reading, file: FilePlan, place: Path, live: Mapping[str, Place]) -> Part:
    """What is new in a changed file, and which of its live documents left.

    When the file could not be read to its end, those that were not seen count as being there.
    """
    taken: set[str] = set()
    still_there: set[str] = set()
    num_bytes = 0
    for item in read_file(reading, file, place):
        if isinstance(item, Bad):
            still_there |= live.keys() if item.line is None else set()
        elif item.document_id in live:
            still_there.add(item.document_id)
        else:
            taken.add(item.document_id)
            num_bytes += item.num_bytes
    return Part(replace(file, taken=frozenset(taken)), num_bytes, _tombstones(live, still_there))


def _tombstones(live: Mapping[str, Place], still_there: Iterable[str]) -> tuple[Tombstone, ...]:
    """The live documents of a file that are not in it any more."""
    return tuple(Tombstone(document_id, *live[document_id]) for document_id in sorted(live.keys() - set(still_there)))


def _shards(reading: Reading, parts: Iterable[Part], max_bytes: int) -> tuple[ShardPlan, ...]:
    groups = _groups(sorted(parts, key=lambda part: (part.file.heldout_share, part.file.path)), max_bytes)
    return tuple(
        ShardPlan(index, files, shard_content(reading.source, reading.digest, files))
        for index, files in enumerate(groups)
    )


def _groups(parts: Iterable[Part], max_bytes: int) -> list[tuple[FilePlan, ...]]:
    """Neighbours of one held-out share together up to `max_bytes` of what is taken; a larger file alone."""
    groups: list[list[FilePlan]] = []
    num_bytes = 0
    for part in parts:
        is_same = bool(groups) and groups[-1][0].heldout_share == part.file.heldout_share
        if not is_same or num_bytes + part.num_bytes > max_bytes:
            groups.append([])
            num_bytes = 0
        groups[-1].append(part.file)
        num_bytes += part.num_bytes
    return [tuple(group) for group in groups]
