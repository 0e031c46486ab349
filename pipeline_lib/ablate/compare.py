"""What a step is worth: the arm with it beside each of the others, on the same benchmark, as the gate compares models.

    bits of a document, added up over the seeds -> paired bootstrap over blocks (model/paired.py) -> an interval
    the same difference seed by seed            -> its standard error, by Student's t

The bootstrap knows how much a set of documents could differ, and nothing of how much two trainings of one text do. Both
errors are independent, so the half-widths of their intervals add up as squares. With one seed there is no second one:
the interval is too narrow then, and whoever shows it says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from pipeline_lib.ablate.arms import CONTROL, WITH, WITHOUT
from pipeline_lib.base.errors import DataError
from pipeline_lib.model.measured import Measured
from pipeline_lib.model.paired import deal, difference
from pipeline_lib.register.settings import GateSettings

Verdict = Literal["helps", "harms", "cannot be told"]


@dataclass(frozen=True)
class Effect:
    """What the arm with the step needs over another, as a share of the other's bits: below 0 the step saves bits."""

    against: str
    share: float
    low: float  # the ends of the interval, each passed in `alpha` of all trials
    high: float
    detectable: float  # the smallest difference that documents like these show in 4 of 5 trials
    by_seed: tuple[float, ...]
    num_documents: int
    num_blocks: int


@dataclass(frozen=True)
class Worth:
    """The answer."""

    bits_per_byte: Mapping[str, tuple[float, ...]]  # by arm, seed by seed
    effects: tuple[Effect, ...]  # against the text without the step, and against the control
    chance: Effect  # the control against the text without the step: what so many fewer documents do by themselves
    verdict: Verdict


def worth_of(settings: GateSettings, measured: Mapping[str, Sequence[Measured]]) -> Worth:
    """The answer, from the scores of each arm, seed by seed. A step helps where it beats both of the other arms."""
    effects = tuple(effect_of(settings, measured, WITH, other) for other in (WITHOUT, CONTROL))
    verdict: Verdict = "cannot be told"
    if all(effect.high < 0 for effect in effects):
        verdict = "helps"
    elif all(effect.low > 0 for effect in effects):
        verdict = "harms"
    bits = {arm: tuple(map(_bits_per_byte, own)) for arm, own in measured.items()}
    return Worth(bits, effects, effect_of(settings, measured, CONTROL, WITHOUT), verdict)


def effect_of(settings: GateSettings, measured: Mapping[str, Sequence[Measured]], arm: str, other: str) -> Effect:
    """One arm against another. Raises `DataError` where that cannot be told: a model that has no answer, or a
    benchmark of a single block."""
    pairs = list(zip(measured[arm], measured[other], strict=True))
    first = pairs[0][0]
    blocks = deal(first.blocks, first.num_bytes)
    mine, others = (np.sum([one[side].bits for one in pairs], axis=0) for side in (0, 1))
    change = difference(mine, others, blocks, seed=settings.seed, num_resamples=settings.num_resamples)
    if change is None:
        raise DataError(
            f"ablate: {arm} and {other} cannot be compared: a model gave no finite answer, or the benchmark has "
            "documents of one host or package alone. More steps, or more sources, help."
        )
    by_seed = tuple(float(one.bits.sum() / two.bits.sum()) - 1 for one, two in pairs)
    half = _half_of_seeds(by_seed, settings.alpha)
    low, high = change.low(settings.alpha), change.high(settings.alpha)
    return Effect(
        against=other,
        share=change.value,
        low=change.value - math.hypot(change.value - low, half),
        high=change.value + math.hypot(high - change.value, half),
        detectable=math.hypot(change.detectable(settings.alpha), half),
        by_seed=by_seed,
        num_documents=len(first.bits),
        num_blocks=change.num_blocks,
    )


def _half_of_seeds(by_seed: Sequence[float], alpha: float) -> float:
    """Half the width of the interval by Student's t; 0 where one seed tells nothing of others."""
    if len(by_seed) < 2:
        return 0.0
    error = float(np.std(by_seed, ddof=1)) / math.sqrt(len(by_seed))
    return float(stdtrit(len(by_seed) - 1, 1 - alpha)) * error


def _bits_per_byte(one: Measured) -> float:
    return float(one.bits.sum() / one.num_bytes.sum())
