"""Quality signals and language as columns: each text of an Arrow column becomes one row, without a Python object.

Judging them is a maker of its own (judge.py), so that new limits cost no new reading. What the columns mean stands at
SIGNALS in kernel.py; they are those of the Gopher paper (Rae et al. 2021, arXiv:2112.11446, table A1), some of C4
(Raffel et al. 2020, arXiv:1910.10683, section 2.2) and FineWeb (arXiv:2406.17557).
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.arrays import read_only
from pipeline_lib.clean.characters import character_classes
from pipeline_lib.clean.kernel import SIGNALS, measure, num_slots
from pipeline_lib.clean.language import detect_languages

LANGUAGE = "language"
SIGNALS_SCHEMA = pa.schema([pa.field(LANGUAGE, pa.string()), *(pa.field(name, pa.float64()) for name in SIGNALS)])


def signals_of(texts: pa.LargeStringArray) -> pa.Table:
    """The rows of SIGNALS_SCHEMA for texts, which must not be null."""
    signals = measure_texts(texts)
    return pa.table({LANGUAGE: detect_languages(texts, signals), **signals}, schema=SIGNALS_SCHEMA)


def measure_texts(texts: pa.LargeStringArray) -> dict[str, npt.NDArray[np.float64]]:
    """One float64 array for each of SIGNALS, in their order, with an entry for each text; texts must not be null."""
    rows = np.zeros((len(texts), len(SIGNALS)))
    if len(texts):
        _, offsets_buffer, data_buffer = texts.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        data = np.frombuffer(data_buffer or b"", np.uint8)
        slots = num_slots(int(np.diff(offsets).max()) + 1)
        # Zeros come from the system page by page: memory is taken for what a document needs, not for the bound.
        table = (np.empty(slots, np.uint64), np.zeros(slots, np.int64), np.empty(slots, np.int64))
        measure(read_only(data), read_only(offsets), character_classes(), table, rows)
    return {name: rows[:, k].copy() for k, name in enumerate(SIGNALS)}
