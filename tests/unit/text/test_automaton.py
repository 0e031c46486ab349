"""Strings found in one pass: all that a plain search finds, wherever they lie over each other."""

import re
from collections.abc import Sequence
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.text import automaton
from pipeline_lib.text.automaton import Automaton, any_case, as_they_are, lower_case

PIECES = ("a", "b", "c", "A", " ", "  ", "夜", "班", "é", "É", "😀", "\n")
Place = tuple[int, int, int, int]


def _found(found_by: Automaton, texts: Sequence[str]) -> list[Place]:
    """Text, first and last byte in it, string."""
    column = pa.array(["skipped", *texts], pa.large_string())[1:]
    starts = [0, *(len(text.encode()) for text in ("skipped", *texts))]
    found = found_by.find(column)
    rows = zip(found.texts.tolist(), found.begins.tolist(), found.ends.tolist(), found.strings.tolist(), strict=True)
    return sorted(
        (text, a - sum(starts[: text + 2]), b - sum(starts[: text + 2]), string) for text, a, b, string in rows
    )


def _searched(strings: Sequence[str], texts: Sequence[str], *, skips_blanks: bool) -> list[Place]:
    """The plain twin."""
    found = []
    for number, text in enumerate(texts):
        for place, string in enumerate(strings):
            signs = [re.escape(sign) for sign in string if not (skips_blanks and sign == " ")]
            for match in re.finditer(f"(?=({(' ?' if skips_blanks else '').join(signs)}))", text, re.IGNORECASE):
                begin, end = (len(text[: match.start(1)].encode()), len(text[: match.end(1)].encode()))
                found.append((number, begin, end, place))
    return sorted(found)


@pytest.mark.parametrize("most", [0, 1 << 18])  # states in a hash table, and in a whole one
@given(
    strings=st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join), min_size=1, max_size=6),
    texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), min_size=1, max_size=3),
    skips_blanks=st.booleans(),
)
@settings(deadline=None)  # the first call compiles
def test_what_is_found_is_what_a_plain_search_finds(
    most: int, strings: list[str], texts: list[str], skips_blanks: bool
) -> None:
    by_key = {string.lower().replace(" ", "") if skips_blanks else string.lower(): string for string in strings}
    chosen = [string for key, string in by_key.items() if key]
    with patch.object(automaton, "_LARGEST_WHOLE", most):
        made = Automaton.of(chosen, lower_case(), skips_blanks=skips_blanks)
    assert _found(made, texts) == _searched(chosen, texts, skips_blanks=skips_blanks)


def test_case_counts_where_characters_stand_for_themselves() -> None:
    made = Automaton.of(["Go", "go"], as_they_are())
    assert _found(made, ["go Go GO"]) == [(0, 0, 2, 1), (0, 3, 5, 0)]


def test_ten_thousand_strings_are_found_as_few_are() -> None:
    strings = [f"term {number:05d}" for number in range(10_000)]
    assert _found(Automaton.of(strings, as_they_are()), ["a term 00007, term 09999"]) == [
        (0, 2, 12, 7),
        (0, 14, 24, 9_999),
    ]


def test_of_no_strings_and_of_no_texts_nothing_is_found() -> None:
    assert _found(Automaton.of([], as_they_are()), ["a"]) == []
    assert _found(Automaton.of(["a"], as_they_are()), []) == []


@pytest.mark.parametrize("strings", [["a", "A"], ["a", ""], [" "]])
def test_strings_that_are_one_or_none_are_refused(strings: list[str]) -> None:
    with pytest.raises(ValueError, match="empty, or there twice"):
        Automaton.of(strings, lower_case(), skips_blanks=True)


def test_what_is_one_in_lower_case_is_one_in_any_case() -> None:
    lower, any_ = lower_case(), any_case()
    assert (any_[lower] == any_).all()
    assert any_[ord("ſ")] == ord("s") and lower[ord("ſ")] == ord("ſ")
