"""The plan of a sealed batch again, to rebuild what was lost of it."""

from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline_lib.base.errors import DataError
from pipeline_lib.ingest.digests import digest_places
from pipeline_lib.ingest.documents import reading_of
from pipeline_lib.ingest.plan import BatchPlan, ShardPlan
from pipeline_lib.ingest.plan_files import read_plan
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source


def recall_batch(
    settings: IngestSettings,
    source: Source | None,
    content: str,
    kept: Iterable[Path],
    is_lost: Callable[[ShardPlan], bool],
    landing: Path | None,
) -> BatchPlan | None:
    """The plan as it was made, if what is lost can be made again: only files of lost shards are looked at.

    `source` None: it is not in the settings any more.
    """
    plan = next((plan for plan in map(_plan, kept) if plan is not None and plan.content == content), None)
    if plan is None:
        return None
    lost = [shard for shard in plan.shards if is_lost(shard)]
    if not lost:
        return plan
    if source is None:
        return None
    reading = reading_of(settings, source, landing)
    files = [file for shard in lost for file in shard.files]
    wanted, sizes = {file.path: file.digest for file in files}, {file.path: file.bytes for file in files}
    is_same = reading.digest == plan.reading and digest_places(reading.files.locate(wanted), sizes) == wanted
    return plan if is_same else None


def _plan(folder: Path) -> BatchPlan | None:
    try:
        return read_plan(folder)
    except DataError:
        return None
