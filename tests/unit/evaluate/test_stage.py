"""evaluate on a tiny model, and on stand-ins whose figures one can work out by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.evaluate.measure import WORD, context_of, measure
from pipeline_lib.evaluate.sample import Sample, read_sample
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.stage import SCORES, score_model
from pipeline_lib.model.measured import read_measured
from pipeline_lib.model.records import Slice
from pipeline_lib.model.scoring import open_tokenizer
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.files import write_json
from pipeline_lib.store.shards import write_counts
from tests.given import given
from tests.tiny_model import TEXTS, write_documents, write_model

LANGUAGES = ("en", "zh", "en", "zh")
PARAMS = {"candidate": "challenger", "backend": "torch"}


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
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model, a benchmark, the token counts of a snapshot."""
    root = tmp_path_factory.mktemp("evaluate")
    size = open_tokenizer(write_model(root / "train" / "model")).get_vocab_size()
    write_benchmark(root / "benchmark", TEXTS, LANGUAGES)
    (root / "snapshot").mkdir()
    write_counts(np.bincount([5, 7, 0, 0], minlength=size), root / "snapshot" / "counts.parquet")
    return root


def write_benchmark(folder: Path, texts: tuple[str, ...], languages: tuple[str, ...] = ()) -> Path:
    folder.mkdir()
    write_documents(folder / "documents.parquet", texts, languages=languages)
    write_json(folder / "benchmark.json", {"name": "frozen", "generation": 2})
    return folder


@pytest.fixture(scope="module")
def model(root: Path) -> Path:
    return root / "train" / "model"


def inputs_of(root: Path, **changes: Any) -> Inputs:
    named: dict[str, Any] = {"model": root / "train", "benchmark": root / "benchmark", "counts": root / "snapshot"}
    return given(params={**PARAMS, **changes.pop("params", {})}, **{**named, **changes})


def sample_of(*texts: str) -> Sample:
    number = len(texts)
    return Sample(
        tuple(f"{i:032x}" for i in range(number)), ("docs",) * number, (None,) * number, tuple(range(number)), texts
    )


def test_a_flat_model_has_the_bits_and_perplexities_of_a_die(model: Path) -> None:
    tokenizer = open_tokenizer(model)
    size = tokenizer.get_vocab_size()
    texts = ("xyz", "夜班")
    scores = measure(EvaluateSettings(), Flat(size), tokenizer, sample_of(*texts), None).scores
    num_tokens = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)
    bits = num_tokens * math.log2(size)
    assert scores.token_perplexity == pytest.approx(size)
    assert scores.num_bytes == 9  # 3 + 2 x 3
    assert scores.bits_per_byte == pytest.approx(bits / 9)
    assert scores.byte_perplexity == pytest.approx(2 ** (bits / 9))
    assert scores.word_perplexity == pytest.approx(2 ** (bits / 3))  # xyz, 夜, 班


def test_a_model_that_answers_nan_gets_no_figure(model: Path) -> None:
    tokenizer = open_tokenizer(model)
    backend = Flat(tokenizer.get_vocab_size(), math.nan)
    measured = measure(EvaluateSettings(), backend, tokenizer, sample_of("abc"), None)
    assert measured.scores.bits_per_byte is None
    assert measured.scores.slices[0].bits_per_byte is None
    assert math.isnan(measured.bits[0])
    json.dumps(dict(measured.scores.figures), allow_nan=False)


@pytest.mark.parametrize("texts", [(), ("", "")])
def test_no_text_gives_no_figures_and_no_error(model: Path, texts: tuple[str, ...]) -> None:
    tokenizer = open_tokenizer(model)
    scores = measure(EvaluateSettings(), Flat(tokenizer.get_vocab_size()), tokenizer, sample_of(*texts), None).scores
    assert (scores.num_documents, scores.num_bytes, scores.bits_per_byte) == (len(texts), 0, None)


def test_the_base_line_is_that_of_the_counts_and_missing_without_them(root: Path, model: Path) -> None:
    tokenizer = open_tokenizer(model)
    flat, counts = Flat(tokenizer.get_vocab_size()), np.zeros(tokenizer.get_vocab_size(), np.int64)
    scores = measure(EvaluateSettings(), flat, tokenizer, sample_of("abc"), counts).scores
    assert scores.unigram_bits_per_byte == pytest.approx(scores.bits_per_byte)  # no counts: every token is as likely
    assert measure(EvaluateSettings(), flat, tokenizer, sample_of("abc"), None).scores.unigram_bits_per_byte is None


@pytest.mark.parametrize("num_more", [-30, -1, 1, 300])
def test_there_is_no_base_line_by_the_counts_of_another_vocabulary(model: Path, num_more: int) -> None:
    """Shorter ones had ended in an index that is out of bounds, longer ones in a base line that means nothing."""
    tokenizer = open_tokenizer(model)
    size = tokenizer.get_vocab_size()
    scores = measure(
        EvaluateSettings(), Flat(size), tokenizer, sample_of("abc"), np.ones(size + num_more, np.int64)
    ).scores
    assert scores.unigram_bits_per_byte is None
    assert scores.bits_per_byte is not None


def test_words_are_space_separated_or_single_han_characters() -> None:
    assert WORD.findall("The 夜班 shift，好!") == ["The", "夜", "班", "shift，", "好", "!"]
    assert WORD.findall("\U00020000\U000323af") == ["\U00020000", "\U000323af"]  # the first and the last one assigned


def test_a_context_longer_than_the_model_is_refused() -> None:
    assert context_of(EvaluateSettings(context_tokens=16), Flat(2)) == 16
    with pytest.raises(SettingsError, match="made for 32"):
        context_of(EvaluateSettings(context_tokens=64), Flat(2))


def test_texts_are_read_in_the_order_of_their_ids_and_cut(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "d.parquet", ("好" * 500, "b"), languages=("zh", None))
    sample = read_sample(path, max_document_characters=100)
    assert sample.texts == ("好" * 100, "b")
    assert (sample.sources, sample.languages) == (("tiny", "tiny"), ("zh", None))
    assert read_sample(write_documents(path, ()), max_document_characters=100) == Sample((), (), (), (), ())


def test_two_runs_write_the_same_scores_and_say_whose_they_are(root: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        outcome = SCORES.make(EvaluateSettings().only(SCORES.reads), inputs_of(root), folder)
        assert (outcome.rows_in, outcome.rows_out) == (len(TEXTS), len(TEXTS))
    for name in ("scores.json", "per_document.parquet"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    measured = read_measured(folders[0] / "scores.json", folders[0] / "per_document.parquet")
    scores = measured.scores
    assert (scores.candidate, scores.version, scores.backend) == ("challenger", None, "torch")
    assert (scores.benchmark, scores.generation) == ("frozen", 2)
    assert {**scores.figures, "threads": 2} == outcome.facts
    assert measured.num_bytes.tolist() == [len(text.encode()) for text in TEXTS]
    assert scores.bits_per_byte is not None
    assert measured.bits.sum() / scores.num_bytes == pytest.approx(scores.bits_per_byte)
    assert scores.bits_per_byte_low is not None
    assert scores.bits_per_byte_high is not None
    assert scores.bits_per_byte_low < scores.bits_per_byte < scores.bits_per_byte_high
    assert scores.unigram_bits_per_byte is not None
    assert json.loads((folders[0] / "speed.json").read_text())["generated_tokens_per_second"] > 0


def test_each_source_and_language_has_its_own_figure(root: Path, tmp_path: Path) -> None:
    SCORES.make(EvaluateSettings(), inputs_of(root), tmp_path)
    measured = read_measured(tmp_path / "scores.json", tmp_path / "per_document.parquet")
    by_name = {(part.by, part.name): part for part in measured.scores.slices}
    parts = [("source", "tiny"), ("language", "en"), ("language", "zh"), ("length", "under 1 kB")]
    assert list(by_name) == parts
    english = measured.bits[[0, 2]].sum() / measured.num_bytes[[0, 2]].sum()
    assert by_name["language", "en"] == Slice(
        "language", "en", 2, int(measured.num_bytes[[0, 2]].sum()), pytest.approx(english)
    )
    assert by_name["source", "tiny"].bits_per_byte == measured.scores.bits_per_byte


def test_an_empty_benchmark_is_scored_without_figures(root: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    empty = write_benchmark(tmp_path / "empty", ())
    outcome = SCORES.make(EvaluateSettings(), inputs_of(root, benchmark=empty), tmp_path / "made")
    assert (outcome.rows_in, outcome.facts["bits_per_byte"]) == (0, None)
    assert len(read_measured(*(tmp_path / "made" / n for n in ("scores.json", "per_document.parquet"))).bits) == 0


def test_a_version_of_the_registry_is_scored_from_its_folder(root: Path, model: Path, tmp_path: Path) -> None:
    inputs = inputs_of(root, params={"candidate": "champion", "version": 3})
    score_model(EvaluateSettings(), model, inputs, tmp_path)
    scores = read_measured(tmp_path / "scores.json", tmp_path / "per_document.parquet").scores
    assert (scores.candidate, scores.version) == ("champion", 3)


def test_a_folder_without_a_model_is_an_error(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no onnx model"):
        SCORES.make(EvaluateSettings(), inputs_of(root, params={"backend": "onnx"}), tmp_path)
