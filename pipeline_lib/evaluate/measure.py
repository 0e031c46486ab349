"""The figures of one model: bits per byte with its interval and slices, perplexities, base line, noise and speed."""

import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.evaluate.noise import disturb
from pipeline_lib.evaluate.sample import Sample
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.model import scoring
from pipeline_lib.model.backends import Backend, generate
from pipeline_lib.model.measured import Measured, slices_of
from pipeline_lib.model.records import Scores, finite
from pipeline_lib.text.characters import HAN, in_brackets

# A word is a Han character, or what stands between spaces and Han characters: Chinese has no spaces to count by.
WORD = re.compile(rf"[{in_brackets(HAN)}]|[^\s{in_brackets(HAN)}]+")
SPEED_REPEATS = 3


def measure(
    settings: EvaluateSettings,
    backend: Backend,
    tokenizer: Any,
    sample: Sample,
    counts: NDArray[np.int64] | None,
) -> Measured:
    """Score the sample; every figure is None where it is not a finite number, and so are all of an empty sample.

    `counts[V]` are the counts of tokens in the training text: without them there is no base line, and without a base
    line no gate that a model passes.
    """
    context_tokens = context_of(settings, backend)
    bits = scoring.bits_per_document(backend.logits, tokenizer, sample.texts, context_tokens=context_tokens)
    num_bytes = scoring.bytes_per_document(sample.texts)
    scores = Scores(
        num_documents=len(sample.texts),
        num_bytes=int(num_bytes.sum()),
        context_tokens=context_tokens,
        confidence=settings.confidence,
        noise_share=settings.noise_share,
        model_bytes=backend.num_bytes,
        slices=slices_of(sample.sources, sample.languages, num_bytes, bits),
    )
    if num_bytes.any():
        figures = {
            **_interval(settings, bits, num_bytes),
            **_base_line(counts, tokenizer, sample, num_bytes),
            **_perplexities(bits, num_bytes, sample, tokenizer),
            **_noise(settings, backend, tokenizer, sample, bits),
        }
        known: dict[str, Any] = {name: finite(value) for name, value in figures.items()}
        scores = replace(scores, **known)
    blocks = np.array(sample.blocks, np.int64)
    return Measured(scores, sample.document_ids, sample.sources, sample.languages, blocks, num_bytes, bits)


def measure_speed(settings: EvaluateSettings, backend: Backend, tokenizer: Any) -> dict[str, float | int]:
    """Tokens per second of greedy generation, one row, with a key-value cache: the median of three tries."""
    prompt = np.array([tokenizer.token_to_id(scoring.START_TOKEN)], dtype=np.int64)
    num_tokens = min(settings.speed_tokens, backend.context_tokens - len(prompt))
    seconds = []
    for _ in range(1 + SPEED_REPEATS):  # the first one warms up
        start = time.perf_counter()
        generate(backend, prompt, num_tokens)
        seconds.append(time.perf_counter() - start)
    per_second = num_tokens / statistics.median(seconds[1:])
    return {"generated_tokens_per_second": round(per_second, 1), "num_tokens": num_tokens, "threads": settings.threads}


def context_of(settings: EvaluateSettings, backend: Backend) -> int:
    """Tokens a prediction may see. Raises `SettingsError` when more are asked for than the model was made for."""
    wanted = settings.context_tokens or backend.context_tokens
    if wanted > backend.context_tokens:
        raise SettingsError(
            f"evaluate.context_tokens is {wanted}, but the model was made for {backend.context_tokens}. Lower it."
        )
    return wanted


def _interval(
    settings: EvaluateSettings, bits: NDArray[np.float64], num_bytes: NDArray[np.int64]
) -> Mapping[str, float]:
    interval = scoring.bootstrap_interval(
        bits, num_bytes, seed=settings.seed, num_resamples=settings.num_resamples, confidence=settings.confidence
    )
    return {
        "bits_per_byte": interval.value,
        "bits_per_byte_low": interval.low,
        "bits_per_byte_high": interval.high,
    }


def _base_line(
    counts: NDArray[np.int64] | None, tokenizer: Any, sample: Sample, num_bytes: NDArray[np.int64]
) -> Mapping[str, float]:
    """Bits per byte of token frequencies alone; none by the counts of a tokenizer that is not the model's."""
    if counts is None or len(counts) != tokenizer.get_vocab_size():
        return {}
    unigram = scoring.unigram_bits(counts, tokenizer, sample.texts)
    return {"unigram_bits_per_byte": scoring.bits_per_byte(unigram, num_bytes)}


def _perplexities(
    bits: NDArray[np.float64], num_bytes: NDArray[np.int64], sample: Sample, tokenizer: Any
) -> Mapping[str, float]:
    """2 ^ (bits per unit), for the units that other people use."""
    num_tokens = int(scoring.tokens_per_document(tokenizer, sample.texts).sum())
    num_words = sum(len(WORD.findall(text)) for text in sample.texts)
    units = {"token": num_tokens, "word": num_words, "byte": int(num_bytes.sum())}
    with np.errstate(over="ignore"):  # 2 ^ 2000 is no figure to show: it becomes null
        return {f"{unit}_perplexity": float(np.exp2(bits.sum() / max(1, count))) for unit, count in units.items()}


def _noise(
    settings: EvaluateSettings, backend: Backend, tokenizer: Any, sample: Sample, bits: NDArray[np.float64]
) -> Mapping[str, float]:
    """Bits per byte of disturbed text, and how much more that is than for the same documents undisturbed."""
    texts = sample.texts[: settings.noise_documents]
    noisy = [
        disturb(text, share=settings.noise_share, seed=f"{settings.seed}:{document_id}")
        for document_id, text in zip(sample.document_ids, texts, strict=False)
    ]
    noisy_bits = scoring.bits_per_document(
        backend.logits, tokenizer, noisy, context_tokens=context_of(settings, backend)
    )
    after = scoring.bits_per_byte(noisy_bits, scoring.bytes_per_document(noisy))
    before = scoring.bits_per_byte(bits[: len(texts)], scoring.bytes_per_document(texts))
    return {"noise_bits_per_byte": after, "noise_increase_share": after / before - 1}
