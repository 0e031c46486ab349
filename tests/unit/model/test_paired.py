"""Two models on the same documents: blocks, intervals and what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline_lib.model.paired import (
    FEWEST_BLOCKS,
    MOST_BLOCKS,
    Difference,
    block_of,
    deal,
    difference,
    effective_number,
    holm,
)


def told(bits: NDArray[np.float64], other: NDArray[np.float64], blocks: NDArray[np.int64]) -> Difference:
    found = difference(bits, other, blocks, seed=1, num_resamples=2000)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("numpy/a.py#dot", "numpy/linalg/b.py"),
        ("https://Example.org/a", "https://example.org/b/c?d=e#f"),
        ("corpus.jsonl#1", "corpus.jsonl#2"),
        ("2026/01/a.txt", "2026/02/b.txt"),
    ],
)
def test_what_lies_together_is_a_block(one: str, other: str) -> None:
    assert block_of("docs", one) == block_of("docs", other)
    assert block_of("docs", one) != block_of("other", one)
    assert 0 <= block_of("docs", one) < 2**63


@pytest.mark.parametrize(
    ("one", "other"),
    [("numpy/a", "pandas/a"), ("https://a.org/x", "https://b.org/x"), ("a.txt", "b.txt"), ("a.jsonl#1", "b.jsonl#1")],
)
def test_what_lies_apart_is_not(one: str, other: str) -> None:
    assert block_of("docs", one) != block_of("docs", other)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "#",
        "/",
        "://",
        "http://",
        "http://[half",
        "https://[::1]:99999/x",
        "http://a:b:c/",
        "夜://班/x",
        "a\x00b/c",
        "?q",
    ],
)
def test_whatever_stands_in_a_url_has_a_block(url: str) -> None:
    """It comes with the data: a field of a record may hold anything."""
    assert 0 <= block_of("docs", url) < 2**63


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_has_a_block(source: str, url: str) -> None:
    assert block_of(source, url) == block_of(source, url)


def test_enough_blocks_stay_whole() -> None:
    blocks = np.repeat(np.arange(10), 3)
    assert deal(blocks, np.full(30, 100)).tolist() == blocks.tolist()


def test_a_single_large_block_is_dealt_into_parts() -> None:
    dealt = deal(np.zeros(400, np.int64), np.full(400, 100))
    assert len(set(dealt.tolist())) == 20
    assert np.bincount(dealt).tolist() == [20] * 20


def test_small_blocks_beside_a_large_one_stay_whole() -> None:
    blocks = np.array([7] * 95 + [1, 1, 2, 3, 3])
    dealt = deal(blocks, np.full(100, 10))
    assert dealt[95] == dealt[96] != dealt[97]
    assert dealt[98] == dealt[99]
    assert effective_number(np.bincount(dealt)) > FEWEST_BLOCKS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10_000)), max_size=300))
def test_documents_of_one_part_are_of_one_block(documents: list[tuple[int, int]]) -> None:
    blocks = np.array([block for block, _ in documents], np.int64)
    dealt = deal(blocks, np.array([size for _, size in documents], np.int64))
    assert len(dealt) == len(documents)
    assert all(len(set(blocks[dealt == number].tolist())) == 1 for number in set(dealt.tolist()))


def test_very_many_blocks_are_dealt_together() -> None:
    dealt = deal(np.arange(10 * MOST_BLOCKS), np.full(10 * MOST_BLOCKS, 5))
    assert len(set(dealt.tolist())) == MOST_BLOCKS


def test_the_same_share_on_every_document_leaves_no_doubt() -> None:
    other = np.array([100.0, 10.0, 55.0, 7.0, 81.0, 20.0])
    found = told(0.9 * other, other, np.arange(6))
    assert (found.low(0.02), found.value, found.high(0.02)) == pytest.approx((-0.1, -0.1, -0.1))
    assert found.detectable(0.02) == pytest.approx(0.0, abs=1e-12)


def test_ends_are_one_sided_and_wider_for_less_doubt() -> None:
    generator = np.random.default_rng(0)
    other = generator.uniform(50, 150, 40)
    found = told(other * (1 + 0.02 * generator.standard_normal(40)), other, np.arange(40))
    assert found.low(0.01) < found.low(0.1) < found.value < found.high(0.1) < found.high(0.01)
    assert found.p_above(found.low(0.05)) == pytest.approx(0.05, abs=0.005)
    assert found.p_above(found.value) > 0.4 > found.p_above(-0.02)


def test_few_blocks_are_less_sure_than_many_of_the_same_spread() -> None:
    generator = np.random.default_rng(0)
    other = np.full(120, 100.0)
    bits = other * (1 + 0.02 * generator.standard_normal(120))
    few, many = told(bits, other, np.arange(120) % 6), told(bits, other, np.arange(120))
    assert few.value == many.value
    assert few.num_blocks == 6
    assert few.effective == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["mine", "other"])
def test_what_is_no_number_cannot_be_told(bad: float, side: str) -> None:
    sides = {"mine": np.full(5, 3.0), "other": np.full(5, 4.0)}
    sides[side][2] = bad
    assert difference(sides["mine"], sides["other"], np.arange(5), seed=0, num_resamples=100) is None


def test_nothing_one_block_and_a_base_of_zero_cannot_be_told() -> None:
    some, none = np.full(5, 3.0), np.array([])
    assert difference(none, none, np.array([], np.int64), seed=0, num_resamples=100) is None
    assert difference(some, some, np.zeros(5, np.int64), seed=0, num_resamples=100) is None
    assert difference(some, np.zeros(5), np.arange(5), seed=0, num_resamples=100) is None


def test_holm_refutes_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([0.03, 0.01], 0.02) == [False, True]
    assert holm([], 0.05) == []


LAYOUTS = {
    "each by itself": lambda numbers: numbers,
    "one place": lambda numbers: 0 * numbers,
    "two places": lambda numbers: numbers % 2,
    "six places": lambda numbers: numbers % 6,
    "few large and many small": lambda numbers: np.maximum(0, numbers - 100),
}


@pytest.mark.parametrize("number", [20, 150, 400])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_equal_models_differ_rarely_whatever_a_set_looks_like(number: int, layout: str) -> None:
    """Documents of very unequal length, long-tailed noise that is smaller on longer ones: `alpha` 2 %, at most 5."""
    generator = np.random.default_rng(3)
    num_bytes = 20 + np.exp(generator.normal(6.5, 1.2, number)).astype(np.int64)
    other = num_bytes * np.exp(generator.normal(0.8, 0.25, number))
    blocks = deal(LAYOUTS[layout](np.arange(number)), num_bytes)
    better = 0
    for _ in range(500):
        noise = 0.02 * generator.standard_t(3, number) * np.sqrt(500 / num_bytes)
        found = difference(other * np.maximum(0.2, 1 + noise), other, blocks, seed=0, num_resamples=1000)
        better += found is not None and found.high(0.02) < 0
    assert better <= 0.05 * 500
