"""Which batches there are: those of the catalog, and those that tonight's look at the sources adds.

Reads; makes nothing but the cache of file digests.
"""

from dataclasses import dataclass

from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.run.board import Board
from pipeline_lib.store.workspace import Batch


@dataclass(frozen=True)
class Opened:
    """A batch that is laid out: with the plan of its ingest, if it is new."""

    batch: Batch
    board: Board  # with the works of ingest
    plan: BatchPlan | None = None
