"""What a check of the gate is: a condition on figures, that fails closed; and the case it is asked about.

A check is one file under `checks/`, and one line in the list there.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline_lib.model.measured import Measured
from pipeline_lib.model.scoring import Interval, paired_bootstrap
from pipeline_lib.register.settings import GateSettings

Relation = Literal["<", "<=", "==", ">="]

COMPARE: Mapping[Relation, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Training:
    """What the training measured of the model before and after it, both on the same documents."""

    start_bits_per_byte: float | None
    end_bits_per_byte: float | None


@dataclass(frozen=True)
class Case:
    """What is judged: all of it measured on one benchmark. What was not measured there has no documents."""

    settings: GateSettings
    challenger: Measured
    champion: Measured | None  # None: there is no champion yet
    variants: Mapping[str, Measured | None]  # each scheme that is asked for; None: it has no scores
    training: Training


@dataclass(frozen=True)
class Check:
    """One condition: `value relation limit`."""

    name: str
    value: float | None  # None: there is no such figure
    relation: Relation
    limit: float | None
    meaning: str
    advice: str = ""  # what would help, where that can be said

    @property
    def is_passed(self) -> bool:
        """Whether both figures are there, are finite, and hold."""
        if self.value is None or self.limit is None or not (math.isfinite(self.value) and math.isfinite(self.limit)):
            return False
        return COMPARE[self.relation](self.value, self.limit)


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


def delta(settings: GateSettings, one: Measured, other: Measured) -> Interval | None:
    """`one` minus `other` in bits per byte; None where they cannot be compared."""
    if one.document_ids != other.document_ids or bits_per_byte(one) is None or bits_per_byte(other) is None:
        return None
    return paired_bootstrap(
        one.bits,
        other.bits,
        one.num_bytes,
        seed=settings.seed,
        num_resamples=settings.num_resamples,
        confidence=settings.confidence,
    )
