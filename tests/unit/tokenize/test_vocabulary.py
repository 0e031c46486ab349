"""The tokenizer: the same for the same texts, lossless, readable by transformers."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.tokenize import vocabulary
from pipeline_lib.tokenize.sample import Sample, sample_texts
from pipeline_lib.tokenize.settings import TokenizeSettings

FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
Train = Callable[..., tuple[Path, Any]]


def texts_of(number: int) -> dict[str, str]:
    return {str(n): f"night {n % 7} model {n % 11} 夜里{n % 5}训练模型 " * 3 for n in range(number)}


def test_the_same_documents_give_the_same_bytes(write: Any, train: Train) -> None:
    path = write(texts_of(50))
    first, second = train(path)[0], train(path)[0]
    assert [(first / name).read_bytes() for name in FILES] == [(second / name).read_bytes() for name in FILES]


def test_one_thread_and_many_give_the_same_bytes(write: Any, train: Train, tmp_path: Path) -> None:
    path = write(texts_of(50))
    expected = (train(path)[0] / "tokenizer.json").read_bytes()
    code = (
        "import sys; from pathlib import Path; from pipeline_lib.tokenize import stage; from tests.given import given; "
        "from pipeline_lib.tokenize.settings import TokenizeSettings as S; "
        "stage.LEARN.make(S(vocab_size=600), given(documents=[Path(sys.argv[1])]), Path(sys.argv[2]))"
    )
    for parallelism in ("true", "false"):
        out = tmp_path / parallelism
        out.mkdir()
        environment = os.environ | {"TOKENIZERS_PARALLELISM": parallelism}
        subprocess.run([sys.executable, "-c", code, str(path), str(out)], env=environment, check=True)
        assert (out / "tokenizer.json").read_bytes() == expected


def test_special_tokens_are_the_first_two_and_the_size_is_kept(write: Any, train: Train) -> None:
    folder, outcome = train(write(texts_of(50)), vocab_size=520, min_frequency=1)
    bpe = vocabulary.load(folder)
    assert (bpe.token_to_id("<|endoftext|>"), bpe.token_to_id("<|pad|>")) == (0, 1)
    assert outcome.facts["vocab_size"] == bpe.get_vocab_size() <= 520


def test_little_text_gives_a_smaller_vocabulary_that_still_knows_all_bytes(write: Any, train: Train) -> None:
    folder, outcome = train(write({}))
    assert outcome.facts["vocab_size"] == 258
    bpe = vocabulary.load(folder)
    assert bpe.decode(bpe.encode("夜 night").ids) == "夜 night"


def test_domain_terms_are_one_token_and_count_into_the_size(write: Any, train: Train) -> None:
    folder, outcome = train(write(texts_of(50)), domain_terms=("模型", "night shift"), vocab_size=512, min_frequency=1)
    bpe = vocabulary.load(folder)
    ids = bpe.encode("x模型y night shift").ids
    assert {bpe.token_to_id("模型"), bpe.token_to_id("night shift")} <= set(ids)
    assert outcome.facts["vocab_size"] <= 512
    assert bpe.decode(ids) == "x模型y night shift"


def test_no_token_holds_more_than_eight_han_characters(write: Any, train: Train) -> None:
    bpe = vocabulary.load(train(write({"a": "夜间流水线把新的文档清洗去重脱敏" * 50}), vocab_size=1000)[0])
    tokens = {bpe.decode([number]) for number in range(2, bpe.get_vocab_size())}
    assert "夜间流水线把新的" in tokens
    assert max(len(token) for token in tokens) == 8


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_tokens_decode_to_the_text(bpe: tokenizers.Tokenizer, text: str) -> None:
    assert bpe.decode(bpe.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


def test_special_tokens_inside_a_text_are_plain_text(bpe: tokenizers.Tokenizer) -> None:
    assert not {0, 1} & set(bpe.encode("a<|endoftext|>b<|pad|>").ids)


def test_transformers_loads_the_folder(folder: Path, bpe: tokenizers.Tokenizer) -> None:
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(str(folder))
    assert (loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id) == (0, 0, 1)
    text = "夜间 night  shift\n 模型 12345"
    assert loaded(text)["input_ids"] == bpe.encode(text).ids
    assert loaded.decode(bpe.encode(text).ids) == text


def test_all_documents_are_the_sample_when_they_fit(write: Any) -> None:
    paths = [write(texts) / DOCUMENTS_FILE for texts in ({"a": "夜", "b": "night"}, {"c": "x"})]
    assert sample_texts(paths, 9) == Sample(3, ["夜", "night", "x"], [None, None, None])


def test_a_sample_keeps_to_its_bytes_and_is_spread_over_the_files(write: Any) -> None:
    shards = [write({str(n): f"file {file} number {n:03}" for n in range(200)}) for file in range(2)]
    paths = [shard / DOCUMENTS_FILE for shard in shards]
    sample = sample_texts(paths, 2000)
    assert sample.num_documents == 400
    assert 1500 <= sum(len(text.encode()) for text in sample.texts) <= 2000
    assert {text[:6] for text in sample.texts} == {"file 0", "file 1"}
    assert sample_texts(paths, 2000) == sample


def test_a_sample_says_the_language_of_each_text(write: Any) -> None:
    path = write({"a": "夜", "b": "night", "c": "x"}, {"a": "zh", "b": "en"}) / DOCUMENTS_FILE
    sample = sample_texts([path], 100)
    assert dict(zip(sample.texts, sample.languages, strict=True)) == {"夜": "zh", "night": "en", "x": None}


def test_the_outcome_counts_all_documents_and_the_sample(write: Any, train: Train) -> None:
    _, outcome = train(write(texts_of(200)), max_training_bytes=2000, generation=3)
    assert (outcome.rows_in, outcome.rows_out) == (200, 200)
    assert outcome.facts["generation"] == 3
    assert 0 < outcome.facts["num_sampled_bytes"] <= 2000
    assert 0 < outcome.facts["num_sampled_documents"] < 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain_terms": ["模型", "模型"]},
        {"domain_terms": [f"term {n}" for n in range(300)], "vocab_size": 512},
        {"domain_terms": ["x"]},
        {"heldout_share": 0.0},
        {"vocab_size": 100},
        {"vocabulary_size": 4096},
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TokenizeSettings(**wrong)
