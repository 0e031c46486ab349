"""The two buffers of a column of texts, as kernels take them, and what kernels cut them into."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.arrays import read_only

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Cut = Callable[[Bytes, Places, Places, Places], None]


def buffers_of(texts: pa.LargeStringArray) -> tuple[Bytes, Places]:
    """The bytes of texts, and where each begins in them, with the end of the last one; nothing is copied.

    The first need not begin at 0. Texts must not be null.
    """
    if not len(texts):
        return read_only(np.empty(0, np.uint8)), read_only(np.zeros(1, np.int64))
    _, offsets, data = texts.buffers()
    chosen = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return read_only(np.frombuffer(data or b"", np.uint8)), read_only(chosen)


def parts_of(texts: pa.LargeStringArray, cut: Cut) -> pa.LargeListArray:
    """The parts of each text, which must not be null; an empty text has none. The texts are not copied.

    `cut(data, offsets, ends, counts)` finds them: `ends` gets the borders of all parts behind the first byte, which
    stands there, `counts` (zeros) how many parts there are up to each text.
    """
    if not len(texts):
        return pa.array([], pa.large_list(pa.large_string()))
    data, offsets = buffers_of(texts)
    ends = np.empty(offsets[-1] - offsets[0] + 1, np.int64)  # memory is taken for what is written
    counts = np.zeros(len(texts) + 1, np.int64)
    ends[0] = offsets[0]
    cut(data, offsets, ends, counts)
    borders = pa.py_buffer(ends[: counts[-1] + 1].copy())
    values = pa.LargeStringArray.from_buffers(int(counts[-1]), borders, texts.buffers()[2] or pa.py_buffer(b""))
    return pa.LargeListArray.from_arrays(pa.array(counts), values)
