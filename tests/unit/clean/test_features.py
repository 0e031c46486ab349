"""What a model sees of a text, against plain Python; and its arithmetic."""

import hashlib
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.clean.characters import character_classes
from pipeline_lib.clean.features import NUM_SLOTS, count, sigmoid
from pipeline_lib.clean.kernel import HAN, SPACE, SYMBOL
from pipeline_lib.clean.models import lower_case, scores_of

TEXTS = [
    "",
    " \n\t",
    "The the THE end",
    'It\'s 3.14 -- "so" what?',
    "中文没有空格。",
    "混合 mixed文字text 与English",
    "ひらがなとカタカナ",
    "ΑΘΗΝΑ Αθήνα МОСКВА Москва",
    "İstanbul ISTANBUL straße STRASSE ǅ",
    "한국어 텍스트 กขค العربية עברית हिन्दी",
    "e\u0301 \u00e9 \u200bzero\u200dwidth \ufeff",
    "emoji 👩‍👩‍👧 🇩🇪 𝔘𝔫𝔦 𐐀𐐨",
    "nul\x00inside \U000e0001 \U0010ffff",
    "a" * 100_000,
    "x " * 1_000,
    "full－width　ＡＢＣ，and（brackets）",
]
MASK = (1 << 64) - 1


def words(text: str) -> list[str]:
    """Plain Python: between white space, Han characters and kana alone, lower case."""
    found, inside = list[str](), ""
    classes = character_classes()
    for sign in text:
        kind = classes[ord(sign)] if ord(sign) < len(classes) else SYMBOL
        if kind < SPACE:
            inside += sign.lower() if len(sign.lower()) == 1 else sign
            continue
        found += [inside] if inside else []
        inside = ""
        found += [sign] if kind >= HAN else []
    return [*found, inside] if inside else found


def mixed(value: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor & MASK
    return max(value ^ value >> 33, 1)


def hash_of(word: str) -> int:
    value = 14695981039346656037
    for sign in word:
        value = (value ^ ord(sign)) * 1099511628211 & MASK
    return mixed(value)


def slots(text: str) -> Counter[int]:
    hashes = [hash_of(word) for word in words(text)]
    pairs = [mixed(a * 0x9E3779B97F4A7C15 + b & MASK) for a, b in pairwise(hashes)]
    return Counter(value % NUM_SLOTS for value in hashes + pairs)


def counted(text: str) -> dict[int, int]:
    counts, found = np.zeros(NUM_SLOTS, np.int64), np.empty(NUM_SLOTS, np.int32)
    data = np.frombuffer(text.encode(), np.uint8)
    num_found = count(data, character_classes(), lower_case(), counts, found)
    assert len(set(found[:num_found].tolist())) == num_found == np.count_nonzero(counts)
    return {int(slot): int(counts[slot]) for slot in found[:num_found]}


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_words_and_pairs_are_those_of_plain_python(text: str) -> None:
    assert counted(text) == slots(text)


def test_case_says_nothing_and_neighbours_do() -> None:
    assert counted("The END") == counted("the end") != counted("end the")


def test_chinese_needs_no_blanks() -> None:
    assert counted("海上日出") == counted("海 上 日 出")


def test_the_same_slots_come_on_every_machine() -> None:
    """A model that was learned elsewhere must mean the same here."""
    text = "The quiet harbour, 灯塔 и море: 42 boats"
    found = hashlib.sha256(repr(sorted(counted(text).items())).encode()).hexdigest()
    assert found == "9c2a42ca8b9c8c5bc7bb6d0dbebea2c3832f914243d2d134a093c1dfab0b2ac4"


def test_a_score_is_the_logistic_function_of_a_normed_sum() -> None:
    weights = np.random.default_rng(0).normal(size=(NUM_SLOTS + 1, 2)).astype(np.float32)
    scores = scores_of(pa.array(TEXTS, pa.large_string()), {"a": weights[:, 0], "b": weights[:, 1]})
    for k, name in enumerate(("a", "b")):
        for text, found in zip(TEXTS, scores[name], strict=True):
            own = slots(text)
            length = math.sqrt(sum(number**2 for number in own.values())) or 1
            total = sum(number * float(weights[slot, k]) for slot, number in own.items()) / length
            assert found == pytest.approx(1 / (1 + math.exp(-total - float(weights[-1, k]))), abs=1e-6)


def test_a_slice_of_a_column_and_one_model_alone_score_the_same() -> None:
    column = pa.array(TEXTS, pa.large_string())
    weights = np.random.default_rng(0).normal(size=(NUM_SLOTS + 1, 2)).astype(np.float32)
    whole = scores_of(column, {"a": weights[:, 0], "b": weights[:, 1]})["b"]
    assert scores_of(column.slice(3, 5), {"b": weights[:, 1]})["b"].tolist() == whole[3:8].tolist()


@pytest.mark.parametrize("x", [-1e9, -40.0, -8.5, -1.0, -1e-9, 0.0, 0.3, 5.0, 40.0, 1e300])
def test_the_logistic_function(x: float) -> None:
    assert sigmoid(x) == pytest.approx(1 / (1 + math.exp(-max(min(x, 40), -40))), rel=1e-6)
    assert 0 < sigmoid(x) <= 1
