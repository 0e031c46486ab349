"""py3langid's classifier in compiled code: the same automaton, the same table, read where the bytes of a text lie.

An automaton goes through the bytes and says after which of them a feature (a short run of bytes that tells languages
apart) has ended. score(language) = log P(language) + sum over features of log(1 + count) * log P(feature | language):
naive Bayes, where a feature that comes often counts less each time (Lui and Baldwin 2012; py3langid).

Two thirds of the time is waiting for memory: a row of weights comes from there in 200 ns, and is added in 25. Copying
some rows ahead, so that several are on their way at once, took twice as long; looking at them ahead gained a seventh.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.utf8 import Bytes, Integer

NO_FEATURE = -1
_TWO_112 = np.float32(2.0**112)  # the exponents of float32 begin at -126, those of float16 at -14
_SHIFT = np.int32(13)  # a float16 has 10 bits behind its exponent, a float32 23
_KEPT = np.int32(-0x70002000)  # 0x8FFFE000: the sign, five bits of exponent and ten behind them

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Automaton = tuple[Numbers, Numbers, Numbers]  # next state by row and byte; row by state; feature by state, or below 0
Scale = tuple[Numbers, Floats, Numbers, Floats]  # weights, priors, labels, logarithms: see `classify`


@compiled
def classify(data: Bytes, offsets: Numbers, automaton: Automaton, scale: Scale, best: Numbers) -> None:
    """Fill best[i] with the most likely label of data[offsets[i]:offsets[i + 1]]; NO_FEATURE where nothing tells.

    `scale`: the bits of finite float16 weights, int16 (features x columns); the prior of each column; its label, which
    is the number of the first column with the same name; log(1 + n) for each n up to the bytes of the longest text.
    """
    weights, priors, labels, logarithms = scale
    counts = np.zeros(len(weights), np.int32)
    seen = np.empty(len(logarithms), np.int32)
    scores, bits = np.empty(len(priors), np.float32), np.empty(len(priors), np.int32)
    for i in range(len(best)):
        num_seen = _visit(data[offsets[i] : offsets[i + 1]], automaton, counts, seen)
        scores[:] = priors
        for k in range(num_seen):
            _add(weights[seen[k]], logarithms[counts[seen[k]]], bits, scores)
            counts[seen[k]] = 0
        best[i] = _first_of_best(scores, labels) if num_seen else NO_FEATURE


@compiled
def _visit(text: Bytes, automaton: Automaton, counts: Numbers, seen: Numbers) -> Integer:
    """Count the features of a text, and list them in the order in which they came; how many there are."""
    moves, rows, features = automaton
    state, num_seen = np.int64(0), 0
    for byte in text:
        state = np.int64(moves[np.int64(rows[state]) * 256 + byte])
        feature = features[state]
        if feature >= 0:
            if counts[feature] == 0:
                seen[num_seen] = feature
                num_seen += 1
            counts[feature] += 1
    return num_seen


@compiled
def _add(weights: Numbers, factor: Any, bits: Numbers, scores: Floats) -> None:
    """scores += factor * weights; the bits of a float16 are moved to their place in a float32, and the exponent back.

    So the table stays as it is in its file, mapped and shared by all processes. Shifted as int32, and not wider, it is
    nearly as fast as a table of float32.
    """
    for k in range(len(bits)):
        bits[k] = np.int32(np.int32(weights[k]) << _SHIFT) & _KEPT
    values = bits.view(np.float32)
    scaled = np.float32(factor * _TWO_112)
    for k in range(len(values)):
        scores[k] += scaled * values[k]


@compiled
def _first_of_best(scores: Floats, labels: Numbers) -> Integer:
    """The label with the highest score; of equal ones the first."""
    best = 0
    for k in range(1, len(scores)):
        if scores[k] > scores[best] or (scores[k] == scores[best] and labels[k] < labels[best]):
            best = k
    return labels[best]
