"""What a step is worth, from scores that are known."""

from typing import Any

import numpy as np
import pytest

from pipeline_lib.ablate.arms import CONTROL, WITH, WITHOUT
from pipeline_lib.ablate.compare import Worth, worth_of
from pipeline_lib.base.errors import DataError
from pipeline_lib.model.measured import Measured
from pipeline_lib.register.settings import GateSettings

NUM_DOCUMENTS, NUM_BLOCKS = 200, 40
GATE = GateSettings()


def measured(bits: Any) -> Measured:
    return Measured(
        scores=None,  # type: ignore[arg-type]  # nothing of it is asked
        document_ids=tuple(f"{number:04d}" for number in range(NUM_DOCUMENTS)),
        sources=("docs",) * NUM_DOCUMENTS,
        languages=("en",) * NUM_DOCUMENTS,
        blocks=np.arange(NUM_DOCUMENTS) % NUM_BLOCKS,
        num_bytes=np.full(NUM_DOCUMENTS, 1000),
        bits=np.asarray(bits, np.float64),
    )


def worth(num_seeds: int, *, with_it: float, control: float = 1.0, noise: float = 0.0) -> Worth:
    """Of arms that need so many times the bits of the text without the step; trainings differ by `noise`."""
    dice = np.random.default_rng(7)
    base = 2000 * (1 + 0.1 * dice.standard_normal(NUM_DOCUMENTS))
    factors = {WITH: with_it, WITHOUT: 1.0, CONTROL: control}
    arms: dict[str, list[Measured]] = {arm: [] for arm in factors}
    for _ in range(num_seeds):
        for arm, factor in factors.items():
            own = factor * (1 + noise * dice.standard_normal())
            arms[arm].append(measured(base * own * (1 + 0.002 * dice.standard_normal(NUM_DOCUMENTS))))
    return worth_of(GATE, arms)


def test_a_step_that_saves_bits_against_both_helps_and_one_that_costs_some_harms() -> None:
    helped, harmed = worth(3, with_it=0.97), worth(3, with_it=1.03)
    assert helped.verdict == "helps" and harmed.verdict == "harms"
    assert [round(effect.share, 2) for effect in helped.effects] == [-0.03, -0.03]
    assert [effect.against for effect in helped.effects] == [WITHOUT, CONTROL]
    assert helped.bits_per_byte[WITHOUT][0] == pytest.approx(2.0, rel=0.05)


def test_what_as_many_documents_at_random_do_too_is_no_merit_of_the_step() -> None:
    found = worth(3, with_it=0.97, control=0.97)
    assert found.effects[0].high < 0 < found.effects[1].high
    assert found.verdict == "cannot be told" and found.chance.share == pytest.approx(-0.03, abs=0.005)


def test_trainings_that_differ_widen_the_interval_as_their_standard_error_says() -> None:
    still, restless = worth(3, with_it=0.97), worth(3, with_it=0.97, noise=0.02)
    assert still.verdict == "helps" and restless.verdict == "cannot be told"
    effect = restless.effects[0]
    error = np.std(effect.by_seed, ddof=1) / np.sqrt(3)
    half = 4.849 * error  # Student's t of two degrees of freedom at 2 %
    documents = effect.share - still.effects[0].low + still.effects[0].share - effect.share
    assert effect.share - effect.low == pytest.approx(np.hypot(half, documents), rel=0.05)


def test_equal_texts_are_told_apart_no_more_often_than_the_limit_allows() -> None:
    """Ten trials of nothing but chance: a verdict needs two of two comparisons, each at 2 %."""
    dice = np.random.default_rng(3)
    verdicts = []
    for _ in range(10):
        arms = {
            arm: [
                measured(2000 * (1 + 0.01 * dice.standard_normal()) * (1 + 0.02 * dice.standard_normal(NUM_DOCUMENTS)))
                for _ in range(3)
            ]
            for arm in (WITH, WITHOUT, CONTROL)
        }
        verdicts.append(worth_of(GATE, arms).verdict)
    assert verdicts.count("cannot be told") >= 9


def test_one_seed_has_the_interval_of_the_documents_alone() -> None:
    found = worth(1, with_it=0.97, noise=0.02)
    assert len(found.effects[0].by_seed) == 1
    assert found.effects[0].high - found.effects[0].low < 0.01


def test_a_model_without_an_answer_is_an_error_that_says_what_helps() -> None:
    arms = {arm: [measured(np.full(NUM_DOCUMENTS, 2000.0))] for arm in (WITHOUT, CONTROL)}
    arms[WITH] = [measured(np.full(NUM_DOCUMENTS, np.nan))]
    with pytest.raises(DataError, match=r"with and without cannot be compared.*More steps"):
        worth_of(GATE, arms)
