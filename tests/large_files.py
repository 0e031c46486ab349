"""Small files that are large ones to ingest: bounds of a few lines."""

import pytest

from pipeline_lib.ingest import extent, split

PART_BYTES, PART_DOCUMENTS, CELL_BYTES, CELL_ROWS = 2_000, 60, 500, 9


def with_tiny_bounds(patch: pytest.MonkeyPatch) -> None:
    """Every file of many documents is looked at, and parts and cells hold a few of them."""
    patch.setattr(extent, "LOOKED_AT_BYTES", 1)
    patch.setattr(extent, "PART_STORED_BYTES", 1)
    patch.setattr(extent, "PART_BYTES", PART_BYTES)
    patch.setattr(extent, "PART_DOCUMENTS", PART_DOCUMENTS)
    patch.setattr(split, "CELL_BYTES", CELL_BYTES)
    patch.setattr(split, "CELL_ROWS", CELL_ROWS)
