"""Which batches there are: those of the catalog, and those that tonight's look at the sources adds.

Reads; makes nothing but the cache of file digests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline_lib.ingest.past import Past
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.ingest.stage import scan
from pipeline_lib.ingest.works import batch_works, sealed_works
from pipeline_lib.run.board import Board
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Batch, Workspace


@dataclass(frozen=True)
class Opened:
    """A batch that is laid out: with the plan of its ingest, if it is new."""

    batch: Batch
    board: Board  # with the works of ingest
    plan: BatchPlan | None = None
