"""Peak memory of each stage: `nightshift <stage>` on the demo, all its processes together (see memory_watch.py).

Training takes only its first steps: memory is at its peak then. evaluate is the larger of the two measurements, of the
model and of its int8 variant.
"""

from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.workbench import DATA_STAGES, Workbench

STAGES = (*DATA_STAGES, "train", "evaluate", "quantize", "register")
FIGURES = tuple(
    Figure(f"peak_memory_{stage}_mb", "MB", "lower", f"`nightshift {stage}` on the demo, all its processes")
    for stage in STAGES
)
SHORT = ("--train.max_steps", "12", "--train.budget_minutes", "none")


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    half = bench.data_half
    for stage in DATA_STAGES:
        yield f"peak_memory_{stage}_mb", half.peaks_mb[stage]

    def peak(stage: str) -> float:
        return bench.stage(stage, half.workspace, *SHORT)[1]

    yield "peak_memory_train_mb", peak("train")
    evaluate, quantize, evaluate_int8 = peak("evaluate"), peak("quantize"), peak("evaluate")
    yield "peak_memory_evaluate_mb", max(evaluate, evaluate_int8)
    yield "peak_memory_quantize_mb", quantize
    yield "peak_memory_register_mb", peak("register")
