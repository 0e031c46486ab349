"""What a training says about itself in training.json: the same for the same steps, so no clock and no speed."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

CURVE_POINTS = 200
FINAL_STEPS = 10  # the loss of one batch jumps; a final loss is the mean over these


def last_row_of_each_step(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows in the order of their steps; of a step that was done again after a resume the later row counts."""
    by_step = {row["step"]: row for row in rows}
    return [by_step[step] for step in sorted(by_step)]


def loss_curve(rows: Sequence[Mapping[str, Any]], *, num_points: int = CURVE_POINTS) -> list[list[float]]:
    """[last step, mean loss] of at most `num_points` equal stretches of steps."""
    stretch = max(1, -(-len(rows) // num_points))
    parts = [rows[first : first + stretch] for first in range(0, len(rows), stretch)]
    return [[part[-1]["step"], round(fmean(row["loss"] for row in part), 6)] for part in parts]


def final_loss(rows: Sequence[Mapping[str, Any]], phase: str) -> float | None:
    """Mean loss of the last steps of a phase, in nats per token."""
    losses = [row["loss"] for row in rows if row["phase"] == phase][-FINAL_STEPS:]
    return round(fmean(losses), 6) if losses else None
