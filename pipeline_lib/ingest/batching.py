"""From the files that are there now and the batches before to the plan of the next batch."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.arrivals import Arrivals, is_own
from pipeline_lib.ingest.digests import digest_files
from pipeline_lib.ingest.documents import Reading, read_file, reading_of
from pipeline_lib.ingest.history import KnownFile, Past, Place
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
    num_read_anew: int = 0  # files that are as they were, and are read in another way than they were


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
    known = past.files()
    there = {path for path, file in known.items() if file.is_there}
    new = [path for path in files if path not in there]
    changed = [
        path for path, file in files.items() if path in there and not known[path].is_as(file.digest, reading.digest)
    ]
    gone = sorted(there - files.keys())
    if not (new or changed or gone):
        return Scanned(None, listing.passed_over)
    _guard_gone(settings, source.name, len(gone), len(there))

    touched = [*changed, *gone]
    live = past.live_documents(touched) if touched else {}
    arrivals = past.arrivals() if known else Arrivals()
    planned = [FilePlan(path, *files[path]) for path in (*new, *changed)]
    placed = _with_shares(planned, known, heldout_share)
    parts = [
        part
        for file in placed
        for part in _parts(reading, file, Path(listing.files[file.path]), live.get(file.path), arrivals)
    ]
    left = {part.file.path: part.left for part in parts if not part.file.is_return}
    left |= {path: _tombstones(live[path], frozenset()) for path in gone}
    plan = BatchPlan(
        source=source.name,
        reading=reading.digest,
        before=before,
        shards=_shards(reading, parts, settings.max_shard_bytes),
        tombstones=tuple(stone for _, stones in sorted(left.items()) for stone in stones),
        gone=tuple(gone),
        passed_over=listing.passed_over,
        num_new_files=len(new),
        num_changed_files=len(changed),
    )
    return Scanned(plan, listing.passed_over, sum(known[path].digest == files[path].digest for path in changed))


def _guard_gone(settings: IngestSettings, source: str, num_gone: int, num_known: int) -> None:
    if num_gone > settings.max_gone_share * num_known:
        raise GuardStop(
            f"ingest: {num_gone} of the {num_known} files of source {source!r} are gone, more than "
            f"ingest.max_gone_share = {settings.max_gone_share:g}. If a disk is not mounted, mount it; "
            "if they shall be withdrawn, raise ingest.max_gone_share."
        )


def _with_shares(
    files: Sequence[FilePlan], known: Mapping[str, KnownFile], heldout_share: Callable[[int, int], float]
) -> list[FilePlan]:
    """The files with the share under which they first arrived: tonight's for those that were never there."""
    shares = {path: file.heldout_share for path, file in known.items()}
    arriving = [file for file in files if shares.get(file.path) is None]
    share = heldout_share(len(arriving), sum(file.bytes for file in arriving))
    first = (shares.get(file.path) for file in files)
    return [replace(file, heldout_share=share if one is None else one) for file, one in zip(files, first, strict=True)]


def _parts(
    reading: Reading, file: FilePlan, place: Path, live: Mapping[str, Place] | None, arrivals: Arrivals
) -> list[Part]:
    """What a batch takes of a new file (`live` is None) or a changed one.

    A new file is taken as it is, unless its documents may have been elsewhere before.
    """
    if live is None and not arrivals:
        return [Part(file, file.bytes)]
    found = _found(reading, file, place, live or {})
    shares = dict(zip(found.own, arrivals.shares_of(reading.source, list(found.own.values())), strict=True))
    returned: dict[float, set[str]] = {}
    for document_id, share in shares.items():
        if share is not None and share != file.heldout_share:
            returned.setdefault(share, set()).add(document_id)
    if live is None and not returned:
        return [Part(file, file.bytes)]
    rest = found.taken.keys() - {document_id for ids in returned.values() for document_id in ids}
    own = replace(file, **found.where(rest), num_passed_over=found.num_passed_over(rest))
    return [
        Part(own, found.num_bytes(rest), found.left),
        *(
            Part(replace(file, **found.where(ids), heldout_share=share, is_return=True), found.num_bytes(ids))
            for share, ids in sorted(returned.items())
        ),
    ]


@dataclass(frozen=True)
class Found:
    """What a file holds that is not live, and which of its live documents left."""

    taken: Mapping[str, int]  # bytes of text by document id
    own: Mapping[str, str]  # the urls of those of them that have one of their own
    left: tuple[Tombstone, ...]
    num_documents: int  # in it, also those that are live
    lines: Mapping[str, int] | None  # of what is taken; None where that does not say what it is
    bad_lines: frozenset[int]

    def num_bytes(self, ids: Iterable[str]) -> int:
        """The text of these documents."""
        return sum(self.taken[document_id] for document_id in ids)

    def where(self, ids: Iterable[str]) -> dict[str, Any]:
        """What a plan says of where these are."""
        taken = frozenset(ids)
        lines = None if self.lines is None else self.bad_lines | {self.lines[document_id] for document_id in taken}
        return {"taken": taken, "lines": lines}

    def num_passed_over(self, ids: Collection[str]) -> int:
        """The documents that who looks for these does not see."""
        return 0 if self.lines is None else self.num_documents - len(ids)


def _found(reading: Reading, file: FilePlan, place: Path, live: Mapping[str, Place]) -> Found:
    """Read a file for what is new in it.

    When it could not be read to its end, those of its documents that were not seen count as being there.
    """
    taken: dict[str, int] = {}
    own: dict[str, str] = {}
    lines: dict[str, int] = {}
    bad_lines: set[int] = set()
    still_there: set[str] = set()
    num_documents, is_whole = 0, True
    for item in read_file(reading, file, place):
        if isinstance(item, Bad):
            is_whole = is_whole and item.line is not None
            bad_lines.add(item.line or 0)
            continue
        num_documents += 1
        if item.document_id in live:
            still_there.add(item.document_id)
            continue
        taken[item.document_id] = item.num_bytes
        if item.record.line is not None and not item.is_repeated:
            lines[item.document_id] = item.record.line
        if is_own(item.url, file.path):
            own[item.document_id] = item.url
    left = _tombstones(live, still_there if is_whole else live)
    is_by_line = is_whole and len(lines) == len(taken)
    return Found(taken, own, left, num_documents, lines if is_by_line else None, frozenset(bad_lines))


def _tombstones(live: Mapping[str, Place], still_there: Iterable[str]) -> tuple[Tombstone, ...]:
    """The live documents of a file that are not in it any more."""
    return tuple(Tombstone(document_id, *live[document_id]) for document_id in sorted(live.keys() - set(still_there)))


def _shards(reading: Reading, parts: Iterable[Part], max_bytes: int) -> tuple[ShardPlan, ...]:
    groups = _groups(sorted(parts, key=lambda part: (*_kind(part.file), part.file.path)), max_bytes)
    return tuple(
        ShardPlan(index, files, shard_content(reading.source, reading.digest, files))
        for index, files in enumerate(groups)
    )


def _kind(file: FilePlan) -> tuple[bool, float]:
    """Files of one kind may be in one shard, which has one share. Those that bring documents back come last, so that
    the first line of a file has its own share."""
    return file.is_return, file.heldout_share


def _groups(parts: Iterable[Part], max_bytes: int) -> list[tuple[FilePlan, ...]]:
    """Neighbours of one kind together up to `max_bytes` of what is taken; a larger file alone."""
    groups: list[list[FilePlan]] = []
    num_bytes = 0
    for part in parts:
        is_same = bool(groups) and _kind(groups[-1][0]) == _kind(part.file)
        if not is_same or num_bytes + part.num_bytes > max_bytes:
            groups.append([])
            num_bytes = 0
        groups[-1].append(part.file)
        num_bytes += part.num_bytes
    return [tuple(group) for group in groups]
