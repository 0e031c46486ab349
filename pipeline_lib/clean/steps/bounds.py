"""How long a step may make a text: what is longer stays as it was."""

import pyarrow as pa
import pyarrow.compute as pc

MOST_GROWTH = 2
FREE_BYTES = 1_000  # that a short text may grow by


def most_bytes(texts: pa.LargeStringArray) -> pa.Int64Array:
    """How long each text may become, in bytes."""
    return pc.add(pc.multiply(pc.binary_length(texts), MOST_GROWTH), FREE_BYTES)
