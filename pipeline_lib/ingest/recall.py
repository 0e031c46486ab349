"""The plan of a sealed batch again, to rebuild what was lost of it."""

from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.ingest.batching import reading_of
from pipeline_lib.ingest.digests import digest_places
from pipeline_lib.ingest.listing import list_files
from pipeline_lib.ingest.plan import PLAN_FILE, BatchPlan, plan_from_json
from pipeline_lib.ingest.records import read_options
from pipeline_lib.ingest.settings import FilesSource, IngestSettings, InstalledDocsSource
from pipeline_lib.ingest.stage import STAGE
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store


def recall_batch(
    settings: IngestSettings, source: FilesSource | InstalledDocsSource, batch: str, store: Store, copy: Path
) -> BatchPlan | None:
    """The plan as it was sealed, if what is lost can be made again: only files of lost shards are looked at."""
    value = _sealed_plan(store, batch) or _copied_plan(copy)
    if value is None:
        return None
    lost = [shard for shard in value["shards"] if not store.condition(STAGE, shard["fingerprint"]).is_present]
    if not lost:
        return plan_from_json(value, {})
    if value["reading"] != reading_of(source, read_options(settings, source)):
        return None
    wanted = {file["path"]: file["digest"] for shard in lost for file in shard["files"]}
    places = {path: place for path, place in list_files(source).items() if path in wanted}
    if digest_places(places) != wanted:
        return None
    return plan_from_json(value, {path: str(place) for path, place in places.items()})


def _sealed_plan(store: Store, batch: str) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = read_json(store.open(STAGE, batch, files=[PLAN_FILE]).file(PLAN_FILE))
    except DamagedArtifact:
        return None
    return value


def _copied_plan(copy: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = read_json(copy)
    except (OSError, ValueError):
        return None
    return value
