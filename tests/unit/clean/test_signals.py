"""The compiled signals against a slow plain twin, and against values that one can count by hand."""

import re
import sys
import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.characters import NUM_CLASSIFIED, character_classes
from pipeline_lib.clean.kernel import (
    BREAK,
    BULLETS,
    ENGLISH_STOP_WORDS,
    HAN,
    KANA,
    LETTER,
    PLAIN,
    SIGNALS,
    SPACE,
    SYMBOL,
    TERMINAL,
)
from pipeline_lib.clean.rules import RULES
from pipeline_lib.clean.sentence_ends import CLOSERS, DOTS, LINE_ENDS, OWN_STOPS, SHARED_STOPS
from pipeline_lib.clean.signal_groups import GROUPS
from pipeline_lib.clean.signals import measure_texts


def _measure(*texts: str) -> list[dict[str, float]]:
    columns = measure_texts(pa.array(texts, pa.large_string()))
    return [{name: float(values[i]) for name, values in columns.items()} for i in range(len(texts))]


def class_of(character: str) -> int:
    """The class of one character, the slow way."""
    code = ord(character)
    if character.isspace():
        return SPACE
    if 0x3400 <= code < 0x4DC0 or 0x4E00 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x40000:
        return HAN
    if 0x3041 <= code < 0x3097 or 0x30A1 <= code < 0x30FB or 0x31F0 <= code < 0x3200 or 0xFF66 <= code < 0xFF9E:
        return KANA
    if character.isalpha():
        return LETTER
    if unicodedata.category(character).startswith("N"):
        return PLAIN
    return BREAK if 0x3000 <= code < 0x3040 or 0xFF00 <= code < 0xFFF0 else SYMBOL


def test_the_table_has_the_class_of_every_character() -> None:
    assert character_classes().tolist() == [class_of(chr(code)) for code in range(NUM_CLASSIFIED)]


def test_no_character_above_the_table_makes_a_word() -> None:
    assert {class_of(chr(code)) for code in range(NUM_CLASSIFIED, sys.maxunicode + 1)} == {SYMBOL}


def _words(text: str) -> list[str]:
    classes = [class_of(sign) for sign in text]
    spread = (
        " " if kind in (SPACE, BREAK) else f" {sign} " if kind in (HAN, KANA) else sign
        for sign, kind in zip(text, classes, strict=True)
    )
    return [word for word in "".join(spread).split(" ") if word]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _repeats(units: list[str]) -> tuple[int, int]:
    repeated = [unit for i, unit in enumerate(units) if unit in units[:i]]
    return len(repeated), sum(len(unit.replace("\n", "")) for unit in repeated)


def _top(words: list[str], n: int) -> int:
    runs = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    repeated = [(count, sum(map(len, run))) for run, count in runs.items() if count > 1]
    count, length = max(repeated, default=(0, 0))
    return count * length


def _duplicates(words: list[str], n: int) -> int:
    seen, covered, i = set(), 0, 0
    while i + n <= len(words):
        run = tuple(words[i : i + n])
        covered += sum(map(len, run)) if run in seen else 0
        i += n if run in seen else 1
        seen.add(run)
    return covered


def _segments(line: str) -> list[str]:
    """A line, cut behind each sentence that ends inside it."""
    stops = re.escape(OWN_STOPS + SHARED_STOPS)
    begin, segments = 0, []
    for found in re.finditer(rf"([{stops}])[{stops}{re.escape(CLOSERS)}]*", line):
        before, behind = line[begin : found.start()], line[found.end() :]
        spread = "".join(f" {sign} " if class_of(sign) in (HAN, KANA) else sign for sign in before)
        is_chinese = before and behind and {class_of(before[-1]), class_of(behind[0])} <= {HAN, KANA}
        is_next = behind[:1].isspace() and not behind.lstrip()[:1].islower() and len(spread.split()) >= 3
        if found[1] in DOTS and before:
            is_word = class_of(before[-1]) in (HAN, KANA) or (not before[-2:-1].isspace() and len(before) > 1)
            is_next = is_next and is_word and not before[-1].isspace() and not before[-1].isdecimal()
        if behind and (found[1] in OWN_STOPS or is_chinese or is_next):
            segments.append(line[begin : found.end()])
            begin = found.end()
    return [*segments, line[begin:]]


def _is_ended(line: str) -> bool:
    """Whether a line ends as a sentence does, perhaps behind closing signs."""
    closed = line.rstrip(CLOSERS) or line[0]
    return any(sign in OWN_STOPS + SHARED_STOPS + LINE_ENDS for sign in (line[-1], closed[-1]))


def _twin(text: str) -> dict[str, float]:
    words = _words(text)
    kinds = [{class_of(sign) for sign in word} for word in words]
    real = [word for word, kind in zip(words, kinds, strict=True) if kind != {SYMBOL}]
    stop = [word.lower() for word in words if word.isascii() and word.lower() in ENGLISH_STOP_WORDS]
    solid = [sign for sign in text if not sign.isspace()]
    lines = [trimmed for line in text.split("\n") if (trimmed := line.strip(" \t"))]
    blocks = re.split(r"\n[ \t]*(?=\n)", f"\n{text}\n\n")
    paragraphs = ["\n".join(s for line in block.split("\n") if (s := line.strip(" \t"))) for block in blocks]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    (num_lines, line_chars), (num_paragraphs, paragraph_chars) = _repeats(lines), _repeats(paragraphs)
    line_total, word_total = sum(map(len, lines)), sum(map(len, words))
    num_segments = sum(len(_segments(line)) for line in lines)
    num_ended = num_segments - sum(not _is_ended(line) for line in lines)
    return {
        "num_chars": len(text),
        "num_words": len(real),
        "mean_word_length": _share(sum(map(len, real)), len(real)),
        "alpha_word_share": _share(sum(bool(kind & {LETTER, HAN, KANA}) for kind in kinds), len(words)),
        "num_stop_words": len(set(stop)),
        "stop_word_share": _share(len(stop), len(words)),
        "hash_signs_per_word": text.count("#") / max(len(words), 1),
        "ellipses_per_word": (text.count("...") + text.count("…")) / max(len(words), 1),
        "curly_braces_per_word": (text.count("{") + text.count("}")) / max(len(words), 1),
        "num_lorem_ipsum": len(re.findall("lorem ipsum", text, re.IGNORECASE | re.ASCII)),
        "replacement_char_share": _share(text.count("\ufffd"), len(text)),
        "han_char_share": _share(sum(class_of(sign) == HAN for sign in solid), len(solid)),
        "kana_char_share": _share(sum(class_of(sign) == KANA for sign in solid), len(solid)),
        "num_lines": len(lines),
        "bullet_line_share": _share(sum(line[0] in BULLETS for line in lines), len(lines)),
        "ellipsis_line_share": _share(sum(line.endswith(("...", "…")) for line in lines), len(lines)),
        "terminal_line_share": _share(sum(line[-1] in TERMINAL for line in lines), len(lines)),
        "javascript_per_line": len(re.findall("javascript", text, re.I | re.A)) / max(len(lines), 1),
        "duplicate_line_share": _share(num_lines, len(lines)),
        "duplicate_line_char_share": _share(line_chars, line_total),
        "duplicate_paragraph_share": _share(num_paragraphs, len(paragraphs)),
        "duplicate_paragraph_char_share": _share(paragraph_chars, line_total),
        **{f"top_{n}_gram_char_share": min(_share(_top(words, n), word_total), 1) for n in (2, 3, 4)},
        **{f"duplicate_{n}_gram_char_share": _share(_duplicates(words, n), word_total) for n in range(5, 11)},
        "num_paragraphs": len(paragraphs),
        "num_segments": num_segments,
        "ended_segment_share": _share(num_ended, num_segments),
        "bullets_per_segment": _share(sum(line[0] in BULLETS for line in lines), num_segments),
        "cut_lines_per_segment": _share(sum(line.endswith(("...", "…")) for line in lines), num_segments),
        "javascript_per_segment": len(re.findall("javascript", text, re.I | re.A)) / max(num_segments, 1),
    }


PIECES = (
    "the", "The", "with", "a", "x1", "###", "...", "…", "....", "-", "•", "*", "{", "}", "Lorem Ipsum", "JAVAscript",
    "javascript", "loremipsum", "lorem", "你", "好", "世界", "，", "。", "！", "\u3000", "カ", "ｶ", "가", "é", "ſ", "İ",
    "Ŵ", "thaŴ", "🙂", "👨\u200d👩\u200d👧", "\U00020000", "\U000e0101", "\ufffd", "\x00", "\x1f", "\x85", "\xa0",
    "\u0301", "٣", " ", " ", " ", "\n", "\n", "\n\n", "\t", ".", "!", "”", ". ", "? ", "．", "؟", "；", ")", "》", "*",
    "we saw it. Then", "我去了.他", "end.” So", "one two 3. four", "\u2003",
)  # fmt: skip
AWKWARD = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))


@settings(max_examples=100, deadline=None)
@given(st.lists(AWKWARD, max_size=4))
def test_the_kernel_agrees_with_its_plain_twin_on_awkward_text(texts: list[str]) -> None:
    for text, found in zip(texts, _measure(*texts), strict=True):
        assert found == pytest.approx(_twin(text)), text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "w" * 100_000,
        "the end\n" * 300,
        "你好" * 300,
        "🙂" * 500,
        "a b c d e f g h i j k l\n\n" * 20,
        "\n \t\n",
    ],
    ids=["empty", "NUL", "long word", "one line again", "Chinese", "emoji", "one paragraph again", "blank"],
)
def test_the_kernel_agrees_with_its_plain_twin_on_extreme_text(text: str) -> None:
    assert _measure("before", text, "behind")[1] == pytest.approx(_twin(text))


def test_signals_do_not_depend_on_the_neighbours(english: str, chinese: str) -> None:
    alone = _measure(english)[0]
    assert _measure(chinese, english, english * 3)[1] == alone


def test_a_sliced_column_is_measured_from_its_own_start() -> None:
    column = pa.array(["left out", "a b c", "你好"], pa.large_string()).slice(1)
    assert measure_texts(column)["num_words"].tolist() == [3, 2]


def test_a_chinese_character_is_a_word_and_punctuation_is_none() -> None:
    found = _measure("你好，世界。GPU 很快")[0]
    assert (found["num_words"], found["num_chars"], found["mean_word_length"]) == (7, 12, 9 / 7)


def test_lines_and_paragraphs_are_counted() -> None:
    found = _measure("- one\n- one\n\nlast line.\n\nlast line.")[0]
    assert found["num_lines"] == 4
    assert found["bullet_line_share"] == 0.5
    assert found["terminal_line_share"] == 0.5
    assert found["duplicate_line_share"] == 0.5
    assert found["duplicate_line_char_share"] == 15 / 30
    assert found["duplicate_paragraph_share"] == 1 / 3
    assert found["duplicate_paragraph_char_share"] == 10 / 30


@pytest.mark.parametrize("seed", range(40))
def test_lines_and_paragraphs_do_not_stand_in_each_others_way(seed: int) -> None:
    """Both are looked up by turns in one table of a few slots."""
    found = _measure(f"line {seed}\n\nline {seed}")[0]
    assert (found["duplicate_line_share"], found["duplicate_paragraph_share"]) == (0.5, 0.5)


def test_repeated_phrases_are_counted_in_characters_of_words() -> None:
    found = _measure("ab cd x ab cd y ab cd")[0]  # 14 characters in words, "ab cd" three times with 4
    assert found["top_2_gram_char_share"] == 12 / 14
    assert found["duplicate_5_gram_char_share"] == 0
    assert _measure("a b c d e a b c d e")[0]["duplicate_5_gram_char_share"] == 0.5


@pytest.mark.parametrize("sign", ["a", "é", "#", "9", "🙂", "aé", "éa", "aaaaaaaé"])
def test_a_word_is_the_same_wherever_it_stands(sign: str) -> None:
    """Words are read by eight bytes: of all lengths, at the start, between blanks, before wide signs and at the end."""
    for word in (sign * number for number in range(1, 36)):
        for text in (f"{word} {word}\n{word} {word}", f"{word} {word}，{word}　{word}"):
            found = _measure(text)[0]
            assert (found["top_2_gram_char_share"], found["top_3_gram_char_share"]) == (1, 1), text


@pytest.mark.parametrize("base", ["the word", "a" * 7, "b" * 8, "c" * 9, "é" * 8, "中", "d" * 24])
def test_words_and_lines_that_differ_in_one_sign_are_two(base: str) -> None:
    others = {base[:at] + sign + base[at + 1 :] for at in range(len(base)) for sign in "\x00xš 界"}
    others |= {base + sign for sign in "\x00xš 界"} | {f"{base[:at]}\x00{base[at:]}" for at in range(len(base))}
    lines = [line for other in sorted(others - {base}) for line in (other, "")]
    text = "\n".join([base, *lines])
    assert _measure(text)[0] == pytest.approx(_twin(text))


def test_lines_of_numbers_in_columns_are_not_taken_for_one_another() -> None:
    """A length that was mixed into the first sign alone would make these two the same."""
    found = _measure("3       NaN\n4        NaN")[0]
    assert found["duplicate_line_share"] == 0


def test_an_empty_column_has_columns_without_entries() -> None:
    assert {name: len(values) for name, values in measure_texts(pa.array([], pa.large_string())).items()} == (
        dict.fromkeys(SIGNALS, 0)
    )


def test_every_rule_judges_a_signal_that_exists() -> None:
    of_groups = {name for group in GROUPS for name in group.signals}
    assert {rule.signal for rule in RULES} <= {*SIGNALS, *of_groups, "num_sentences"}


@pytest.mark.parametrize("sign", ["a", "7", "#", " ", "\u3000", "。", "中", "の", "가", "\u0301", "️", "🙂"])
def test_classes_follow_the_unicode_data(sign: str) -> None:
    expected = {"。": BREAK, "中": HAN, "の": KANA}.get(sign) or (
        SPACE
        if sign.isspace()
        else LETTER
        if sign.isalpha()
        else PLAIN
        if unicodedata.category(sign)[0] == "N"
        else SYMBOL
    )
    assert class_of(sign) == expected
