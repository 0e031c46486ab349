"""Values counted to three digits: what is counted, its middle, and the bars that it makes."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.report.values import axis_for, counted, heights, median

NUMBERS = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False).filter(
    lambda value: abs(value) > 1e-9 or not value
)


def test_values_of_three_digits_are_counted_as_they_are() -> None:
    values = np.array([0.0, 1, 50, 50, 655, 0.03, 0.7, -2.5, 1e6, np.nan, np.inf])
    assert counted(values) == {0.0: 1, 1.0: 1, 50.0: 2, 655.0: 1, 0.03: 1, 0.7: 1, -2.5: 1, 1e6: 1}


def test_more_digits_are_rounded() -> None:
    assert counted(np.array([1234.0, 1233.0, 0.123456, 99.96])) == {1230.0: 2, 0.123: 1, 100.0: 1}


@given(st.lists(NUMBERS, max_size=30))
def test_no_value_moves_by_more_than_half_a_step(values: list[float]) -> None:
    for value in values:
        (found,) = counted(np.array([value]))
        step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 0.0
        assert abs(found - value) <= 0.5001 * step


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_counts_of_two_parts_add_up_to_those_of_the_whole(one: list[float], other: list[float]) -> None:
    assert counted(np.array(one)) + counted(np.array(other)) == counted(np.array(one + other))


@pytest.mark.parametrize(
    ("values", "middle"),
    [({}, None), ({7.0: 1}, 7.0), ({1.0: 1, 3.0: 1}, 2.0), ({1.0: 2, 5.0: 1}, 1.0), ({9.0: 3, 2.0: 1}, 9.0)],
)
def test_the_median_is_the_middle_of_all_values(values: dict[float, int], middle: float | None) -> None:
    assert median(values) == middle


def test_shares_have_an_axis_from_nought_to_one() -> None:
    axis = axis_for({0.1: 3, 0.9: 1})
    assert (axis.is_log, axis.edges[0], axis.edges[-1]) == (False, 0.0, 1.0)


def test_values_far_apart_have_a_logarithmic_axis_with_a_bar_for_zero() -> None:
    axis = axis_for({0.0: 1, 3.0: 1, 40_000.0: 2})
    assert axis.is_log
    assert axis.edges[1] == pytest.approx(1)
    assert axis.edges[-1] == pytest.approx(100_000)
    shares = heights({0.0: 1, 3.0: 1, 40_000.0: 2}, axis)
    assert shares[0] == 0.25
    assert shares.sum() == pytest.approx(1)


@given(st.dictionaries(NUMBERS, st.integers(1, 9), min_size=1, max_size=20))
def test_every_value_is_in_some_bar(values: dict[float, int]) -> None:
    found = heights(values, axis_for(values))
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()


def test_nothing_makes_no_bars() -> None:
    assert heights(Counter(), axis_for({})).sum() == 0
