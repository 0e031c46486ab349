"""Where sentences end, by signs."""

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.sentence_ends import OWN_STOPS, SHARED_STOPS, count_inner_ends, next_inner_end
from pipeline_lib.clean.signals import measure_texts


def _measured(text: str) -> tuple[float, float]:
    """Segments, and those of them that end as a sentence does."""
    columns = measure_texts(pa.array([text], pa.large_string()))
    segments = float(columns["num_segments"][0])
    return segments, round(float(columns["ended_segment_share"][0]) * segments)


def test_stops_are_those_of_unicode_and_the_chinese_semicolon() -> None:
    terminal = {chr(point) for point in range(0x10000) if regex.match(r"\p{Sentence_Terminal}", chr(point))}
    assert {*OWN_STOPS, *SHARED_STOPS} == terminal | {"；"}
    assert not {*OWN_STOPS} & {*SHARED_STOPS}


@pytest.mark.parametrize(
    ("text", "segments", "ended"),
    [
        ("The ship came back. Nobody saw it.", 2, 2),
        ("The ship came back. Nobody saw it", 2, 1),
        ("“The ship came back.” Nobody (at all!) saw it.)", 2, 2),
        ("The **ship came back.** Nobody saw it.[", 2, 1),
        ("Is the ship back?! Nobody knows it... Well.", 3, 3),
        ("委员会开会。会议结束！有人提问？好的", 4, 3),
        ("他说：「会议结束。」然后走了。）", 2, 2),
        ("委员会开会｡会议结束﹗完了", 3, 2),
        ("我们去了.然后回来了.好!完", 4, 3),
        ("第一项；第二项；第三项", 3, 2),
        ("Il est revenu ! Elle est là ? Oui.", 3, 3),
        ("हम घर गए। वह आया।", 2, 2),
        ("هل عاد؟ نعم۔", 2, 2),
        ("Միք եկավ։ Նա գնաց։", 2, 2),
    ],
)
def test_a_sentence_ends_at_its_stop_inside_a_line_and_at_its_end(text: str, segments: int, ended: int) -> None:
    assert _measured(text) == (segments, ended)


@pytest.mark.parametrize(
    "text",
    [
        "1. Home 2. News 3. Sports",
        "1．首页 2．新闻 3．体育",
        "1.首页 2.新闻 3.体育",
        "Mr. Smith",
        "see www.example.org/a.b?c=d and v1.2.3",
        "all that is, e.g. the ship vs. the sea",
        "家 . 店 . 铺 . 房",
        "A. Home B. News C. Sports",
        "the works of J. R. R. Tolkien",
        "there are 3 . So",
    ],
)
def test_numbers_names_addresses_and_abbreviations_end_no_sentence(text: str) -> None:
    assert _measured(text) == (1, 0)


PIECES = st.sampled_from(
    ["The ship came back", "Mr", " ", "a", "夜", ".", "。", "！", "?", ")", "”", "1", "É", "I saw it"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=20).map("".join))
def test_ends_that_are_counted_are_those_that_are_found_one_by_one(line: str) -> None:
    text = np.frombuffer(line.encode(), np.uint8)
    ends, at = 0, next_inner_end(text, 0, len(text))
    while at < len(text):
        ends, at = ends + 1, next_inner_end(text, at, len(text))
    assert count_inner_ends(text, 0, len(text)) == ends
