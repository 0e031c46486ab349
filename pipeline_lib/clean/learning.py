"""Learning in compiled code: the weights of a logistic model, the same bytes on every machine.

Minimized is, over examples x of length one with y = 1 (keep) or -1 (drop), both sides weighing the same,

    mean log(1 + exp(-y (w x + b))) + |w|^2 / (2 C n),  C = 10, n examples

by accelerated gradient descent (Nesterov 1983) that starts anew where it overshoots (O'Donoghue and Candes 2015): one
thread, no line search, no random order. The steps are 1 / L with L = 1/4 (|x|^2 + 1) + 1 / (C n). It gives what
scikit-learn's LogisticRegression gives, to three digits, without linear algebra whose last bits are the processor's.
"""

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.features import NUM_SLOTS, Bytes, Counts, Points, Slots, count, sigmoid, vector_length

NUM_STEPS = 300
STRENGTH = 10.0  # C; between 1 and 100 hardly anything changes

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@compiled
def read(
    data: Bytes, offsets: Counts, classes: Bytes, lower: Points, starts: Counts, slots: Slots, values: Values
) -> None:
    """The vectors of documents, one behind the other: slots[starts[i]:starts[i + 1]] and the values in them.

    `slots` and `values` need as many places as there are bytes and documents.
    """
    counts, found = np.zeros(NUM_SLOTS, np.int64), np.empty(NUM_SLOTS, np.int32)
    for i in range(len(starts) - 1):
        num_found = count(data[offsets[i] : offsets[i + 1]], classes, lower, counts, found)
        length = vector_length(counts, found[:num_found])
        for k in range(num_found):
            slots[starts[i] + k] = found[k]
            values[starts[i] + k] = counts[found[k]] / length
        starts[i + 1] = starts[i] + num_found
        counts[found[:num_found]] = 0


@compiled
def learn(starts: Counts, slots: Slots, values: Values, sides: Floats) -> Floats:
    """The weights of all slots, and the bias behind them, float64[NUM_SLOTS + 1]; sides: 1 or -1 an example."""
    num_examples = len(sides)
    shares = np.array([0.5 / (sides < 0).sum(), 0.5 / (sides > 0).sum()])
    decay = 1 / (STRENGTH * num_examples)
    weights, ahead = np.zeros(NUM_SLOTS + 1), np.zeros(NUM_SLOTS + 1)
    age = 0
    for _ in range(NUM_STEPS):
        slope = decay * ahead
        slope[NUM_SLOTS] = 0.0  # the bias is free
        for i in range(num_examples):
            total = ahead[NUM_SLOTS]
            for k in range(starts[i], starts[i + 1]):
                total += ahead[slots[k]] * values[k]
            pull = -sides[i] * sigmoid(-sides[i] * total) * shares[np.int64(sides[i] > 0)]
            for k in range(starts[i], starts[i + 1]):
                slope[slots[k]] += pull * values[k]
            slope[NUM_SLOTS] += pull
        step = ahead - slope / (0.5 + decay)
        uphill = 0.0
        for k in range(NUM_SLOTS + 1):
            uphill += slope[k] * (step[k] - weights[k])
        age = 0 if uphill > 0 else age + 1
        ahead = step + age / (age + 3.0) * (step - weights)
        weights = step
    return weights
