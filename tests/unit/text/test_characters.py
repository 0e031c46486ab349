"""One definition of Han, kana and marks: the tables against slow plain twins, and against other libraries' words."""

import re
import unicodedata

import numpy as np
import pytest
import regex

from pipeline_lib.text.characters import (
    ALONE,
    BESIDE_HAN_AND_KANA,
    HAN,
    KANA,
    NUM_CODES,
    SEPARATOR,
    SINGLE,
    SPACE,
    WORD,
    folded_characters,
    token_classes,
)

CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
OLD_MARKS = "\U00016fe2\U00016fe3\U00016ff0\U00016ff1"
ASSIGNED = [character for character in CHARACTERS if unicodedata.category(character) != "Cn"]


def is_in(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


def slow_class(character: str) -> int:
    if character.isspace():
        return SPACE
    if not re.fullmatch(r"\w", character):
        return SEPARATOR
    return SINGLE if is_in(character, ALONE) else WORD


def slow_fold(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character).lower()
    is_short = len(plain) == 1 and len(plain.encode()) <= len(character.encode())
    return plain if is_short else character


def test_each_character_has_the_class_that_the_word_character_of_re_gives_it() -> None:
    below = [character for character in CHARACTERS if ord(character) < NUM_CODES]
    assert token_classes()[[ord(c) for c in below]].tolist() == [slow_class(c) for c in below]


def test_behind_the_tables_nothing_makes_a_token_or_folds() -> None:
    behind = [character for character in CHARACTERS if ord(character) >= NUM_CODES]
    assert {slow_class(character) for character in behind} == {SEPARATOR}
    assert all(slow_fold(character) == character for character in behind)


def test_each_character_folds_as_unicode_says() -> None:
    below = [character for character in CHARACTERS if ord(character) < NUM_CODES]
    assert "".join(map(chr, folded_characters()[[ord(c) for c in below]])) == "".join(map(slow_fold, below))


def test_han_are_the_ideographs_that_the_tokenizer_calls_han() -> None:
    """What \\p{Han} has beyond them stands beside them, but for four old marks that no stage sets apart."""
    script = {character for character in ASSIGNED if regex.match(r"\p{Han}", character)}
    ours = {character for character in ASSIGNED if is_in(character, HAN)}
    assert ours <= script
    assert {c for c in script - ours if not is_in(c, BESIDE_HAN_AND_KANA)} == set(OLD_MARKS)


def test_kana_are_letters_of_hiragana_and_katakana() -> None:
    assert all(re.search("HIRAGANA|KATAKANA", unicodedata.name(c)) for c in ASSIGNED if is_in(c, KANA))


def test_no_character_is_in_two_ranges() -> None:
    bounds = np.array(sorted(ALONE))
    assert (bounds[1:, 0] > bounds[:-1, 1]).all()


@pytest.mark.parametrize("mark", ["\u0301", "\u093f", "\u3099", "\ufe0f", "\u20dd"])
def test_a_mark_belongs_to_no_token(mark: str) -> None:
    assert unicodedata.category(mark).startswith("M")
    assert token_classes()[ord(mark)] == SEPARATOR
