"""Every kernel has a slow plain twin here that gives the same answer."""

import itertools
import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.dedup import texts

MASK = (1 << 64) - 1
HAN_OR_KANA = "\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"
TOKEN = re.compile(rf"[{HAN_OR_KANA}]|[^\W{HAN_OR_KANA}]+")

AWKWARD = [
    "",
    " \n\t ",
    "one",
    "!?! ... —",
    "a" * 100_000,
    "NUL \x00 between",
    "emoji 😀😀 and 👩‍👩‍👧 more words here",
    "ＦＵＬＬ width，ｌｅｔｔｅｒｓ",
    "机器学习很有趣，我们一起学习吧。",
    "東京タワーは高い ﾃｽﾄ",
    "snake_case 3.14 naïve Ünïcode İstanbul ΣΑΣ ⱥ Ⱥ",
    "\U00020000\U00020001 beyond the table: \U000e0001 \U0010ffff end",
]
texts_of_all_kinds = st.lists(
    st.text(st.sampled_from("aB9_ \n.，。的学習カﾅ😀éÉ\u00a0\u3000𠀀\U0010fffd"), max_size=60), max_size=8
)


def column(values: list[str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.large_string())])


def slow_fold(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character).lower()
    is_short = len(plain) == 1 and len(plain.encode()) <= len(character.encode())
    return plain if is_short else character


def slow_normalize(text: str) -> str:
    return " ".join("".join(map(slow_fold, text)).split())


def slow_mix(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33


def slow_shingles(text: str, size: int) -> list[int]:
    hashes = []
    for token in TOKEN.findall(slow_normalize(text)):
        value = 0xCBF29CE484222325
        for character in token:
            value = (value ^ ord(character)) * 0x100000001B3 & MASK
        hashes.append(slow_mix(value))
    size = min(size, len(hashes))
    windows = [hashes[first : first + size] for first in range(len(hashes) - size + 1)] if size else []
    return [slow_mix(_polynomial(window)) for window in windows]


def _polynomial(window: list[int]) -> int:
    value = len(window)
    for token in window:
        value = (value * 0x9E3779B97F4A7C15 + token) & MASK
    return value


def slow_simhash(shingles: list[int]) -> int:
    votes = [sum(shingle >> bit & 1 for shingle in shingles) for bit in range(64)]
    return sum(1 << bit for bit in range(64) if 2 * votes[bit] > len(shingles))


def check_against_twins(values: list[str], size: int) -> None:
    normalized = texts.normalize(column(values))
    bounds = normalized.offsets.tolist()
    plain = [normalized.data[a:b].tobytes().decode() for a, b in itertools.pairwise(bounds)]
    slow = [slow_shingles(text, size) for text in values]
    sets = texts.shingle_sets(normalized, size)
    assert plain == [slow_normalize(text) for text in values]
    assert texts.has_tokens(normalized).tolist() == [bool(shingles) for shingles in slow]
    assert sets.values.tolist() == [value for shingles in slow for value in sorted(set(shingles))]
    assert np.diff(sets.offsets).tolist() == [len(set(shingles)) for shingles in slow]
    assert texts.simhashes(normalized, size).tolist() == [slow_simhash(shingles) for shingles in slow]


@pytest.mark.parametrize("size", [1, 5])
def test_kernels_equal_their_slow_twins_on_awkward_texts(size: int) -> None:
    check_against_twins(AWKWARD, size)


@settings(max_examples=150, deadline=None)
@given(texts_of_all_kinds, st.integers(1, 6))
def test_kernels_equal_their_slow_twins_on_any_text(values: list[str], size: int) -> None:
    check_against_twins(values, size)


@pytest.mark.parametrize(("bands", "seed"), [(20, 1), (14, 7)])
def test_signatures_are_those_of_datasketch_bit_by_bit(bands: int, seed: int) -> None:
    num_permutations = bands * 6
    signatures = texts.minhash_signatures(texts.normalize(column(AWKWARD)), 5, num_permutations, seed)
    for text, signature in zip(AWKWARD, signatures, strict=True):
        oracle = MinHash(num_perm=num_permutations, seed=seed, scheme="affine32", hashfunc=lambda x: x & 0xFFFFFFFF)
        oracle.update_batch(slow_shingles(text, 5))
        assert (signature == oracle.hashvalues).all()


def test_each_han_and_kana_character_is_a_token_and_latin_words_are_whole() -> None:
    normalized = texts.normalize(column(["深度学习 with PyTorch カナ"]))
    assert len(texts.shingle_sets(normalized, 1).values) == 4 + 2 + 2


def test_case_width_and_white_space_do_not_change_the_content_id() -> None:
    ids = texts.content_ids(texts.normalize(column(["Hello,  World\n", " hello, world", "Ｈｅｌｌｏ，　ｗｏｒｌｄ"])))
    assert ids == [xxhash.xxh3_128_digest(b"hello, world")] * 3


def test_a_word_more_changes_the_content_id() -> None:
    ids = texts.content_ids(texts.normalize(column(["hello world", "hello world again", "你好", "你好啊"])))
    assert len(set(ids)) == 4


def test_a_text_with_fewer_tokens_than_a_shingle_has_one_shingle() -> None:
    sets = texts.shingle_sets(texts.normalize(column(["two words", "二", "", "..."])), 5)
    assert np.diff(sets.offsets).tolist() == [1, 1, 0, 0]


def test_a_column_in_chunks_and_slices_is_read_as_one() -> None:
    whole = column(["zero", "one", "two", "three"])
    sliced = pa.chunked_array([whole.slice(1, 2).chunk(0), whole.slice(3).chunk(0)])
    assert texts.content_ids(texts.normalize(sliced)) == texts.content_ids(texts.normalize(whole))[1:]


def test_no_texts_give_no_hashes() -> None:
    normalized = texts.normalize(column([]))
    assert texts.content_ids(normalized) == []
    assert texts.minhash_signatures(normalized, 5, 12, 1).shape == (0, 12)
    assert texts.shingle_sets(normalized, 5).offsets.tolist() == [0]
