"""evaluate on a tiny model, and on stand-ins whose figures one can work out by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.evaluate.measure import WORD, context_of, finite, measure, unigram_counts
from pipeline_lib.evaluate.sample import Sample
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.stage import EvaluateInputs, run
from pipeline_lib.model.scoring import open_tokenizer
from tests.tiny_model import TEXTS, write_documents, write_model, write_rows


class Flat:
    """A backend that finds all tokens equally likely: log2(V) bits for each."""

    context_tokens = 32
    num_bytes = 1000

    def __init__(self, vocab_size: int, value: float = 0.0) -> None:
        self.vocab_size, self.value = vocab_size, value

    def logits(self, ids_BT: Any) -> Any:
        return np.full((*ids_BT.shape, self.vocab_size), self.value, np.float32)

    def step(self, ids_BT: Any, past: Any) -> tuple[Any, Any]:
        return self.logits(ids_BT), None


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def sample_of(*texts: str) -> Sample:
    return Sample(tuple(f"{i:032x}" for i in range(len(texts))), texts, len(texts), {})


def test_a_flat_model_has_the_bits_and_perplexities_of_a_die(model: Path, tmp_path: Path) -> None:
    tokenizer = open_tokenizer(model)
    size = tokenizer.get_vocab_size()
    rows = write_rows(tmp_path / "rows.arrow", [[0, 5, 6, 0]])
    texts = ("xyz", "夜班")
    scores = measure(EvaluateSettings(), Flat(size), tokenizer, sample_of(*texts), [rows]).scores
    num_tokens = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)
    bits = num_tokens * math.log2(size)
    assert scores["token_perplexity"] == pytest.approx(size)
    assert scores["num_bytes"] == 9  # 3 + 2 x 3
    assert scores["bits_per_byte"] == pytest.approx(bits / 9)
    assert scores["byte_perplexity"] == pytest.approx(2 ** (bits / 9))
    assert scores["word_perplexity"] == pytest.approx(2 ** (bits / 3))  # xyz, 夜, 班


def test_a_model_that_answers_nan_gets_null_and_not_a_figure(model: Path, tmp_path: Path) -> None:
    tokenizer = open_tokenizer(model)
    rows = write_rows(tmp_path / "rows.arrow", [[0, 5, 6, 0]])
    backend = Flat(tokenizer.get_vocab_size(), math.nan)
    measurement = measure(EvaluateSettings(), backend, tokenizer, sample_of("abc"), [rows])
    assert measurement.scores["bits_per_byte"] is None
    assert math.isnan(measurement.per_document["bits"][0].as_py())
    json.dumps(measurement.scores, allow_nan=False)


def test_unigram_counts_see_each_token_once_and_no_padding(model: Path, tmp_path: Path) -> None:
    # Rows of T+1 = 4 overlap by one token: the stream is 0 5 6 | 7 5 0, then padding (1).
    rows = write_rows(tmp_path / "rows.arrow", [[0, 5, 6, 7], [7, 5, 0, 1]])
    counts = unigram_counts([rows], open_tokenizer(model))
    assert {int(i): int(counts[i]) for i in counts.nonzero()[0]} == {0: 2, 5: 2, 6: 1, 7: 1}


def test_words_are_space_separated_or_single_han_characters() -> None:
    assert WORD.findall("The 夜班 shift，好!") == ["The", "夜", "班", "shift，", "好", "!"]


def test_a_context_longer_than_the_model_is_refused() -> None:
    assert context_of(EvaluateSettings(context_tokens=16), Flat(2)) == 16
    with pytest.raises(SettingsError, match="made for 32"):
        context_of(EvaluateSettings(context_tokens=64), Flat(2))


def test_finite_keeps_numbers_and_nothing_else() -> None:
    assert [finite(1.5), finite(math.nan), finite(math.inf)] == [1.5, None, None]


def test_two_runs_write_the_same_scores(model: Path, tmp_path: Path) -> None:
    heldout = write_documents(tmp_path / "heldout.parquet")
    rows = write_rows(tmp_path / "rows.arrow", [[0, 5, 6, 0]])
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        outcome = run(EvaluateSettings(), EvaluateInputs(model, "torch", (heldout,), (rows,)), folder)
        assert (outcome.rows_in, outcome.rows_out) == (len(TEXTS), len(TEXTS))
    for name in ("scores.json", "per_document.parquet"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    table = pq.read_table(folders[0] / "per_document.parquet")
    scores = json.loads((folders[0] / "scores.json").read_text())
    assert sum(table["num_bytes"].to_pylist()) == sum(len(text.encode()) for text in TEXTS)
    assert sum(table["bits"].to_pylist()) / scores["num_bytes"] == pytest.approx(scores["bits_per_byte"])
    assert scores["bits_per_byte_low"] < scores["bits_per_byte"] < scores["bits_per_byte_high"]
    assert json.loads((folders[0] / "speed.json").read_text())["generated_tokens_per_second"] > 0


def test_a_folder_without_a_model_is_an_error(model: Path, tmp_path: Path) -> None:
    heldout = write_documents(tmp_path / "heldout.parquet")
    with pytest.raises(DataError, match="holds no onnx_int8 model"):
        run(EvaluateSettings(), EvaluateInputs(model, "onnx_int8", (heldout,), ()), tmp_path)
