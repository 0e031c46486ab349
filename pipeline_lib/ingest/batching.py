"""From the files that are there now and the batches before to the plan of the next batch."""

import logging
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest.arrivals import Arrivals, is_own
from pipeline_lib.ingest.digests import digest_files
from pipeline_lib.ingest.documents import Document, Reading, read_pieces, reading_of
from pipeline_lib.ingest.extent import Extent, num_parts_of
from pipeline_lib.ingest.history import KnownFile, Past
from pipeline_lib.ingest.naming import escape
from pipeline_lib.ingest.packed import ID, Ids, Packed, Rows, as_bytes, find, firsts, lines_of, pack
from pipeline_lib.ingest.plan import BatchPlan, FilePlan, ShardPlan, shard_content
from pipeline_lib.ingest.records import Bad, Listing, PassedOver
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.store.forgotten import FORGOTTEN, NOBODY, Refused

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scanned:
    """What a look at a source found: the next batch, if there is something for one, and what no reader takes."""

    plan: BatchPlan | None
    passed_over: Mapping[str, PassedOver]
    num_read_anew: int = 0  # files that are as they were, and are read in another way than they were


NEW = np.dtype([("id", ID), ("num_bytes", np.int64), ("line", np.int64), ("share", np.float64)])


@dataclass(frozen=True)
class Part:
    """What a batch takes of one file."""

    file: FilePlan
    num_bytes: int  # of what is taken: the stored size of a new file, the new text of a changed one
    num_parts: int  # that it goes into
    left: NDArray[np.bool_] | None = None  # of a changed file: which of its live documents are in it no more


def plan_batch(
    settings: IngestSettings,
    source: Source,
    past: Past,
    cache_path: Path,
    before: str,
    landing: Path | None,
    heldout_share: Callable[[int, int], float],
    refused: Refused = NOBODY,
) -> Scanned:
    """The batch that brings the state of `past` to that of the source's files; none if they agree."""
    reading = reading_of(settings, source, landing, refused)
    listing = _without_forgotten(reading.files.files(), refused)
    if not listing.files:
        log.warning("ingest: source %r holds no file to read; check its path, include and exclude", source.name)
    files = digest_files(listing.files, cache_path, listing.digests)
    known = past.files()
    there = {path for path, file in known.items() if file.is_there}
    new = [path for path in files if path not in there]
    changed = [
        path for path, file in files.items() if path in there and not known[path].is_as(file.digest, reading.digest)
    ]
    gone = sorted(path for path in there - files.keys() if not refused.has(escape(path)))  # these leave by themselves
    if not (new or changed or gone):
        return Scanned(None, listing.passed_over)
    _guard_gone(settings, source.name, len(gone), len(there))

    live = past.live_documents([*changed, *gone])
    arrivals = past.arrivals() if known else Arrivals()
    planned = [FilePlan(path, *files[path]) for path in (*new, *changed)]
    placed = _with_shares(planned, known, heldout_share)
    parts = [
        part
        for file in placed
        for part in _parts(reading, file, Path(listing.files[file.path]), live.ids_of(file.path), arrivals)
    ]
    left = {part.file.path: part.left for part in parts if part.left is not None}
    plan = BatchPlan(
        source=source.name,
        reading=reading.digest,
        before=before,
        shards=_shards(reading, parts, settings.max_shard_bytes),
        tombstones=live.leaving(left),
        gone=tuple(gone),
        passed_over=listing.passed_over,
        num_new_files=len(new),
        num_changed_files=len(changed),
    )
    return Scanned(plan, listing.passed_over, sum(known[path].digest == files[path].digest for path in changed))


def _without_forgotten(listing: Listing, refused: Refused) -> Listing:
    """The files without those that are forgotten documents: they are not opened any more, and counted."""
    if not refused:
        return listing
    left = {path: place for path, place in listing.files.items() if not refused.has(escape(path))}
    passed_over = dict(listing.passed_over)
    if num_forgotten := len(listing.files) - len(left):
        passed_over[FORGOTTEN] = PassedOver(num_forgotten, None)
    return Listing(left, passed_over, listing.digests)


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


def _parts(reading: Reading, file: FilePlan, place: Path, live: Packed | None, arrivals: Arrivals) -> list[Part]:
    """What a batch takes of a new file (`live` is None) or a changed one.

    A new file is taken as it is, unless its documents may have been elsewhere before.
    """
    if live is None and not arrivals:
        return [Part(file, file.bytes, num_parts_of(reading, file, place))]
    found = _found(reading, file, place, np.empty(0, ID) if live is None else live, arrivals)
    returned = found.returned(file.heldout_share) if arrivals else []
    if live is None and not returned:
        return [Part(file, file.bytes, num_parts_of(reading, file, place))]
    kinds = [found.shares == share for share in returned]
    rest = ~np.logical_or.reduce(kinds) if kinds else np.ones(len(found.ids), np.bool_)
    own = replace(file, **found.where(rest), num_passed_over=found.num_passed_over(rest))
    return [
        Part(own, *found.extent_of(rest), None if live is None else found.left),
        *(
            Part(replace(file, **found.where(kind), heldout_share=share, is_return=True), *found.extent_of(kind))
            for share, kind in zip(returned, kinds, strict=True)
        ),
    ]


@dataclass(frozen=True)
class Found:
    """What a file holds that is not live, in the order of the ids, and which of its live documents left."""

    ids: Packed  # [D], each once
    num_bytes: NDArray[np.int64]  # [D], of text
    shares: NDArray[np.float64]  # [D], under which they were elsewhere before; NaN where they were not
    lines: NDArray[np.int64] | None  # [D]; None where these do not say what is taken
    bad_lines: NDArray[np.int64]
    left: NDArray[np.bool_]  # [L]
    num_documents: int  # in it, also those that are live

    def returned(self, share: float) -> list[float]:
        """The shares, in order, under which there are documents that were elsewhere before, other than this one."""
        return sorted({*np.unique(self.shares[~np.isnan(self.shares)]).tolist()} - {share})

    def extent_of(self, taken: NDArray[np.bool_]) -> tuple[int, int]:
        """The bytes of text of these documents, and how many parts they go into."""
        num_bytes = int(self.num_bytes[taken].sum())
        return num_bytes, Extent(num_bytes, int(taken.sum())).num_parts

    def where(self, taken: NDArray[np.bool_]) -> dict[str, Any]:
        """What a plan says of where these are."""
        lines = None if self.lines is None else lines_of(np.concatenate([self.bad_lines, self.lines[taken]]))
        return {"taken": Ids(self.ids[taken]), "lines": lines}

    def num_passed_over(self, taken: NDArray[np.bool_]) -> int:
        """The documents that who looks for these does not see."""
        return 0 if self.lines is None else self.num_documents - int(taken.sum())


NO_LINE = -1  # of a document that its line does not say


def _found(reading: Reading, file: FilePlan, place: Path, live: Packed, arrivals: Arrivals) -> Found:
    """Read a file for what is new in it; `live`, [L] in order, is what it held.

    When it could not be read to its end, those of its documents that were not seen count as being there.
    """
    left = np.ones(len(live), np.bool_)
    new = bytearray()  # rows of NEW
    bad_lines = array("q")
    num_documents, is_whole = 0, True
    for piece in read_pieces(reading, file, place):
        bad = [item.line for item in piece if isinstance(item, Bad)]
        is_whole = is_whole and None not in bad
        bad_lines.extend(line for line in bad if line is not None)
        documents = [item for item in piece if isinstance(item, Document)]
        num_documents += len(documents)
        ids = pack(document.document_id for document in documents)
        at, is_live = find(live, ids)
        left[at[is_live]] = False
        new += _rows(reading, file, ids, documents, arrivals)[~is_live].tobytes()
    rows = np.frombuffer(new, NEW)
    as_bytes(rows).sort()
    rows = firsts(rows, "id")
    is_by_line = is_whole and NO_LINE not in rows["line"]
    return Found(
        rows["id"],
        rows["num_bytes"],
        rows["share"],
        rows["line"] if is_by_line else None,
        np.array(bad_lines, np.int64),
        left if is_whole else np.zeros(len(live), np.bool_),
        num_documents,
    )


def _rows(reading: Reading, file: FilePlan, ids: Packed, documents: Sequence[Document], arrivals: Arrivals) -> Rows:
    """A row of NEW for each document."""
    rows = np.empty(len(ids), NEW)
    rows["id"] = ids
    rows["num_bytes"] = [document.num_bytes for document in documents]
    rows["line"] = [
        NO_LINE if document.is_repeated or document.record.line is None else document.record.line
        for document in documents
    ]
    rows["share"] = np.nan
    own = [at for at, document in enumerate(documents) if is_own(document.url, file.path)] if arrivals else []
    rows["share"][own] = arrivals.shares_of(reading.source, [documents[at].url for at in own])
    return rows


def _shards(reading: Reading, parts: Iterable[Part], max_bytes: int) -> tuple[ShardPlan, ...]:
    groups = _groups(sorted(parts, key=lambda part: (*_kind(part.file), part.file.path)), max_bytes)
    return tuple(
        ShardPlan(index, files, shard_content(reading.source, reading.digest, files), group[0].num_parts)
        for index, group in enumerate(groups)
        for files in [tuple(part.file for part in group)]
    )


def _kind(file: FilePlan) -> tuple[bool, float]:
    """Files of one kind may be in one shard, which has one share. Those that bring documents back come last, so that
    the first line of a file has its own share."""
    return file.is_return, file.heldout_share


def _groups(parts: Iterable[Part], max_bytes: int) -> list[list[Part]]:
    """Neighbours of one kind together up to `max_bytes` of what is taken; a larger file, or one in parts, alone."""
    groups: list[list[Part]] = []
    num_bytes = 0
    for part in parts:
        is_same = bool(groups) and _goes_with(groups[-1][-1], part)
        if not is_same or num_bytes + part.num_bytes > max_bytes:
            groups.append([])
            num_bytes = 0
        groups[-1].append(part)
        num_bytes += part.num_bytes
    return groups


def _goes_with(first: Part, second: Part) -> bool:
    return _kind(first.file) == _kind(second.file) and first.num_parts == second.num_parts == 1
