"""`python -m tests.bench.classifier_child TEXTS.jsonl`: the CPU seconds of scoring them; see classifier.py."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline_lib.clean.features import NUM_SLOTS
from pipeline_lib.clean.models import load, scores_of
from tests.bench.one_core import stay_on_one_core

ROUNDS = 5


def main() -> None:
    """Print the seconds of the fastest round as the last line."""
    stay_on_one_core()
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").split("\n")
    column = pa.array([json.loads(line) for line in lines if line], pa.large_string())
    weights = {"score": np.random.default_rng(0).normal(size=NUM_SLOTS + 1).astype(np.float32)}
    load()
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        scores_of(column, weights)
        rounds.append(time.process_time() - started)
    print(min(rounds))


if __name__ == "__main__":
    main()
