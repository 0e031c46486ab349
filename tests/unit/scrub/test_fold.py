"""One spelling for many, and the way back."""

import sys
import unicodedata

from pipeline_lib.scrub.fold import ZERO_WIDTH, fold


def test_full_width_mathematical_and_other_digits_become_ascii() -> None:
    assert fold("１３８ 𝟏𝟐 ٣٤ Ａ＠．－").text == "138 12 34 A@.-"


def test_dashes_blanks_and_middle_dots_become_one_of_each() -> None:
    assert fold("1—2–3−4\u00a05\u30006·7").text == "1-2-3-4 5 6.7"


def test_each_character_stays_one_character() -> None:
    text = "夜é🌙１ﬁ½ß"
    assert len(fold(text).text) == len(text)


def test_zero_width_characters_are_left_out_and_the_origins_lead_back() -> None:
    folded = fold("a\u200b１\u200b\u200b2b")
    assert folded.text == "a12b"
    assert folded.original_span(1, 3) == (2, 6)
    assert folded.original_span(0, 4) == (0, 7)


def test_an_empty_text_stays_empty() -> None:
    assert fold("").text == ""


def test_every_digit_and_blank_of_unicode_is_folded_and_hardly_anything_else() -> None:
    characters = [chr(code) for code in range(128, sys.maxunicode + 1) if chr(code) not in ZERO_WIDTH]
    folded = fold("".join(characters)).text
    for character, plain, category in zip(characters, folded, map(unicodedata.category, characters), strict=True):
        if category == "Zs":
            assert plain == " "
        elif category == "Nd":
            assert plain == str(unicodedata.decimal(character))
        elif plain != character:
            assert plain.isascii()
