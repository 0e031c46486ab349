"""The works of evaluate: benchmarks, and the scores of candidates on them."""

from collections.abc import Collection, Sequence
from typing import Any

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.stage import BENCHMARK, SCORES
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref, digest_of


def benchmark_work(
    settings: Settings,
    name: str,
    generation: int,
    tables: tuple[Ref, ...],
    before: Ref | None,
    *,
    left_out: Sequence[str] = (),
    gone: Collection[str] = (),
    forgotten: Sequence[Sequence[Any]] = (),
) -> Work:
    """Held-out documents of these token shards, behind those of an earlier benchmark.

    Without those of the sources left out, of the texts that are gone, and what is forgotten (store/forgotten.py).
    """
    without: dict[str, Any] = {
        "left_out": list(left_out),
        "gone": digest_of(sorted(gone)) if gone else "",
        "forgotten": [list(one) for one in forgotten],
    }
    said = {name: value for name, value in without.items() if value}
    return Work(
        BENCHMARK,
        settings.of(EvaluateSettings).only(BENCHMARK.reads),
        inputs={} if before is None else {"before": before},
        params={"name": name, "generation": generation} | said,
        members=tables,
        name=f"{name} benchmark",
    )


def scores_work(
    settings: Settings, candidate: str, backend: str, benchmark: tuple[str, Ref], model: Ref, counts: Ref | None
) -> Work:
    """One candidate on one benchmark."""
    name, texts = benchmark
    inputs = {"model": model, "benchmark": texts} | ({} if counts is None else {"counts": counts})
    seen = settings.of(EvaluateSettings).only(SCORES.reads)
    return Work(SCORES, seen, inputs, {"candidate": candidate, "backend": backend}, name=f"{candidate} on {name}")
