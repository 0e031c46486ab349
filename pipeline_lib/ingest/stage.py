"""ingest: sources in, batches of new and changed documents out, with tombstones for those that left.

    ingest.land    a source that has to be asked -> a folder of files (rows, pages, objects)
    scan           what is new, changed or gone since the earlier batches of a source: a plan, or none
    ingest.plan    that plan -> an artifact, where the makers look up what is too long for a work
    ingest.read    one shard of the plan -> documents, ledger, quarantine, counts by file
    ingest.split   one large file of the plan -> the same in cells, of which its shards are made
    ingest.batch   its shards -> inventory, members, tombstones; stops a night whose input is broken
    replan         the plan of an earlier batch again, to rebuild a shard that was lost

A file is known by the digest of its bytes, a document by the hash of its source, url and text, so that a changed file
brings only its changed documents. A file that cannot be read to its end withdraws nothing: what was not seen is not
gone. It is quarantined under its digest, and read again once its bytes change.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.base.errors import DataError
from pipeline_lib.ingest.plan import (
    FILES_FILE,
    LANDING_FILE,
    LEDGER_FILE,
    PLAN_FILE,
    QUARANTINE_FILE,
    READ_VERSION,
    STAGE,
    BatchPlan,
    ShardPlan,
)
from pipeline_lib.ingest.records import LandingSource
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.forgotten import NOBODY, Refused, refused_of

if TYPE_CHECKING:
    from pipeline_lib.ingest.batching import Scanned
    from pipeline_lib.ingest.documents import Reading
    from pipeline_lib.ingest.history import Past

__all__ = ["BATCH", "LAND", "MAKERS", "PLAN", "READ", "SPLIT", "STAGE", "keep", "replan", "scan"]


def no_share(_num_files: int, _num_bytes: int) -> float:
    """Nothing is held out."""
    return 0.0


def scan(
    settings: IngestSettings,
    source: Source,
    past: "Past",
    cache_path: Path,
    *,
    before: str = "",
    landing: Path | None = None,
    heldout_share: Callable[[int, int], float] = no_share,
    refused: Refused = NOBODY,
) -> "Scanned":
    """What a look at `source` finds: the next batch, if anything is new, changed or gone, and what no reader takes.

    `past` answers for its earlier batches, and `before` names the last of them; `landing` is the folder of its newest
    landing, for a source that lands; `heldout_share(files, bytes)` says which share of so much new text is held out;
    what is `refused` counts as not being there.
    Only files whose size or times differ from those at `cache_path` are read, and of
    those only changed ones are parsed. Raises `SettingsError` when the source is not there and `GuardStop` when too
    many of its files are gone at once.
    """
    from pipeline_lib.ingest.batching import plan_batch

    return plan_batch(settings, source, past, cache_path, before, landing, heldout_share, refused)


def keep(plan: BatchPlan, workspace: Path) -> Path:
    """Write a plan where its maker finds it, and where it outlives a batch that is lost; the folder."""
    from pipeline_lib.ingest.plan_files import keep_plan

    folder = kept_plan(workspace, plan.content)
    keep_plan(plan, folder)
    return folder


def kept_plan(workspace: Path, content: str) -> Path:
    """Where the plan of this content is kept."""
    return workspace / "state" / "plans" / content


def replan(
    settings: IngestSettings,
    source: Source | None,
    content: str,
    kept: Iterable[Path],
    is_lost: Callable[[ShardPlan], bool],
    *,
    landing: Path | None = None,
) -> BatchPlan | None:
    """The plan of this content again, from the first of the folders `kept` that still holds it.

    None if a shard that `is_lost` cannot be read again: its files have changed since, or how they are read.
    """
    from pipeline_lib.ingest.recall import recall_batch

    return recall_batch(settings, source, content, kept, is_lost, landing)


def _source(settings: IngestSettings, name: str) -> Source:
    try:
        return settings.source(name)
    except KeyError as exc:
        raise DataError(f"ingest: source {name!r} is not in the settings any more. Run again: it is left out.") from exc


def make_landing(settings: IngestSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Ask the source params["source"] for all that it holds; what is new since the landing `before`, if there is one.

    Raises `UpstreamError` when the source may answer later.
    """
    from pipeline_lib.ingest.places import places_path

    source = _source(settings, inputs.params["source"])
    if not isinstance(source, LandingSource):
        raise DataError(f"ingest: source {source.name!r} has files of its own and does not land. Please report it.")
    before = inputs.folder("before") if inputs.has("before") else None
    places, refused = places_path(inputs.workspace, source.name), refused_of(inputs.workspace, source.name)
    return source.land(before, places, folder, settings.max_gone_share, refused)


def make_plan(settings: IngestSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Make the artifact of the plan params["content"] that was kept in the workspace."""
    from pipeline_lib.ingest.plan_files import copy_plan

    content = inputs.params["content"]
    return copy_plan(kept_plan(inputs.workspace, content), content, folder)


def make_shard(settings: IngestSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Read the files of the shard params["content"] of the `plan` into documents, ledger and quarantine.

    Of a large file, which is `split`, these are those of the part params["part"].
    Raises `UpstreamError` when a file is not the one that was scanned: run again.
    """
    from pipeline_lib.ingest.split import write_part
    from pipeline_lib.ingest.writing import write_shard

    if inputs.has("split"):
        return write_part(inputs, folder)
    reading, shard, places = _opened(settings, inputs)
    return write_shard(reading, shard, places, folder)


def make_split(settings: IngestSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Read the one file of the shard params["content"] of the `plan` into cells. Raises as `make_shard`."""
    from pipeline_lib.ingest.split import write_split

    reading, shard, places = _opened(settings, inputs)
    return write_split(reading, shard, places, folder)


def _opened(settings: IngestSettings, inputs: Inputs) -> "tuple[Reading, ShardPlan, Mapping[str, Path]]":
    """How a shard is read, what it is, and where its files lie."""
    from pipeline_lib.ingest.documents import reading_of
    from pipeline_lib.ingest.plan_files import read_shard_plan

    content = inputs.params["content"]
    planned = read_shard_plan(inputs.file("plan", PLAN_FILE), inputs.file("plan", FILES_FILE), content)
    landing = inputs.file("landing", LANDING_FILE).parent if inputs.has("landing") else None
    refused = refused_of(inputs.workspace, planned.source)
    reading = reading_of(settings, _source(settings, planned.source), landing, refused)
    if reading.digest != planned.reading:
        raise DataError(f"ingest: source {planned.source!r} is read otherwise than when it was looked at. Run again.")
    places = reading.files.locate([file.path for file in planned.shard.files])
    if landing is not None:
        places = {path: inputs.file("landing", str(place.relative_to(landing))) for path, place in places.items()}
    return reading, planned.shard, places


def make_batch(settings: IngestSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Sum up the `shards` of the `plan` and keep what later scans need.

    Raises `GuardStop` when more than `max_bad_share` of the records, and more than one, are lost by broken input.
    """
    from pipeline_lib.ingest.plan_files import read_plan
    from pipeline_lib.ingest.summing import ShardFiles, write_batch

    names = (FILES_FILE, LEDGER_FILE, QUARANTINE_FILE)
    files = zip(*(inputs.files("shards", name) for name in names), strict=True)
    return write_batch(settings, read_plan(inputs.folder("plan")), [ShardFiles(*paths) for paths in files], folder)


def make_past(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """Merge what earlier batches of a source say, oldest first."""
    from pipeline_lib.ingest.past import merge

    return merge(inputs.store, inputs.listed, folder)


LAND = Maker("ingest.land", 2, "landing.v1", make_landing)
PLAN = Maker("ingest.plan", 2, "batch_plan.v1", make_plan, is_light=True)
READING = ("max_document_bytes", "max_expansion")
READ = Maker("ingest.read", READ_VERSION, "documents.v3", make_shard, reads=READING)
SPLIT = Maker("ingest.split", 1, "cells.v1", make_split, reads=READING)  # what is read has its version in its name
BATCH = Maker("ingest.batch", 2, "batch.v2", make_batch)
PAST = Maker("ingest.past", 2, "past.v2", make_past, is_light=True)
MAKERS = (LAND, PLAN, READ, SPLIT, BATCH, PAST)
