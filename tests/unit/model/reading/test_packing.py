"""Packing, against plain Python."""

import bisect

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.model.reading.packing import pack
from pipeline_lib.model.reading.snapshot import Packing

LENGTHS = st.lists(st.integers(1, 40), max_size=40)


def samples(num_pairs: list[int], context: int, packing: Packing) -> list[list[tuple[int, int, int]]]:
    """(document, first pair, pairs) of the pieces, sample by sample."""
    pieces = pack(np.array(num_pairs, np.int64), context, packing)
    rows = list(zip(pieces.documents.tolist(), pieces.firsts.tolist(), pieces.lengths.tolist(), strict=True))
    return [rows[pieces.samples[one] : pieces.samples[one + 1]] for one in range(pieces.num_samples)]


def plain_contiguous(num_pairs: list[int], context: int) -> list[list[tuple[int, int, int]]]:
    stream = [(document, pair) for document, pairs in enumerate(num_pairs) for pair in range(pairs)]
    cut = [stream[first : first + context] for first in range(0, len(stream), context)]
    return [
        [
            (document, min(p for d, p in sample if d == document), sum(d == document for d, _ in sample))
            for document in dict.fromkeys(d for d, _ in sample)
        ]
        for sample in cut
    ]


def plain_best_fit(num_pairs: list[int], context: int) -> list[list[tuple[int, int, int]]]:
    """Rooms in a sorted list; among samples with the same room the one that got it last."""
    pieces = [
        (document, first, min(context, pairs - first))
        for document, pairs in enumerate(num_pairs)
        for first in range(0, pairs, context)
    ]
    packed: list[list[tuple[int, int, int]]] = []
    rooms: list[tuple[int, int, int]] = []  # room, minus the time when it came to be, sample
    for time, piece in enumerate(sorted(pieces, key=lambda piece: -piece[2])):
        at = bisect.bisect_left(rooms, (piece[2],))
        if at == len(rooms):
            packed.append([])
            room, sample = context, len(packed) - 1
        else:
            room, _, sample = rooms.pop(at)
        packed[sample].append(piece)
        bisect.insort(rooms, (room - piece[2], -time, sample))
    return packed


@settings(deadline=None)  # the first call compiles
@given(LENGTHS, st.integers(2, 70))
def test_contiguous_is_one_stream_that_is_cut(num_pairs: list[int], context: int) -> None:
    assert samples(num_pairs, context, "contiguous") == plain_contiguous(num_pairs, context)


@settings(deadline=None)  # the first call compiles
@given(LENGTHS, st.integers(2, 140))
def test_best_fit_is_best_fit(num_pairs: list[int], context: int) -> None:
    assert samples(num_pairs, context, "best_fit") == plain_best_fit(num_pairs, context)


@settings(deadline=None)  # the first call compiles
@given(LENGTHS, st.integers(2, 70), st.sampled_from(["contiguous", "best_fit"]))
def test_every_pair_is_in_one_sample_and_no_sample_is_too_long(
    num_pairs: list[int], context: int, packing: Packing
) -> None:
    packed = samples(num_pairs, context, packing)
    pairs = [
        (document, first + pair) for sample in packed for document, first, length in sample for pair in range(length)
    ]
    assert sorted(pairs) == [(document, pair) for document, length in enumerate(num_pairs) for pair in range(length)]
    assert all(1 <= sum(length for *_, length in sample) <= context for sample in packed)


def test_best_fit_cuts_no_document_that_fits() -> None:
    """Contiguous cuts the second one."""
    assert samples([3, 3, 1, 1], 4, "best_fit") == [[(0, 0, 3), (3, 0, 1)], [(1, 0, 3), (2, 0, 1)]]
    assert samples([3, 3, 1, 1], 4, "contiguous") == [[(0, 0, 3), (1, 0, 1)], [(1, 1, 2), (2, 0, 1), (3, 0, 1)]]
