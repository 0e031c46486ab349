"""Values of a signal, counted to three digits: what a histogram and a median need, whatever the number of documents.

Three digits are 900 values a decade at most, so the counts of a signal over any number of documents stay a few
thousand numbers, and those of two nights add up; a median is right to three digits (0.5 %).
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIGITS = 3
_STEP, _MIDDLE = 1_000, 500  # a value is mantissa * _STEP + exponent + _MIDDLE while it is counted
LINEAR_BINS, BINS_A_DECADE = 40, 10
WIDE = 20.0  # values that lie further apart than this, largest over smallest, ask for a logarithmic axis


def counted(values: Floats) -> Counter[float]:
    """How often each value comes, rounded to three digits. NaN, which says that there is none, is left out."""
    known = values[np.isfinite(values)]
    size = np.abs(known)
    exponents = np.zeros(len(known), np.int64)
    np.floor(np.log10(size, where=size > 0, out=np.zeros(len(known))), out=exponents, casting="unsafe")
    exponents -= DIGITS - 1
    mantissas = np.rint(known * 10.0**-exponents).astype(np.int64)
    exponents[mantissas == 0] = 0
    codes, numbers = np.unique(mantissas * _STEP + exponents + _MIDDLE, return_counts=True)
    found = Counter[float]()
    for code, number in zip(codes.tolist(), numbers.tolist(), strict=True):
        mantissa, exponent = divmod(code, _STEP)
        found[float(f"{mantissa}e{exponent - _MIDDLE}")] += number
    return found


def median(values: Mapping[float, int]) -> float | None:
    """The middle of counted values, of two middles their mean; None of none."""
    number = sum(values.values())
    if not number:
        return None
    ordered = sorted(values.items())
    return (_at(ordered, (number - 1) // 2) + _at(ordered, number // 2)) / 2


def _at(ordered: list[tuple[float, int]], place: int) -> float:
    """The value at a place, from 0, of all in their order."""
    seen = 0
    for value, number in ordered:
        seen += number
        if seen > place:
            return value
    raise IndexError(place)


@dataclass(frozen=True)
class Axis:
    """Where the bars of a histogram end; `is_log`: they are as wide as each other on a logarithmic axis."""

    edges: Floats
    is_log: bool


def axis_for(values: Mapping[float, int]) -> Axis:
    """An axis on which the values can be told apart: logarithmic where they lie far apart, and none is below zero.

    On a logarithmic axis zero has a bar of its own, left of the smallest other value.
    """
    if not values:
        return Axis(np.linspace(0.0, 1.0, LINEAR_BINS + 1), is_log=False)
    low, high = min(values), max(values)
    smallest = min((value for value in values if value > 0), default=1.0)
    if low < 0 or high <= 1 or high / smallest <= WIDE:
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high + (high - low) / LINEAR_BINS)  # a bar for high
        return Axis(np.linspace(low, high if high > low else low + 1, LINEAR_BINS + 1), is_log=False)
    first, last = math.floor(math.log10(smallest)), math.ceil(math.log10(high * 1.0001))
    edges = np.logspace(first, last, (last - first) * BINS_A_DECADE + 1)
    return Axis(np.concatenate([[edges[0] / 10 ** (1 / BINS_A_DECADE)], edges]), is_log=True)


def heights(values: Mapping[float, int], axis: Axis) -> Floats:
    """The share of all values in each bar of an axis; they sum to 1. Nothing of nothing."""
    bars = np.zeros(len(axis.edges) - 1)
    places = np.array(list(values), np.float64)
    if not len(places):
        return bars
    at = np.searchsorted(axis.edges, places * (1 + 1e-12) + 1e-12, side="right") - 1
    np.add.at(bars, np.clip(at, 0, len(bars) - 1), list(values.values()))
    shares: Floats = bars / bars.sum()
    return shares
