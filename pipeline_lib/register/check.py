"""What a check of the gate is: a condition on figures, that fails closed; and the case it is asked about.

A check is one file under `checks/`, and one line in the list there.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from pipeline_lib.model.measured import Measured
from pipeline_lib.register.compare import Gain, Loss, Pair, gains, losses
from pipeline_lib.register.settings import GateSettings

Relation = Literal["<", "<=", "==", ">=", ">"]

COMPARE: Mapping[Relation, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Training:
    """What the training measured of the model before and after it, both on the same documents."""

    start_bits_per_byte: float | None
    end_bits_per_byte: float | None


@dataclass(frozen=True)
class Case:
    """What is judged, on the benchmark that decides. What was not measured there has no documents."""

    settings: GateSettings
    challenger: Measured
    champion: Measured | None  # None: there is no champion yet
    rivals: tuple[Pair, ...]  # the challenger beside the champion: there, and on fresh text where that is enough
    best: tuple[Pair, ...]  # beside earlier champions of this generation, on what both were scored on
    variants: Mapping[str, Measured | None]  # each scheme that is asked for; None: it has no scores
    training: Training

    @cached_property
    def gains(self) -> tuple[Gain, ...]:
        """What the challenger gains over the champion; of benchmarks that cannot be compared nothing is said."""
        return gains(self.settings, self.rivals)

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """What it loses in any slice against champion and earlier champions."""
        return losses(self.settings, (*self.rivals, *self.best))


@dataclass(frozen=True)
class Check:
    """One condition: `value relation limit`."""

    name: str
    value: float | None  # None: there is no such figure
    relation: Relation
    limit: float | None
    meaning: str
    advice: str = ""  # what would help, where that can be said
    said: str = ""  # what is said when it fails, where that is better than its figures
    asks: bool = False  # when it fails, a person decides

    @property
    def is_passed(self) -> bool:
        """Whether both figures are there, are finite, and hold."""
        if self.value is None or self.limit is None or not (math.isfinite(self.value) and math.isfinite(self.limit)):
            return False
        return COMPARE[self.relation](self.value, self.limit)

    @property
    def sentence(self) -> str:
        """What is said of it when it fails."""
        advice = f": {self.advice}" if self.advice else ""
        figures = f"{self.name} ({shown(self.value)}, must be {self.relation} {shown(self.limit)}){advice}"
        return self.said or figures


def shown(value: float | None) -> str:
    """A figure of a check as text."""
    return "missing" if value is None else f"{value:.4f}".removesuffix(".0000")


def bits_per_byte(measured: Measured) -> float | None:
    """Computed from the documents, not read from the scores: one source for all checks."""
    total = int(measured.num_bytes.sum())
    if total <= 0 or len(measured.bits) != len(measured.num_bytes) or not np.isfinite(measured.bits).all():
        return None
    return float(measured.bits.sum()) / total


def same_documents(name: str, one: Measured, other: Measured) -> Check:
    """Whether both were scored on the same documents, of as many bytes."""
    sides = [set(zip(side.document_ids, side.num_bytes.tolist(), strict=False)) for side in (one, other)]
    different = float(len(sides[0] ^ sides[1]))
    return Check(name, different, "==", 0.0, "documents that only one of them was scored on")
