"""tiktoken and tokenizers: the same ids, or tokenizers."""

from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_lib.tokenize import encode, vocabulary

AWKWARD = [
    "",
    " ",
    "   \n\n  x",
    "\r\n\t\r\n",
    "it's I'LL 'twas ''",
    "12345678 1,234.5 ١٢٣٤",
    "a" * 3000 + " " * 3000 + "夜" * 3000 + "!" * 3000,
    "a" * 32 + "!" * 32 + " " * 33 + "ไทย" * 40 + "b" * 31 + " c" + "\n" * 70,
    "\0\ufeff\u2028\u0085",
    "e\u0301e\u0301 हिन्दी ไทย カタカナ 한국어 𠀀𠀁 🌙👩‍💻",
    "<|endoftext|><|pad|> <PHONE_k00000000_0123456789abcdef>",
]


@pytest.fixture
def with_terms(write: Any, train: Any) -> tokenizers.Tokenizer:
    texts = {"a": "模型训练 large language model 大模型 " * 30}
    return vocabulary.load(train(write(texts), domain_terms=("模型", "大模型", "language model", "language"))[0])


def test_both_give_the_same_ids_on_awkward_texts(bpe: tokenizers.Tokenizer) -> None:
    encoder = encode.CheckedEncoder(bpe)
    assert encoder.encode(AWKWARD) == encode.TokenizersEncoder(bpe).encode(AWKWARD)
    assert encoder.name == "tiktoken"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_both_give_the_same_ids_on_any_text(bpe: tokenizers.Tokenizer, text: str) -> None:
    ranks = encode.mergeable_ranks(bpe)
    assert ranks is not None
    assert encode.TiktokenEncoder(ranks, {}).encode([text]) == encode.TokenizersEncoder(bpe).encode([text])


def test_both_split_every_assigned_character_of_the_first_plane_alike(bpe: tokenizers.Tokenizer) -> None:
    texts = [
        "".join(f"{chr(c)}a" for c in range(k, k + 512) if not 0xD800 <= c < 0xE000) for k in range(0, 1 << 16, 512)
    ]
    ranks = encode.mergeable_ranks(bpe)
    assert ranks is not None
    assert encode.TiktokenEncoder(ranks, {}).encode(texts) == encode.TokenizersEncoder(bpe).encode(texts)


def test_domain_terms_are_found_the_longest_first_by_both(with_terms: tokenizers.Tokenizer) -> None:
    texts = ["大模型和模型", "a language model, language", "languagemodel大模 型", *AWKWARD]
    encoder = encode.CheckedEncoder(with_terms)
    assert encoder.encode(texts) == encode.TokenizersEncoder(with_terms).encode(texts)
    assert encoder.encode(["大模型"]) == [[with_terms.token_to_id("大模型")]]
    assert encoder.name == "tiktoken"


def test_merges_that_make_a_token_twice_are_left_to_tokenizers() -> None:
    alphabet = {character: number for number, character in enumerate(sorted(encode._byte_alphabet()))}
    vocab = alphabet | {"ab": 256, "abc": 257, "bc": 258}
    merges = [("a", "b"), ("ab", "c"), ("b", "c"), ("a", "bc")]
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    assert encode.mergeable_ranks(bpe) is None
    assert encode.CheckedEncoder(bpe).name == "tokenizers"


def test_another_split_is_noticed_on_the_sample_of_the_piece_where_it_shows(folder: Path, tmp_path: Path) -> None:
    changed = (folder / "tokenizer.json").read_text(encoding="utf-8").replace("{Han}{1,8}", "{Han}{1,1}")
    (tmp_path / "tokenizer.json").write_text(changed, encoding="utf-8")
    bpe = vocabulary.load(tmp_path)
    encoder = encode.CheckedEncoder(bpe)
    assert [encoder.encode(["night"]), encoder.name] == [[bpe.encode("night").ids], "tiktoken"]
    assert [encoder.encode(["夜间流水线"]), encoder.name] == [[bpe.encode("夜间流水线").ids], "tokenizers"]


def test_the_byte_alphabet_is_that_of_tokenizers() -> None:
    assert sorted(encode._byte_alphabet()) == sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    assert encode._byte_alphabet()[0x20] == "Ġ" and encode._byte_alphabet()[0x41] == "A"
