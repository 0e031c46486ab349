"""Linking: buckets, verification and components, against a slow twin that compares all pairs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.dedup.candidates import band_keys, block_keys, to_lists, to_matrix
from pipeline_lib.dedup.link import Links, Nodes, jaccard, link
from pipeline_lib.dedup.texts import ShingleSets

ALL_BITS = 64


def sets_of(*members: set[int]) -> ShingleSets:
    sizes = [0, *(len(values) for values in members)]
    values = [value for group in members for value in sorted(group)]
    return ShingleSets(np.array(values, np.uint64), np.cumsum(sizes).astype(np.int64))


def linked(keys: list[list[int]], sets: ShingleSets | None, *, num_earlier: int = 0, at_least: float = 0.5) -> Links:
    nodes = Nodes(np.array(keys, np.uint32), np.zeros(len(keys), np.uint64), np.ones(len(keys), np.bool_), num_earlier)
    return link(nodes, max_hamming_bits=ALL_BITS, sets=sets, jaccard_at_least=at_least)


def slow_roots(keys: list[list[int]], sets: list[set[int]], num_earlier: int, at_least: float) -> list[int]:
    names = list(range(len(keys)))
    for a, b in itertools.combinations(range(len(keys)), 2):
        is_candidate = b >= num_earlier and any(x == y for x, y in zip(keys[a], keys[b], strict=True))
        union = sets[a] | sets[b]
        if is_candidate and union and len(sets[a] & sets[b]) / len(union) >= at_least:
            low, high = sorted((names[a], names[b]))
            names = [low if name == high else name for name in names]
    return names


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [({1, 2, 3}, {2, 3, 4}, 0.5), ({1}, {1}, 1.0), ({1}, {2}, 0.0), (set(), {1}, 0.0), (set(), set(), 0.0)],
)
def test_jaccard_is_common_over_all(first: set[int], second: set[int], expected: float) -> None:
    sets = sets_of(first, second)
    assert jaccard(sets.values, sets.offsets, 0, 1) == expected


def test_a_shared_key_without_enough_jaccard_is_no_link() -> None:
    links = linked([[7], [7]], sets_of({1, 2, 3, 4}, {4, 5, 6, 7}))
    assert links.roots.tolist() == [0, 1]
    assert (links.num_candidates, links.num_verified) == (1, 0)


def test_a_pair_that_shares_several_keys_is_compared_once() -> None:
    assert linked([[7, 8, 9], [7, 8, 9]], sets_of({1, 2, 3, 4}, {4, 5, 6, 7})).num_candidates == 1


def test_a_jaccard_exactly_at_the_limit_is_a_link() -> None:
    ten, seven = set(range(10)), set(range(7))
    assert linked([[7], [7]], sets_of(ten, seven), at_least=0.7).roots.tolist() == [0, 0]


def test_equal_texts_without_a_shared_key_are_no_candidates() -> None:
    assert linked([[7], [8]], sets_of({1}, {1})).num_candidates == 0


def test_a_chain_of_links_is_one_component_named_by_its_oldest() -> None:
    links = linked([[1, 0], [9, 5], [1, 5]], sets_of({1, 2, 3}, {3, 4, 5, 2}, {1, 2, 3, 4}))
    assert links.roots.tolist() == [0, 0, 0]
    assert links.is_linked.all()


def test_two_documents_of_earlier_batches_are_not_compared() -> None:
    links = linked([[7], [7]], sets_of({1}, {1}), num_earlier=2)
    assert links.roots.tolist() == [0, 1]
    assert links.num_candidates == 0


def test_documents_that_are_linked_already_are_not_compared_again() -> None:
    links = linked([[7]] * 4, sets_of({1, 2}, {1, 2}, {1, 2}, {3, 4}))
    # 0-1, 1-2, 2-3 as neighbours, then 0-3 and 1-3; 0-2 is settled.
    assert (links.num_candidates, links.num_verified) == (5, 2)


def test_a_thousand_copies_cost_a_thousand_comparisons() -> None:
    links = linked([[7, 8, 9]] * 1000, sets_of(*[{1, 2}] * 1000))
    assert (links.num_candidates, links.num_verified) == (999, 999)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_linking_equals_its_slow_twin_over_all_pairs(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 12))
    keys = data.draw(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=size, max_size=size))
    sets = data.draw(st.lists(st.sets(st.integers(0, 5)), min_size=size, max_size=size))
    num_earlier = data.draw(st.integers(0, size))
    table: list[list[int]] = keys or [[0, 0]]
    members: list[set[int]] = sets or [set()]
    links = linked(table, sets_of(*members), num_earlier=num_earlier)
    assert links.roots.tolist() == slow_roots(table, members, num_earlier, 0.5)


@pytest.mark.parametrize("max_hamming_bits", range(1, 9))
def test_simhashes_that_differ_in_few_bits_share_a_block(max_hamming_bits: int) -> None:
    rng = np.random.default_rng(max_hamming_bits)
    first = rng.integers(0, 1 << 63, 500, np.uint64)
    second = np.array([_flipped(int(value), max_hamming_bits, rng) for value in first], np.uint64)
    blocks = [block_keys(values, max_hamming_bits + 1) for values in (first, second)]
    assert (blocks[0] == blocks[1]).any(axis=1).all()


def _flipped(value: int, num_bits: int, rng: np.random.Generator) -> int:
    for bit in rng.choice(64, num_bits, replace=False):
        value ^= 1 << int(bit)
    return value


def test_one_different_value_changes_only_the_key_of_its_band() -> None:
    signature = np.arange(12, dtype=np.uint32)
    changed = signature.copy()
    changed[5] = 99
    keys = band_keys(np.stack([signature, changed]), 4)
    assert (keys[0] == keys[1]).tolist() == [True, False, True, True]


def test_a_matrix_survives_as_a_list_column() -> None:
    matrix = np.arange(6, dtype=np.uint32).reshape(3, 2)
    column = to_lists(matrix)
    assert column.to_pylist() == [[0, 1], [2, 3], [4, 5]]


def test_lists_of_another_width_are_refused() -> None:
    import pyarrow as pa

    with pytest.raises(ValueError, match="reshape"):
        to_matrix(pa.chunked_array([to_lists(np.zeros((3, 2), np.uint32))]), 4)
