"""A shuffled order: every thing once, the same for the same key, and shuffled indeed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.model.reading import order
from pipeline_lib.model.reading.order import order_of


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 3000), st.integers(0, 2**63), st.integers(0, 100))
def test_every_thing_comes_once(num_items: int, seed: int, epoch: int) -> None:
    assert sorted(order_of(num_items, seed, epoch).places(0, num_items)) == list(range(num_items))


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 10**12), st.integers(0, 2**40), st.data())
def test_a_stretch_is_what_the_single_places_are(num_items: int, seed: int, data: st.DataObject) -> None:
    shuffled = order_of(num_items, seed)
    first = data.draw(st.integers(0, num_items - 1))
    count = data.draw(st.integers(0, min(20, num_items - first)))
    one_by_one = [int(shuffled.places(place, 1)[0]) for place in range(first, first + count)]
    assert shuffled.places(first, count).tolist() == one_by_one
    assert all(0 <= place < num_items for place in one_by_one)


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 500), st.integers(0, 2**40))
def test_it_is_what_plain_python_says(num_items: int, seed: int) -> None:
    """The same network in numbers without bounds."""
    shuffled = order_of(num_items, seed)
    half = max(1, -(-(num_items - 1).bit_length() // 2))
    keys, low = [int(key) for key in shuffled.keys], 2**64 - 1

    def permuted(number: int) -> int:
        left, right = number >> half, number % 2**half
        for key in keys:
            mixed = (right + key) * int(order.GOLDEN) & low
            mixed = (mixed ^ mixed >> 29) * int(order.MIX) & low
            left, right = right, left ^ (mixed ^ mixed >> 32) % 2**half
        return left << half | right

    def walked(number: int) -> int:
        number = permuted(number)
        while number >= num_items:
            number = permuted(number)
        return number

    assert shuffled.places(0, num_items).tolist() == [walked(place) for place in range(num_items)]


def test_neighbours_are_strangers() -> None:
    """Without a correlation between a place and the next; a mean distance of a third of all, as by chance."""
    places = order_of(100_000, 1, 0).places(0, 100_000)
    assert abs(np.corrcoef(places[:-1], places[1:])[0, 1]) < 0.01
    assert abs(np.abs(np.diff(places)).mean() / 100_000 - 1 / 3) < 0.01


def test_another_seed_epoch_or_purpose_is_another_order() -> None:
    found = {tuple(order_of(50, *key).places(0, 50)) for key in ((1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1))}
    assert len(found) == 4


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (8, 3), (11, 0)])
def test_there_is_nothing_beyond_the_last_place(first: int, count: int) -> None:
    with pytest.raises(IndexError):
        order_of(10, 1).places(first, count)
