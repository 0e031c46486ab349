"""ingest: sources in, batches of new and changed documents out, with tombstones for those that left.

    scan       what is new, changed or gone since the earlier batches of a source: a BatchPlan, or None
    run        one shard of the plan -> documents, ledger, quarantine
    run_batch  the sealed shards -> inventory, members, tombstones; stops a night whose input is broken
    replan     the plan of a sealed batch again, to rebuild a shard that was lost

A file is known by the digest of its bytes, a document by the hash of its source, url and text, so that a changed file
brings only its changed documents. A file that cannot be read to its end withdraws nothing: what was not seen is not
gone. It is quarantined under its digest, and read again once its bytes change.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline_lib.ingest.plan import BatchPlan, ShardPlan
from pipeline_lib.ingest.settings import FilesSource, IngestSettings, InstalledDocsSource
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.local import Store

STAGE = "ingest"
VERSION = 1


def scan(
    settings: IngestSettings,
    source: FilesSource | InstalledDocsSource,
    batches: Sequence[str | BatchPlan],
    store: Store,
    cache_path: Path,
) -> BatchPlan | None:
    """The next batch of `source`, or None when nothing is new, changed or gone.

    `batches` are the fingerprints of its sealed batches, oldest first; the plan of one that has to be rebuilt stands
    for what is not there of it. Only files whose size or times differ from those at `cache_path` are read, and of those
    only changed ones are parsed. Raises `SettingsError` when the source is not
    there and `GuardStop` when too many of its files are gone at once.
    """
    from pipeline_lib.ingest.batching import plan_batch
    from pipeline_lib.ingest.digests import digest_files
    from pipeline_lib.ingest.listing import list_files

    return plan_batch(settings, source, batches, store, digest_files(list_files(source), cache_path))


def run(settings: IngestSettings, source: FilesSource | InstalledDocsSource, shard: ShardPlan, folder: Path) -> Outcome:
    """Read the files of one shard into documents, ledger and quarantine.

    Raises `UpstreamError` when a file is not the one that was scanned: run again.
    """
    from pipeline_lib.ingest.writing import write_shard

    return write_shard(settings, source, shard, folder)


def run_batch(settings: IngestSettings, plan: BatchPlan, shards: Sequence[Path], folder: Path) -> Outcome:
    """Sum up the sealed `shards` (their folders, in the plan's order) and keep what later scans need.

    Raises `GuardStop` when more than `max_bad_share` of the records, and more than one, are quarantined.
    """
    from pipeline_lib.ingest.writing import write_batch

    return write_batch(settings, plan, shards, folder)


def replan(
    settings: IngestSettings, source: FilesSource | InstalledDocsSource, batch: str, store: Store, copy: Path
) -> BatchPlan | None:
    """The plan of a sealed batch again, from its artifact or from the `copy` of the plan that was kept apart.

    None if it cannot be rebuilt: the files of a shard that is lost have changed since, or how they are read.
    """
    from pipeline_lib.ingest.recall import recall_batch

    return recall_batch(settings, source, batch, store, copy)


def describe_quarantine(path: Path, limit: int) -> list[str]:
    """The first `limit` rows of a quarantine.parquet for people: "shard_05.jsonl:100: invalid JSON"."""
    from pipeline_lib.ingest.writing import read_quarantine

    return [f"{place}: {reason}" for place, reason in read_quarantine(path)[:limit]]
