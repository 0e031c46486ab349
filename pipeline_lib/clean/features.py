"""What a model sees of a text: how often each of its words and pairs of words comes, hashed to NUM_SLOTS numbers.

Words are those of the quality signals (kernel.py): between white space, and each Han character and kana alone; here in
lower case, since a word at the start of a sentence is the same word. Pairs are of neighbours, so those of Chinese are
of two characters, which is what most of its words have. A text counts as a vector of length one, so that its length
says nothing: x = counts / |counts|.

Nothing here depends on the machine: sums are in the order of the text, and `sigmoid` has arithmetic alone, where the
exponential functions of C libraries differ in the last bit.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.kernel import HAN, SPACE, SYMBOL
from pipeline_lib.text.mixing import mix64
from pipeline_lib.text.utf8 import decode

NUM_SLOTS = 1 << 18  # 1 MB of weights a model, in the cache of a core; of 1 M different pairs four share one

_SEED, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a
_PAIR = np.uint64(0x9E3779B97F4A7C15)
_TERMS, _HALVINGS = 6, 10  # of the exponential function: right to 1e-9 where |x| < 40

# numba decides by itself which integers are int64 and which uint64; Python's int is neither.
Integer = Any
Number = Any
Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float32]
Slots = npt.NDArray[np.int32]


@compiled
def score(data: Bytes, offsets: Counts, classes: Bytes, lower: Points, weights: Weights, scores: Weights) -> None:
    """Fill scores[i, k], 0..1, of each document data[offsets[i]:offsets[i + 1]] by each model weights[:, k].

    `weights` has a row for each slot, and a last one, of what is added whatever the text.
    """
    counts, found = np.zeros(NUM_SLOTS, np.int64), np.empty(NUM_SLOTS, np.int32)
    for i in range(len(scores)):
        num_found = count(data[offsets[i] : offsets[i + 1]], classes, lower, counts, found)
        length = vector_length(counts, found[:num_found])
        for k in range(weights.shape[1]):
            total = 0.0
            for slot in found[:num_found]:
                total += counts[slot] * np.float64(weights[slot, k])
            scores[i, k] = sigmoid(total / length + np.float64(weights[NUM_SLOTS, k]))
        counts[found[:num_found]] = 0


@compiled
def count(text: Bytes, classes: Bytes, lower: Points, counts: Counts, found: Slots) -> Integer:
    """Add the words and pairs of a text to `counts` (a number a slot, zeros); their slots in `found`, how many.

    Slots come in the order in which the text has them first.
    """
    num_found, before, at = 0, np.uint64(0), 0
    while True:
        word, at = _next_word(text, at, classes, lower)
        if word == 0:
            return num_found
        num_found = _add(word, counts, found, num_found)
        if before != 0:
            num_found = _add(_slot_hash(before * _PAIR + word), counts, found, num_found)
        before = word


@compiled
def vector_length(counts: Counts, found: Slots) -> Number:
    """The Euclidean length of counts; of none 1, so that it can be divided by."""
    total = 0
    for slot in found:
        total += counts[slot] * counts[slot]
    return np.sqrt(np.float64(max(total, 1)))


@compiled
def sigmoid(x: Number) -> Number:
    """1 / (1 + e^-x); e^y = (e^(y / 1024))^1024, the inner one by its series."""
    y = -min(max(x, -40.0), 40.0) / (1 << _HALVINGS)
    power = 1.0
    for k in range(_TERMS, 0, -1):
        power = 1.0 + power * y / k
    for _ in range(_HALVINGS):
        power *= power
    return 1.0 / (1.0 + power)


@compiled
def _add(value: Integer, counts: Counts, found: Slots, num_found: Integer) -> Integer:
    slot = np.int64(value & np.uint64(NUM_SLOTS - 1))
    if counts[slot] == 0:
        found[num_found] = slot
        num_found += 1
    counts[slot] += 1
    return num_found


@compiled
def _next_word(text: Bytes, at: Integer, classes: Bytes, lower: Points) -> tuple[Integer, Integer]:
    """The hash of the first word at or behind a byte, 0 where there is none; and its end."""
    value, is_inside = _SEED, False
    while at < len(text):
        point, width = decode(text, at)
        kind = np.int64(classes[point]) if point < len(classes) else SYMBOL
        if kind < SPACE:
            small = np.int64(lower[point]) if point < len(lower) else point
            value = (value ^ np.uint64(small)) * _PRIME
            is_inside = True
        elif is_inside:
            break
        elif kind >= HAN:
            return _slot_hash((_SEED ^ np.uint64(point)) * _PRIME), at + width
        at += width
    return (_slot_hash(value) if is_inside else np.uint64(0)), at


@compiled
def _slot_hash(value: Integer) -> Integer:
    """Never 0."""
    return max(mix64(value), np.uint64(1))
