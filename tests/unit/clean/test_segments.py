"""Segments of texts."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.segments import segments_of


def cut(text: str, at_least: int, at_most: int) -> list[str]:
    column = segments_of(pa.array([text], pa.large_string()), at_least=at_least, at_most=at_most)
    found: list[str] = column.to_pylist()[0]
    return found


ONE, TWO, THREE = "The ship came back.", " Nobody saw it come.", " All of them slept on."


@pytest.mark.parametrize(
    ("text", "bounds", "segments"),
    [
        ("", (0, 10), []),
        (ONE, (0, 100), [ONE]),
        (ONE + TWO + THREE, (0, 100), [ONE + TWO + THREE]),
        (ONE + TWO + THREE, (0, 45), [ONE + TWO, THREE]),
        (ONE + TWO + THREE, (0, 20), [ONE, TWO, THREE]),
        (f"{ONE}\n\n{TWO}", (5, 100), [f"{ONE}\n\n", TWO]),
        (f"{ONE}\n\n{TWO}", (30, 100), [f"{ONE}\n\n{TWO}"]),
        (f"{ONE}\n{TWO}", (5, 100), [f"{ONE}\n{TWO}"]),
        ("夜里没有人。机器读完了！大家睡了吗？", (0, 12), ["夜里没有人。机器读完了！", "大家睡了吗？"]),
        ("रात हुई। सब सोए।", (0, 8), ["रात हुई।", " सब सोए।"]),
    ],
)
def test_a_segment_ends_with_a_paragraph_or_with_the_last_sentence_that_fits(
    text: str, bounds: tuple[int, int], segments: list[str]
) -> None:
    assert cut(text, *bounds) == segments


def test_a_sentence_that_is_wrapped_stays_in_one() -> None:
    wrapped = "The ship that was thought\nto be lost came back\nlate at night."
    assert cut(f"{ONE}\n{wrapped} {ONE}", 0, 70) == [f"{ONE}\n", wrapped, f" {ONE}"]


def test_where_no_sentence_ends_lines_do() -> None:
    assert cut("one item\ntwo items\nthree\n", 0, 20) == ["one item\ntwo items\n", "three\n"]


def test_a_sentence_that_is_too_long_is_a_segment_of_its_own() -> None:
    long = "The ship " + "of the long name " * 10 + "came back."
    assert cut(f"{ONE} {long}{TWO}", 0, 40) == [ONE, f" {long}", TWO]


def test_a_short_rest_joins_the_one_before_where_that_can_take_it() -> None:
    assert cut(f"{ONE}\n\nWell.", 10, 100) == [f"{ONE}\n\nWell."]
    assert cut(f"{ONE}\n\nWell.", 10, 22) == [f"{ONE}\n\n", "Well."]


@pytest.mark.parametrize("bounds", [(-1, 5), (6, 5)])
def test_bounds_that_cannot_be_are_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="0 <= at_least <= at_most"):
        cut("a", *bounds)


def test_a_column_that_is_cut_out_of_another_one_is_read_at_its_place() -> None:
    texts = pa.array(["no", ONE + TWO, "", "夜。里。"], pa.large_string()).slice(1)
    assert segments_of(texts, at_least=0, at_most=20).to_pylist() == [[ONE, TWO], [], ["夜。里。"]]
    assert segments_of(texts.slice(0, 0), at_least=0, at_most=20).to_pylist() == []


PIECES = st.sampled_from(
    ["The ship came back. ", "夜里没有人。", "one item", "\n", "\n\n", " ", "Mr. Smith ", "a", "!", "？", "é"]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(0, 40), st.integers(0, 40))
def test_together_they_are_the_text_and_keep_to_their_bounds(texts: list[str], at_least: int, more: int) -> None:
    at_most = at_least + more
    found = segments_of(pa.array(texts, pa.large_string()), at_least=at_least, at_most=at_most).to_pylist()
    for text, segments in zip(texts, found, strict=True):
        assert "".join(segments) == text
        assert all(segments)
        for before, after in itertools.pairwise(segments):
            assert len(after) >= at_least or len(before) + len(after) > at_most
        for segment in segments:
            is_one_piece = cut(segment, 0, 1)[0].rstrip() == segment.rstrip()
            assert len(segment) <= at_most or is_one_piece


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 60))
def test_cutting_a_segment_again_leaves_it_whole(text: str, at_most: int) -> None:
    for segment in cut(text, at_most, at_most):
        assert len(segment) > at_most or cut(segment, at_most, at_most) == [segment]


def test_a_line_of_a_hundred_thousand_sentences_is_gone_over_once() -> None:
    text = "他们走了。" * 100_000
    found = cut(text, 10, 50)
    assert "".join(found) == text
    assert {len(one) for one in found} == {50}
