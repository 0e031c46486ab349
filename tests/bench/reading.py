"""The reading index: a million documents of 500 M tokens, from mapped files to the first batch.

Lengths are log-normal, as in the corpora of the demo; ids are random. Opening, document table and index are timed in a
fresh process, whose kernels were compiled by a process before; memory is what it grows by at most, pages of the files
that it looked at included. `reading_index_seconds` is wall time, the fastest of three, and means something on a quiet
machine only (`machine.load` below .5); the CPU seconds of that round stand beside it.
"""

import shutil
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Figure
from tests.bench.workbench import Workbench

FIGURES = (
    Figure("reading_index_seconds", "s", "lower", "documents and best-fit index of 1 M documents, 500 M tokens", 1.0),
    Figure("reading_index_cpu_seconds", "s", "lower", "the same in CPU seconds: what a busy machine can tell"),
    Figure("reading_index_contiguous_seconds", "s", "lower", "wall time of the contiguous index"),
    Figure("reading_index_mb", "MB", "lower", "most memory that the best-fit index takes", 200.0),
    Figure("reading_batch_ms", "ms", "lower", "a batch of 16 x 2,048 tokens at a random place"),
)
ROUNDS = 3


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    folder = bench.root / "reading"
    bench.module("reading_child", "write", str(folder))
    bench.module("reading_child", "best_fit", str(folder))  # compiles the kernels
    best_fit = _best(bench, "best_fit", str(folder))
    contiguous = _best(bench, "contiguous", str(folder))
    shutil.rmtree(folder)
    yield "reading_index_seconds", best_fit["seconds"]
    yield "reading_index_cpu_seconds", best_fit["cpu_seconds"]
    yield "reading_index_contiguous_seconds", contiguous["seconds"]
    yield "reading_index_mb", best_fit["mb"]
    yield "reading_batch_ms", best_fit["batch_ms"]


def _best(bench: Workbench, packing: str, folder: str) -> dict[str, Any]:
    """The fastest of a few rounds: other work on the machine only adds."""
    rounds = [bench.module("reading_child", packing, folder) for _ in range(ROUNDS)]
    return min(rounds, key=lambda one: float(one["seconds"]))
