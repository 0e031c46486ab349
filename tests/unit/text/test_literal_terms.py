"""Terms in documents, against a slow plain twin; bounds of words by script; the pass is linear in what it may be."""

import random
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.text.characters import SINGLE, WORD
from pipeline_lib.text.literal_terms import MARK, folded, share_in_terms, term_classes, terms_of

CLASSES = term_classes()


def shares(texts: list[str], *terms: str) -> list[float]:
    found = terms_of(sorted({folded(term) for term in terms}))
    return [round(float(share), 6) for share in share_in_terms(pa.array(texts, pa.large_string()), found)]


def kinds_of(text: str) -> list[int]:
    """The class of each character, a mark as that of what it belongs to."""
    found: list[int] = []
    for sign in text:
        kind = int(CLASSES[ord(sign)]) if ord(sign) < len(CLASSES) else 0
        found.append((WORD if found and found[-1] == WORD else 0) if kind == MARK else kind)
    return found


def plainly(text: str, terms: list[str]) -> float:
    """Every term at every place, by plain Python."""
    text = folded(text)
    kinds = kinds_of(text)
    starts = [i for i, kind in enumerate(kinds) if kind == SINGLE or (kind == WORD and (not i or kinds[i - 1] != WORD))]
    inside, ends_of_signs = set[int](), set[int]()
    for term in terms:
        for at in range(len(text) - len(term) + 1):
            end = at + len(term)
            splits_first = kinds[at] == WORD and at > 0 and kinds[at - 1] == WORD
            splits_last = kinds[end - 1] == WORD and end < len(text) and kinds[end] == WORD
            if text[at:end] != term or splits_first or splits_last:
                continue
            held = {start for start in starts if at <= start < end}
            inside |= held
            if not held and not any(
                text[other:end] == longer and any(other <= start < end for start in starts)
                for longer in terms
                for other in [end - len(longer)]
                if other >= 0
            ):
                ends_of_signs.add(end)
    num_all = len(starts) + len(ends_of_signs)
    return round((len(inside) + len(ends_of_signs)) / num_all, 6) if num_all else 0.0


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("a bad day", 1 / 3),
        ("a BAD, day!", 1 / 3),
        ("ＢＡＤ day", 1 / 2),
        ("badly unbad bad_ bad2", 0),
        ("bad\u0301 day", 0),  # another letter
        ("two\n \twords here", 2 / 3),
        ("two-words here", 0),
        ("(bad)", 1),
        ("don't", 1 / 2),
        ("", 0),
        (" \n\t", 0),
        ("...", 0),
    ],
)
def test_a_term_counts_where_it_stands_as_words_of_its_own(text: str, share: float) -> None:
    assert shares([text], "Bad", "two words", "don") == [round(share, 6)]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("这是坏词", 2 / 4),
        ("坏词坏词", 1),
        ("坏人", 0),
        ("これは坏词です", 2 / 7),
        ("ผมชอบม้า", None),
    ],
)
def test_scripts_without_blanks_have_no_bounds(text: str, share: float | None) -> None:
    if share is None:  # Thai: three letters of the term, of all letters; vowel signs above and below are none
        share = 2 / sum(kind == SINGLE for kind in kinds_of(text))
    assert shares([text], "坏词", "ม้า") == [round(share, 6)]


def test_words_in_two_terms_count_once_and_signs_count_as_words() -> None:
    assert shares(["a b c d"], "a b", "b c", "a b c") == [0.75]
    assert shares(["坏词汇表好"], "坏词", "词汇表", "坏") == [0.8]
    assert shares(["\U0001f595", "\U0001f595 ok", "ok"], "\U0001f595") == [1.0, 0.5, 0.0]
    assert shares(["I use C++ and C"], "c++") == [0.2]


def test_a_longer_term_that_does_not_fit_hides_no_shorter_one() -> None:
    assert shares(["xab ab"], "xab ab z", "ab", "b ab") == [0.5]
    assert shares(["一二三"], "一二三四", "二三", "三五") == [round(2 / 3, 6)]


def test_it_is_what_a_plain_search_finds() -> None:
    dice = random.Random(9)
    pieces = [
        "a",
        "b",
        "ab",
        "A",
        "ä",
        "a\u0308",
        "坏",
        "词",
        "カ",
        " ",
        "\n",
        "  ",
        "-",
        "+",
        "'",
        "9",
        "ก",
        "\u200d",
        "🖕",
    ]
    for _ in range(150):
        terms = {folded("".join(dice.choices(pieces, k=dice.randint(1, 5)))) for _ in range(6)} - {""}
        texts = ["".join(dice.choices(pieces, k=dice.randint(0, 30))) for _ in range(4)]
        assert shares(texts, *terms) == [plainly(text, sorted(terms)) for text in texts], (terms, texts)


def test_a_slice_of_a_column_is_what_it_shows() -> None:
    column = pa.array(["bad", "bad good", "good", "bad bad"], pa.large_string())
    assert share_in_terms(column.slice(1, 2), terms_of(("bad",))).tolist() == [0.5, 0.0]
    assert share_in_terms(column.slice(0, 0), terms_of(("bad",))).tolist() == []


@pytest.mark.parametrize(
    "text", ["a" * 50_000, "好" * 50_000, "a " * 50_000, "\x00\U0010ffff\u202e" * 999, "👩‍👩‍👧🇩🇪" * 99]
)
def test_awkward_texts_have_a_share(text: str) -> None:
    (share,) = shares([text], "a" * 99, "好" * 99, "a a a a a", "🇩🇪")
    assert 0 <= share <= 1


def test_folding_leaves_one_blank_and_no_case() -> None:
    assert folded("  Two \t\u3000WORDS\n") == "two words"
    assert folded("\u3000 \n") == "" == folded("")
    assert folded("ＡＢＣ①") == "abc1"


def test_a_table_of_many_terms_has_each_of_them_once() -> None:
    terms = sorted({f"w{number:04d}x" for number in range(3_000)})
    found = terms_of(terms)
    assert np.count_nonzero(found.ends >= 0) == len(terms)
    assert share_in_terms(pa.array(terms, pa.large_string()), found).tolist() == [1.0] * len(terms)


def test_a_mark_is_never_the_first_of_a_word() -> None:
    assert unicodedata.category("\ufe0f") == "Mn"
    assert shares(["❤\ufe0f bad"], "bad") == [1.0]
