"""The two buffers of a column of texts, as kernels take them."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.arrays import read_only


def buffers_of(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of texts, and where each begins in them, with the end of the last one; nothing is copied.

    The first need not begin at 0. Texts must not be null.
    """
    if not len(texts):
        return read_only(np.empty(0, np.uint8)), read_only(np.zeros(1, np.int64))
    _, offsets, data = texts.buffers()
    chosen = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return read_only(np.frombuffer(data or b"", np.uint8)), read_only(chosen)
