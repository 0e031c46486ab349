"""Draws of models by whose scores the gate is tried: a real one's, the demo's first, on its 346 held-out documents.

Its documents come from 15 packages. Other models are made of it: noise on each document, noise that a whole package
shares (two trainings differ in what they know of a library), and what a model is truly better or worse.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline_lib.model.measured import Measured
from pipeline_lib.model.paired import block_of
from pipeline_lib.model.records import Scores
from pipeline_lib.register.check import Training
from pipeline_lib.register.compare import Pair, gains
from pipeline_lib.register.gate import GateReport, weighed
from pipeline_lib.register.settings import GateSettings
from pipeline_lib.register.table import table_of

SETTINGS = GateSettings(num_resamples=1000)  # a tenth, for the sake of time: it errs no less
TRAINED = Training(start_bits_per_byte=8.0, end_bits_per_byte=2.3)
LARGE_PACKAGES = ("pandas", "mlflow", "numpy")
DRAWS = 2000
NOISES = ((0.005, 0.0), (0.01, 0.0), (0.02, 0.0), (0.05, 0.0), (0.02, 0.005), (0.0, 0.02))  # of documents, packages


@cache
def demo() -> Measured:
    """The demo's first model. Its large packages stand for sources, so that there are slices to look at."""
    table = pq.read_table(Path(__file__).parent / "assets" / "demo_scores.parquet")
    packages, number = table["package"].to_pylist(), table.num_rows
    return Measured(
        Scores(num_documents=number, context_tokens=256, unigram_bits_per_byte=5.0, model_bytes=1000),
        document_ids=tuple(f"{at:032x}" for at in range(number)),
        sources=tuple(name if name in LARGE_PACKAGES else "others" for name in packages),
        languages=("en",) * number,
        blocks=np.array([block_of("installed_docs", f"{name}/x") for name in packages]),
        num_bytes=table["num_bytes"].to_numpy().astype(np.int64),
        bits=table["bits"].to_numpy().astype(np.float64),
    )


def called(candidate: str, bits: NDArray[np.float64], version: int | None = None) -> Measured:
    cell = demo()
    scores = replace(cell.scores, candidate=candidate, version=version, benchmark="frozen")
    return replace(cell, scores=scores, bits=bits)


def noise(generator: np.random.Generator, document: float, package: float = 0.0) -> NDArray[np.float64]:
    """What another model of the same worth needs, as a share of the bits of each document."""
    places = np.unique(demo().blocks, return_inverse=True)[1].reshape(-1)
    own = document * generator.standard_normal(len(places))
    return 1 + own + package * generator.standard_normal(places.max() + 1)[places]


def verdict(factor: NDArray[np.float64], earlier: dict[int, Measured] | None = None) -> GateReport:
    bits = demo().bits
    table = table_of([called("challenger", bits * factor), called("champion", bits, 3)])
    return weighed(SETTINGS, table, schemes=(), training=TRAINED, earlier=earlier)


def is_gained(factor: NDArray[np.float64]) -> bool:
    """Whether the gate sees a gain: no model passes without one."""
    bits = demo().bits
    pair = Pair("frozen-0", "the champion", called("challenger", bits * factor), called("champion", bits, 3))
    return gains(SETTINGS, [pair])[0].at_least > 0


def false_promotion_rate(document: float, package: float, *, seed: int = 5) -> float:
    """Of equal models the share that passes."""
    generator = np.random.default_rng(seed)
    return sum(is_gained(noise(generator, document, package)) for _ in range(DRAWS)) / DRAWS


def power(document: float, package: float, *, draws: int, seed: int = 7) -> float:
    """Of models that are better by twice the smallest gain that can be told the share that passes."""
    generator = np.random.default_rng(seed)
    smallest = verdict(noise(generator, document, package)).gains[0].detectable
    passed = [verdict((1 - 2 * smallest) * noise(generator, document, package)).is_passed for _ in range(draws)]
    return sum(passed) / draws
