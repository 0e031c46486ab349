"""The pairs of a landing as documents."""

from collections.abc import Iterator

from pipeline_lib.ingest.landed import LandedRows
from pipeline_lib.ingest.records import Bad, Limits, Record, SourceFile

SEED, RECIPE = ".seed", ".recipe"  # in the metadata of a row, and in no document's


class LandedPairs(LandedRows):
    """The pairs of a landing, each with what says that it is synthetic."""

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """A record for each pair."""
        for item in super().read(file, limits):
            if isinstance(item, Record):
                told = {name: value for name, value in (item.metadata or {}).items() if name not in (SEED, RECIPE)}
                yield item._replace(metadata=told)
            else:
                yield item
