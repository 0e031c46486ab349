"""Bits per document: how well a model predicts text, in a unit that no tokenizer can flatter.

The convention, the same for every model and every backend:
- A text is encoded without special tokens to t[1..n]; t[0] is <|endoftext|>, which is given and not scored. The end of
  the text is not scored either.
- bits(document) = -sum over i = 1..n of log2 p(t[i] | context of i).
- Windows are disjoint: window k scores t[kC+1 .. kC+C] from the inputs t[kC .. kC+C-1], with C = `context_tokens`. So
  the first token of a window sees one token (<|endoftext|> or the last one of the window before), the last one sees C.
  Sliding windows give a lower figure for C times the work; what counts here is that two models are judged alike.
- bits per byte of a set = sum(bits) / sum(UTF-8 bytes): long documents count for more, and none counts as infinite.

A backend is a function from token ids to logits (`Logits`): torch here, ONNX Runtime where the quantized models are.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError

START_TOKEN = "<|endoftext|>"
IGNORED = -100  # target of a padded place
MAX_LOGITS = 1 << 23  # logits in memory at once: 32 MiB of float32, and about three copies of them while scoring

Ids = NDArray[np.int64]
Logits = Callable[[Ids], Any]  # ids[B, T] -> logits[B, T, V], a numpy array or a torch tensor


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds of its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class _Window:
    document: int
    inputs: Ids  # [T], T at most `context_tokens`
    targets: Ids  # [T], `inputs` moved on by one


def open_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder, as a `tokenizers.Tokenizer` to which special tokens in a text are plain text."""
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return tokenizer


def torch_logits(model: Any) -> Logits:
    """The backend of a loaded transformers model, on the device it is on."""
    import torch

    def logits(ids: Ids) -> Any:
        with torch.inference_mode():
            return model(input_ids=torch.from_numpy(ids).to(model.device), use_cache=False).logits

    return logits


def bits_per_document(
    logits: Logits, tokenizer: Any, texts: Sequence[str], *, context_tokens: int
) -> NDArray[np.float64]:
    """Bits of each text, float64[num_texts]; an empty text has 0. NaN where the model answers with NaN."""
    bits = np.zeros(len(texts))
    windows = list(_windows(tokenizer, texts, context_tokens))
    windows.sort(key=lambda window: -len(window.inputs))  # little padding, and the most memory at the start
    for batch in _batches(windows, tokenizer.get_vocab_size()):
        documents = [window.document for window in batch]
        np.add.at(bits, documents, _window_bits(logits, batch))
    return bits


def tokens_per_document(tokenizer: Any, texts: Sequence[str]) -> NDArray[np.int64]:
    """How many tokens `bits_per_document` scores in each text."""
    return np.array([len(ids) for ids in _encode(tokenizer, texts)], dtype=np.int64)


def bytes_per_document(texts: Sequence[str]) -> NDArray[np.int64]:
    """UTF-8 bytes of each text."""
    return np.array([len(text.encode()) for text in texts], dtype=np.int64)


def unigram_bits(counts: NDArray[np.integer[Any]], tokenizer: Any, texts: Sequence[str]) -> NDArray[np.float64]:
    """Bits of each text under token frequencies alone: p(t) = (counts[t] + 1) / (sum(counts) + V).

    `counts[V]` are the counts in the training text, without padding. The least that a model must beat.
    """
    bits_of_token = np.log2(counts.sum() + len(counts)) - np.log2(counts + 1.0)
    return np.array([bits_of_token[ids].sum() for ids in _encode(tokenizer, texts)], dtype=np.float64)


def bits_per_byte(bits: NDArray[np.float64], num_bytes: NDArray[np.int64]) -> float:
    """sum(bits) / sum(bytes). Raises `DataError` when there is no byte to divide by."""
    total = int(num_bytes.sum())
    if total == 0:
        raise DataError("The held-out text is empty: no score can be given. Add documents or raise the held-out share.")
    return float(bits.sum()) / total


def bootstrap_interval(
    bits: NDArray[np.float64],
    num_bytes: NDArray[np.int64],
    *,
    seed: int,
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> Interval:
    """Bits per byte with its percentile interval over resampled documents.

    The document is what is drawn, since tokens of one document depend on each other (Efron 1979, the ratio of sums).
    """
    value = bits_per_byte(bits, num_bytes)
    generator = np.random.default_rng(seed)
    draws = (generator.integers(len(bits), size=len(bits)) for _ in range(num_resamples))
    ratios = [bits[draw].sum() / max(1, num_bytes[draw].sum()) for draw in draws]
    tail = (1 - confidence) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def _windows(tokenizer: Any, texts: Sequence[str], context_tokens: int) -> Iterator[_Window]:
    start = tokenizer.token_to_id(START_TOKEN)
    if start is None:
        raise DataError(f"The tokenizer has no {START_TOKEN!r}. It was made by another version: train a new one.")
    for document, ids in enumerate(_encode(tokenizer, texts)):
        tokens = np.array([start, *ids], dtype=np.int64)
        for first in range(0, len(ids), context_tokens):
            chunk = tokens[first : first + context_tokens + 1]
            yield _Window(document, chunk[:-1], chunk[1:])


def _batches(windows: Sequence[_Window], vocab_size: int) -> Iterator[Sequence[_Window]]:
    first = 0
    while first < len(windows):
        size = max(1, MAX_LOGITS // (len(windows[first].inputs) * vocab_size))
        yield windows[first : first + size]
        first += size


def _window_bits(logits: Logits, batch: Sequence[_Window]) -> NDArray[np.float64]:
    """Bits of each window, float64[B]. Padding stands on the right, where a causal model does not look."""
    import torch

    longest = len(batch[0].inputs)
    inputs, targets = np.zeros((len(batch), longest), np.int64), np.full((len(batch), longest), IGNORED)
    for row, window in enumerate(batch):
        inputs[row, : len(window.inputs)] = window.inputs
        targets[row, : len(window.targets)] = window.targets
    scores_BTV = torch.as_tensor(logits(inputs)).float()
    nats_N = torch.nn.functional.cross_entropy(
        scores_BTV.flatten(0, 1),
        torch.from_numpy(targets).to(scores_BTV.device).flatten(),
        ignore_index=IGNORED,
        reduction="none",
    )
    nats_B = nats_N.view(len(batch), longest).double().sum(1).cpu().numpy()
    return np.asarray(nats_B / math.log(2), dtype=np.float64)
