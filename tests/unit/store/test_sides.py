"""Which side a document is on."""

import numpy as np
import pytest
import xxhash

from pipeline_lib.store.sides import is_held_out, side_of, sides_of


def test_a_side_is_the_digest_of_source_and_url() -> None:
    assert side_of("docs", "夜/a.txt") == xxhash.xxh3_64_intdigest("docs\0夜/a.txt".encode())
    assert sides_of(["a", "b"], ["x", "x"]).tolist() == [side_of("a", "x"), side_of("b", "x")]
    assert sides_of([], []).dtype == np.uint64


def test_source_and_url_do_not_run_together() -> None:
    assert side_of("ab", "c") != side_of("a", "bc")


@pytest.mark.parametrize("share", [0.0, 0.02, 1 / 3, 0.5, 1.0])
def test_a_document_is_held_out_when_its_number_lies_below_the_share(share: float) -> None:
    """Against the plain twin in whole numbers, at the very limit too."""
    limit = int(share * 2**64)
    near = [number for number in (limit - 1, limit, limit + 1) if 0 <= number < 2**64]
    sides = np.array([0, *near, 2**63, 2**64 - 1], dtype=np.uint64)
    assert is_held_out(sides, share).tolist() == [int(side) < share * 2**64 for side in sides]


def test_a_raised_share_only_adds_documents() -> None:
    sides = sides_of(["docs"] * 1000, [str(n) for n in range(1000)])
    small, large = is_held_out(sides, 0.05), is_held_out(sides, 0.2)
    assert 20 < small.sum() < 90
    assert 150 < large.sum() < 250
    assert not (small & ~large).any()
