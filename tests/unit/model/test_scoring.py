"""Bits per document, against models whose probabilities are known."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from pipeline_lib.base.errors import DataError
from pipeline_lib.model import scoring

VOCABULARY = {"a": 0, "b": 1, "c": 2, "夜": 3}
START = 4


@pytest.fixture
def tokenizer() -> Tokenizer:
    """One token a letter; five tokens with the start."""
    made = Tokenizer(models.WordLevel(VOCABULARY, unk_token="a"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.add_special_tokens([scoring.START_TOKEN])
    return made


def uniform(ids: scoring.Ids) -> np.ndarray:
    """A model that knows nothing: each of 5 tokens has log2(5) bits."""
    return np.zeros((*ids.shape, 5), np.float32)


def alternating(ids: scoring.Ids) -> np.ndarray:
    """Sure that b follows a and a follows b or the start; anything else it holds for impossible (about 72 bits)."""
    logits = np.zeros((*ids.shape, 5), np.float32)
    logits[..., 0] = np.where(ids == 0, 0, 50)
    logits[..., 1] = np.where(ids == 0, 50, 0)
    return logits


def test_a_uniform_model_gives_the_logarithm_of_the_vocabulary_for_each_token(tokenizer: Tokenizer) -> None:
    bits = scoring.bits_per_document(uniform, tokenizer, ["abc", "夜夜", ""], context_tokens=4)
    assert bits == pytest.approx([3 * np.log2(5), 2 * np.log2(5), 0])


def test_the_first_token_is_scored_and_sees_the_start(tokenizer: Tokenizer) -> None:
    bits = scoring.bits_per_document(alternating, tokenizer, ["abab", "b"], context_tokens=4)
    assert bits[0] == pytest.approx(0, abs=1e-6)
    assert bits[1] == pytest.approx(50 / np.log(2), rel=1e-3)


@pytest.mark.parametrize("context_tokens", [1, 2, 3, 7, 100])
def test_a_window_sees_the_last_token_of_the_window_before(tokenizer: Tokenizer, context_tokens: int) -> None:
    bits = scoring.bits_per_document(alternating, tokenizer, ["ab" * 5], context_tokens=context_tokens)
    assert bits == pytest.approx([0], abs=1e-6)


def test_no_input_is_longer_than_the_context(tokenizer: Tokenizer) -> None:
    lengths = []

    def watched(ids: scoring.Ids) -> np.ndarray:
        lengths.append(ids.shape[1])
        return uniform(ids)

    scoring.bits_per_document(watched, tokenizer, ["abcabcabca"], context_tokens=4)
    assert max(lengths) == 4


def test_small_batches_give_the_same_bits(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["abc", "夜a夜", "b", "", "cab" * 7]
    together = scoring.bits_per_document(alternating, tokenizer, texts, context_tokens=4)
    monkeypatch.setattr(scoring, "MAX_LOGITS", 1)
    assert scoring.bits_per_document(alternating, tokenizer, texts, context_tokens=4) == pytest.approx(together)


def test_a_torch_model_is_a_backend(tokenizer: Tokenizer) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM  # seconds to load, for this test alone

    config = LlamaConfig(vocab_size=5, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    model = LlamaForCausalLM(config)
    for weight in model.parameters():
        weight.data.zero_()
    bits = scoring.bits_per_document(scoring.torch_logits(model), tokenizer, ["abc"], context_tokens=4)
    assert bits == pytest.approx([3 * np.log2(5)])


def test_a_model_that_answers_nan_has_nan_bits(tokenizer: Tokenizer) -> None:
    bits = scoring.bits_per_document(lambda ids: uniform(ids) * np.nan, tokenizer, ["abc"], context_tokens=4)
    assert np.isnan(bits).all()


def test_a_tokenizer_without_a_start_is_refused() -> None:
    bare = Tokenizer(models.WordLevel(VOCABULARY, unk_token="a"))
    with pytest.raises(DataError, match="endoftext"):
        scoring.bits_per_document(uniform, bare, ["a"], context_tokens=4)


def test_bytes_are_utf8_and_tokens_are_those_scored(tokenizer: Tokenizer) -> None:
    assert scoring.bytes_per_document(["abc", "夜", ""]).tolist() == [3, 3, 0]
    assert scoring.tokens_per_document(tokenizer, ["abc", "夜", ""]).tolist() == [3, 1, 0]


def test_unigram_bits_follow_the_counts_plus_one(tokenizer: Tokenizer) -> None:
    counts = np.array([3, 1, 0, 0, 0])  # p(a) = 4/9, p(b) = 2/9, p(c) = 1/9
    bits = scoring.unigram_bits(counts, tokenizer, ["ab", "c", ""])
    assert bits == pytest.approx([np.log2(9 / 4) + np.log2(9 / 2), np.log2(9), 0])


def test_a_special_token_in_a_text_is_plain_text(tokenizer: Tokenizer, tmp_path) -> None:
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    opened = scoring.open_tokenizer(tmp_path)
    assert scoring.tokens_per_document(opened, [scoring.START_TOKEN])[0] == len(scoring.START_TOKEN)


def test_bits_per_byte_weighs_documents_by_their_length() -> None:
    assert scoring.bits_per_byte(np.array([30.0, 10.0]), np.array([10, 10])) == 2.0
    with pytest.raises(DataError, match="held-out text is empty"):
        scoring.bits_per_byte(np.array([]), np.array([], np.int64))


def test_an_interval_holds_its_value_and_is_the_same_for_the_same_seed() -> None:
    bits, num_bytes = np.array([10.0, 20.0, 30.0, 40.0]), np.array([10, 10, 10, 10])
    interval = scoring.bootstrap_interval(bits, num_bytes, seed=1)
    assert interval.value == 2.5
    assert 1.0 <= interval.low < 2.5 < interval.high <= 4.0
    assert interval == scoring.bootstrap_interval(bits, num_bytes, seed=1)


def test_equal_documents_leave_no_doubt() -> None:
    interval = scoring.bootstrap_interval(np.array([8.0] * 5), np.array([4] * 5), seed=1, num_resamples=50)
    assert (interval.low, interval.value, interval.high) == (2.0, 2.0, 2.0)
