"""N-gram models: against the formula in plain Python, script by script, the same everywhere, and what is too little."""

import hashlib
import math
import pydoc_data.topics
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean import perplexity as module
from pipeline_lib.clean.characters import character_classes
from pipeline_lib.clean.kernel import BREAK
from pipeline_lib.clean.ngrams import ORDER, UNIT
from pipeline_lib.clean.perplexity import NGrams, bits_per_byte, folds, learn_reference
from pipeline_lib.clean.references import Reference
from tests.tiny_night import chinese, english

ENGLISH = "\n".join(english(number) for number in range(60))
CHINESE = "\n".join(chinese(number) for number in range(160))
PROSE = "\n".join(pydoc_data.topics.topics.values())[:150_000]  # English, of the reference of Python
AWKWARD = ["", " \n\t ", "\x00", "a" * 20_000, "\U0010ffff\ufffd", "👩‍👩‍👧", "\ue000" * 99, "İıẞ①Ⅷ", "０１２ 345"]


def learned(*texts: str) -> NGrams:
    return learn_reference(Reference(texts, 0), "x")[0]


def bits(ngrams: NGrams, *texts: str) -> list[float | None]:
    return bits_per_byte(pa.array(texts, pa.large_string()), ngrams).to_pylist()


@pytest.fixture(scope="module")
def both() -> NGrams:
    return learned(ENGLISH, CHINESE)


@pytest.fixture(scope="module")
def english_alone() -> NGrams:
    return learned(ENGLISH)


def folded(text: str) -> str:
    """Plain Python: lower case, digits as 0, one blank."""
    table = folds()
    return " ".join("".join(chr(table[ord(sign)]) if ord(sign) < len(table) else sign for sign in text).split())


def formula(reference: str) -> Callable[[str, str], Fraction]:
    """P(x | h) of the docstring, exactly, where all pieces of the reference are one."""
    text = folded(reference)
    counts = [Counter(text[i : i + n] for i in range(len(text) - n + 1)) for n in range(ORDER + 1)]
    counts[0][""] = len(text)
    kept = [{gram: number for gram, number in own.items() if number > 1 or n < 2} for n, own in enumerate(counts)]
    behind: dict[str, list[int]] = {}
    for own in kept[1:]:
        for gram, number in own.items():
            behind.setdefault(gram[:-1], []).append(number)

    def probability(sign: str, context: str) -> Fraction:
        shorter = probability(sign, context[1:]) if context else Fraction(1, 2**21)
        if context not in kept[len(context)]:
            return shorter
        whole = kept[len(context)][context] if context else len(text)
        own = behind.get(context, [])
        number = kept[len(context) + 1].get(context + sign, 0)
        return (number + (whole - sum(own) + len(own)) * shorter) / (whole + len(own))

    return probability


def test_bits_are_those_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 10**9)
    reference = ENGLISH[:25_000].strip()
    ngrams, probability = learned(reference), formula(reference)
    for text in (english(99)[:300], "Zebra: zzz 1234 über naïve", "qx \U0001f595 qx", "a"):
        signs = folded(text)
        shares = [probability(sign, signs[max(0, i - ORDER + 1) : i]) for i, sign in enumerate(signs)]
        wanted = sum(-math.log2(share) for share in shares) / len(signs.encode())
        (found,) = bits(ngrams, text)
        assert found == pytest.approx(wanted, abs=ORDER / UNIT), text


def test_the_probabilities_of_all_characters_sum_to_one() -> None:
    reference = ENGLISH[:22_000]
    probability, signs = formula(reference), sorted(set(folded(reference)))
    for context in ("", "th", "the", "xyz", "e "):
        known = sum(probability(sign, context) for sign in signs)
        assert known + (2**21 - len(signs)) * probability("\U0010fffd", context) == 1


def test_text_of_the_language_takes_fewer_bits_than_what_is_none(english_alone: NGrams) -> None:
    dice = random.Random(1)
    good = english(1_000)
    shuffled = "".join(dice.sample(good, len(good)))
    noise = "".join(dice.choices("bcdfghjklmnpqrstvwxz;[]{}", k=500))
    fluent, odd, worst = bits(english_alone, good, shuffled, noise)
    assert fluent is not None and odd is not None and worst is not None and fluent < odd < worst
    assert bits(english_alone, good.upper(), good.replace(" ", " \n\t ")) == [fluent, fluent]


def test_chinese_and_english_are_models_of_their_own(both: NGrams, english_alone: NGrams) -> None:
    """Neither makes the other odd: what was learned of one script decides no bit of a text in the other."""
    chinese_alone = learned(CHINESE)
    text, other = english(1_001), chinese(1_001).replace("\n", "")
    assert bits(both, text, other) == pytest.approx(bits(english_alone, text) + bits(chinese_alone, other), abs=1e-4)


def test_of_a_mixed_text_each_script_takes_its_own_bits(both: NGrams) -> None:
    text, other = english(1_002).strip(), "".join(sign for sign in chinese(1_002) if is_han(sign))
    alone = bits(both, text, other)
    assert None not in alone
    sizes = [len(folded(one).encode()) for one in (text, other)]
    wanted = sum(float(own or 0) * size for own, size in zip(alone, sizes, strict=True)) / sum(sizes)
    assert bits(both, text + other)[0] == pytest.approx(wanted, abs=0.001)


def is_han(sign: str) -> bool:
    return bool(character_classes()[ord(sign)] >= BREAK)


def test_a_script_that_the_reference_hardly_has_is_not_measured(english_alone: NGrams) -> None:
    assert english_alone.unknown[0] > 0 > english_alone.unknown[1]
    text, other = english(1_003), chinese(1_003)
    plain, none, mostly, little = bits(english_alone, text, other, text + "坏词", text[:50] + other)
    assert plain is not None and none is None and little is None
    assert mostly == pytest.approx(plain, abs=0.01)
    few = learned(ENGLISH * 4, CHINESE[:21_000])  # enough characters, and far less than a tenth of the bytes
    assert few.unknown[1] == -1 or len(CHINESE) * 3 > len(ENGLISH) * 0.4


def test_awkward_texts_have_bits_or_none(both: NGrams) -> None:
    found = bits(both, *AWKWARD)
    assert found[:2] == [None, None]
    assert all(one is not None and 0 < one < 64 for one in found[2:])


def test_a_slice_of_a_column_is_what_it_shows(both: NGrams) -> None:
    column = pa.array(["", english(7), chinese(7), "x"], pa.large_string())
    assert bits_per_byte(column.slice(1, 2), both).to_pylist() == bits(both, english(7), chinese(7))
    assert bits_per_byte(column.slice(0, 0), both).to_pylist() == []


def test_the_same_text_gives_the_same_bytes_on_every_machine(english_alone: NGrams) -> None:
    digest = hashlib.sha256(english_alone.slots.tobytes() + english_alone.unknown.tobytes()).hexdigest()
    assert digest == "83865fdda25eb1681a5ae3dad5f4417efca299238b2049ec60f955011679c144"
    assert bits(english_alone, english(1_004)) == bits(learned(ENGLISH), english(1_004))


def test_logarithms_are_right_to_their_last_digit() -> None:
    shares = np.array([1.0, 0.5, 0.75, 1 / 3, 1e-9, 2.0**-40, 0.999999])
    assert np.abs(module._in_units(shares) + UNIT * np.log2(shares)).max() <= 0.51


def test_no_more_n_grams_are_kept_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = learned(PROSE)
    monkeypatch.setattr(module, "MOST_NGRAMS", 2_000)
    ngrams = learned(PROSE)
    assert 1_000 < np.count_nonzero(ngrams.slots) <= 2_000 < np.count_nonzero(whole.slots)
    (small,), (large,) = bits(ngrams, PROSE[-5_000:]), bits(whole, PROSE[-5_000:])
    assert small is not None and large is not None and large < small < 2 * large


def test_what_is_known_of_a_model_stands_in_its_facts() -> None:
    ngrams, facts = learn_reference(Reference((ENGLISH, CHINESE), 0), "x")
    assert facts["scripts"] == ["other", "han"] and facts["num_ngrams"] == np.count_nonzero(ngrams.slots)
    low, middle, high = (facts[f"held_out_bits_per_byte_p{at}"] for at in (5, 50, 95))
    assert 0 < low <= middle <= high < 8


@pytest.mark.parametrize("text", ["", " ", "too little", ENGLISH[:9_000], CHINESE[:9_000], "a" * 19_999])
def test_too_little_is_said_with_how_much_there_is(text: str) -> None:
    with pytest.raises(SettingsError, match=r"'x': the reference has [\d,]+ characters, too few.*at\s+least 20,000"):
        learn_reference(Reference((text,), 0), "x")
