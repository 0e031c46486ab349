"""The best champions of a benchmark generation: what a challenger is held against beside the champion of the hour.

A loss of .4 % is proven in no night, and a hundred nights later it is a third. So the champions that were best in
anything, on the whole or in a slice, are kept to compare with: no more of them than there are slices.
"""

from collections.abc import Mapping

import numpy as np

from pipeline_lib.model.measured import Measured, parts_of
from pipeline_lib.register.compare import Pair, on_common


def best_of(champions: Mapping[int, Measured], now: int) -> tuple[int, ...]:
    """The versions that need the fewest bits on the whole or in a slice, ascending; and the champion of `now`.

    Each is compared with that one, on the documents that both were scored on.
    """
    best: dict[str, tuple[float, int]] = {}
    for number, cell in champions.items():
        for part, ratio in _ratios(cell, champions[now]).items():
            best[part] = min(best.get(part, (1.0, now)), (ratio, number))
    return tuple(sorted({now, *(number for _, number in best.values())}))


def _ratios(cell: Measured, other: Measured) -> dict[str, float]:
    """Bits over the other's bits, on the whole ("") and by slice."""
    pair = on_common(Pair("", "", cell, other))
    mine, others = pair.mine, pair.other
    every = np.ones(len(mine.bits), np.bool_)
    parts = [("", "", every), *parts_of(mine.sources, mine.languages, mine.num_bytes)] if len(mine.bits) else []
    sums = {f"{by} {name}".strip(): (mine.bits[own].sum(), others.bits[own].sum()) for by, name, own in parts}
    told = {part: pair for part, pair in sums.items() if np.isfinite(pair).all() and pair[1] > 0}
    return {part: float(mine_sum / others_sum) for part, (mine_sum, others_sum) in told.items()}
