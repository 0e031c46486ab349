"""Models as signals: weights from examples, scores from texts.

    learned = learn_model(examples)                     weights, and how well it does on examples it has not seen
    scores_of(texts, {"quality": learned.weights})      a float32 column a model, 0..1

On one core it learns from a megabyte of examples in a second, and scores 55 MB/s; more models cost little more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.clean.characters import character_classes
from pipeline_lib.clean.examples import Examples, is_held_out
from pipeline_lib.clean.features import NUM_SLOTS, score
from pipeline_lib.clean.learning import learn, read
from pipeline_lib.text.buffers import buffers_of

Weights = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]
MIDDLE = 0.5  # from there on a text counts as one to keep, where accuracy is measured
_NUM_CASED = 0x20000  # above these code points nothing has a lower case


@dataclass(frozen=True)
class Learned:
    """The weights of a model, float32[NUM_SLOTS + 1], the last one its bias; and what is known of it."""

    weights: Weights
    facts: Mapping[str, Any]


def learn_model(examples: Examples) -> Learned:
    """Learn from all examples; how well is measured before, on every fifth, having learned from the others."""
    texts = [*examples.keep, *examples.drop]
    is_wanted = np.arange(len(texts)) < len(examples.keep)
    are_held_out = np.array([is_held_out(text) for text in texts])
    given = {"num_keep": len(examples.keep), "num_drop": len(examples.drop)}
    return Learned(weights_of(texts, is_wanted), {**given, **_measured(texts, is_wanted, are_held_out)})


def _measured(
    texts: Sequence[str], is_wanted: npt.NDArray[np.bool_], are_held_out: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """AUC and accuracy on what is held out; None where one side is missing there, or nothing is left to learn from."""
    told: dict[str, Any] = {"num_held_out": int(are_held_out.sum()), "held_out_auc": None, "held_out_accuracy": None}
    if min(len(set(is_wanted[part])) for part in (are_held_out, ~are_held_out)) < 2:
        return told
    learning = [text for text, is_out in zip(texts, are_held_out, strict=True) if not is_out]
    asked = [text for text, is_out in zip(texts, are_held_out, strict=True) if is_out]
    weights, sides = weights_of(learning, is_wanted[~are_held_out]), is_wanted[are_held_out]
    scores = scores_of(_column(asked), {"score": weights})["score"]
    accuracy = float(np.mean((scores >= MIDDLE) == sides))
    return {**told, "held_out_auc": round(roc_auc(scores, sides), 4), "held_out_accuracy": round(accuracy, 4)}


def roc_auc(scores: npt.ArrayLike, is_wanted: npt.NDArray[np.bool_]) -> float:
    """How often a wanted text has the higher score of two, one of each side; a draw counts half (Mann-Whitney)."""
    values = np.asarray(scores)
    ordered = np.sort(values[~is_wanted])
    below = np.searchsorted(ordered, values[is_wanted], "left") + np.searchsorted(ordered, values[is_wanted], "right")
    return float(below.sum() / (2 * len(ordered) * is_wanted.sum()))


def weights_of(texts: Sequence[str], is_wanted: npt.NDArray[np.bool_]) -> Weights:
    """The weights that a model learns from these texts, of which there are some of each side."""
    data, offsets = buffers_of(_column(texts))
    starts = np.zeros(len(texts) + 1, np.int64)
    # A word has a byte and white space behind it: words and pairs are no more than bytes and texts.
    slots, values = np.empty(len(data) + len(texts), np.int32), np.empty(len(data) + len(texts), np.float32)
    read(data, offsets, character_classes(), lower_case(), starts, slots, values)
    sides = np.where(is_wanted, 1.0, -1.0)
    return learn(starts, slots[: starts[-1]], values[: starts[-1]], sides).astype(np.float32)


def scores_of(texts: pa.LargeStringArray, weights: Mapping[str, Weights]) -> dict[str, Scores]:
    """By the name of some weights the scores that they give, float32, 0..1; texts must not be null."""
    scores = np.zeros((len(texts), len(weights)), np.float32)
    if len(texts) and weights:
        together = np.ascontiguousarray(np.stack(list(weights.values()), axis=1))
        score(*buffers_of(texts), character_classes(), lower_case(), together, scores)
    return {name: scores[:, k].copy() for k, name in enumerate(weights)}


def load() -> None:
    """Compile what scores need: the first document would take seconds."""
    scores_of(_column([""]), {"score": np.zeros(NUM_SLOTS + 1, np.float32)})


@cache
def lower_case() -> npt.NDArray[np.int32]:
    """The lower case of each code point below _NUM_CASED that has one of one character; all others are their own."""
    small = [chr(point).lower() for point in range(_NUM_CASED)]
    return np.array([ord(one) if len(one) == 1 else point for point, one in enumerate(small)], np.int32)


def _column(texts: Sequence[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())
