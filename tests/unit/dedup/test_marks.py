"""Which rows may matter to a batch: none that does is overlooked, and few others are let in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.dedup.marks import mark, may_share

rows = st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2), max_size=8)


def matrix(values: list[list[int]]) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint32]]":
    return np.array(values, np.uint32).reshape(len(values), 2)


def test_a_key_counts_in_its_own_column_only() -> None:
    marks = mark(matrix([[5, 2], [7, 8]]))
    assert may_share(marks, matrix([[1, 2], [3, 4], [5, 6], [2, 5]])).tolist() == [True, False, True, False]


@given(rows, rows)
def test_no_row_that_shares_a_key_is_overlooked(batch: list[list[int]], others: list[list[int]]) -> None:
    shares = [any(a[0] == b[0] or a[1] == b[1] for b in batch) for a in others]
    found = may_share(mark(matrix(batch)), matrix(others)).tolist()
    assert all(is_found for is_found, does_share in zip(found, shares, strict=True) if does_share)


def test_of_rows_that_share_nothing_one_in_thirty_is_let_in_at_most() -> None:
    dice = np.random.default_rng(1)
    batch, others = (dice.integers(0, 2**32, (size, 20), np.uint32) for size in (3_000, 20_000))
    assert may_share(mark(batch), others).mean() < 1 / 30


def test_the_tables_are_as_large_as_the_batch_needs_and_no_larger_than_2_mib() -> None:
    assert mark(np.zeros((13, 20), np.uint32)).nbytes < 50_000
    assert mark(np.zeros((100_000, 1), np.uint32)).nbytes == 2 << 20
