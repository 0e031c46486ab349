"""`python -m tests.bench.quality_child seconds|decisions TEXTS.jsonl`: see quality.py.

Prints the CPU seconds that all signals take, or for each of datatrove's filters which documents its rules keep.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline_lib.clean.judge import Languages, rule_criteria
from pipeline_lib.clean.rule_sets.c4 import C4
from pipeline_lib.clean.rule_sets.fineweb import FINEWEB
from pipeline_lib.clean.rule_sets.gopher import GOPHER
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.signals import measure_texts
from tests.bench.one_core import stay_on_one_core

ROUNDS = 5
REPETITION = ("max_duplicate_", "max_top_")
FILTERS = {
    "GopherQuality": [name for name in GOPHER.limits if not name.startswith(REPETITION)],
    "GopherRepetition": [name for name in GOPHER.limits if name.startswith(REPETITION)],
    "C4Quality": list(C4.limits),
    "FineWebQuality": list(FINEWEB.limits),
}


def main() -> None:
    """Print one JSON value as the last line."""
    stay_on_one_core()
    lines = Path(sys.argv[2]).read_text(encoding="utf-8").split("\n")
    texts = [json.loads(line)["text"] for line in lines if line]
    print(json.dumps(seconds(texts) if sys.argv[1] == "seconds" else decisions(texts)))


def seconds(texts: list[str]) -> float:
    """Of the fastest round."""
    column = pa.array(texts, pa.large_string())
    measure_texts(column.slice(0, 10))
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        measure_texts(column)
        rounds.append(time.process_time() - started)
    return min(rounds)


def decisions(texts: list[str]) -> dict[str, list[bool]]:
    """Whether each text is kept by the rules of each filter."""
    from pipeline_lib.clean.datatrove import datatrove_signals
    from pipeline_lib.clean.rules import RULES

    settings = CleanSettings(rule_set=("gopher", "c4", "fineweb"), words="spacy")
    signals = datatrove_signals(texts, asked={rule.signal for rule in RULES})
    criteria = {
        one.name: one.fails
        for one in rule_criteria(settings.rules, signals, Languages(np.zeros(len(texts), np.intp), ["en"]))
    }
    return {name: (~np.any([criteria[rule] for rule in rules], axis=0)).tolist() for name, rules in FILTERS.items()}


if __name__ == "__main__":
    main()
