"""Quality signals and language as columns: each text of an Arrow column becomes one row, without a Python object.

Judging them is a maker of its own (judge.py), so that new limits cost no new reading. Signals that only some rule sets
ask for are measured where one does (signal_groups/). What the usual ones mean stands at SIGNALS in kernel.py; they are
those of the Gopher paper (Rae et al. 2021, arXiv:2112.11446, table A1), some of C4 (Raffel et al. 2020,
arXiv:1910.10683, section 2.2) and FineWeb (arXiv:2406.17557).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.clean.characters import character_classes
from pipeline_lib.clean.kernel import SIGNALS, measure
from pipeline_lib.clean.language import detect_languages
from pipeline_lib.clean.repeats import num_slots
from pipeline_lib.clean.signal_groups import GROUP_BY_NAME
from pipeline_lib.clean.words import Words
from pipeline_lib.text.buffers import buffers_of

LANGUAGE = "language"


def signals_schema(groups: Sequence[str] = ()) -> pa.Schema:
    """The language, the signals of kernel.py, and those of the groups that are named."""
    names = [*SIGNALS, *(signal for name in groups for signal in GROUP_BY_NAME[name].signals)]
    return pa.schema([pa.field(LANGUAGE, pa.string()), *(pa.field(name, pa.float64()) for name in names)])


def signals_of(texts: pa.LargeStringArray, groups: Sequence[str] = (), *, words: Words = "whitespace") -> pa.Table:
    """The rows of the schema for texts, which must not be null."""
    signals = measure_texts(texts)
    languages, columns = detect_languages(texts, signals), dict(signals)
    for name in groups:
        columns |= GROUP_BY_NAME[name].measure(texts, signals)
    if words != "whitespace":
        from pipeline_lib.clean.datatrove import datatrove_signals

        columns |= datatrove_signals(texts.to_pylist(), words, asked=columns)
    return pa.table({LANGUAGE: languages, **columns}, schema=signals_schema(groups))


def measure_texts(texts: pa.LargeStringArray) -> dict[str, npt.NDArray[np.float64]]:
    """One float64 array for each of SIGNALS, in their order, with an entry for each text; texts must not be null."""
    rows = np.zeros((len(texts), len(SIGNALS)))
    if len(texts):
        data, offsets = buffers_of(texts)
        slots = num_slots(int(np.diff(offsets).max()) + 2)
        # Zeros come from the system page by page: memory is taken for what a document needs, not for the bound.
        table = (np.empty(slots, np.uint64), np.zeros(slots, np.int32), np.empty(slots, np.int32))
        measure(data, offsets, character_classes(), table, rows)
    return {name: rows[:, k].copy() for k, name in enumerate(SIGNALS)}
