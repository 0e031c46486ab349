"""A model that is worse than it began, or has no finite answer, is nobody's parent."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline_lib.plan.trunks import is_out
from pipeline_lib.store.artifact import Manifest

MODEL = Manifest("train.model", 1, "0" * 32, "model.v1", {}, {}, (), (), 0, 0, {}, {}, {})


def model(start: float | None, end: float | None, **settings: Any) -> Manifest:
    facts = {"start_bits_per_byte": start, "end_bits_per_byte": end}
    return replace(MODEL, settings=settings, facts=facts)


@pytest.mark.parametrize(("start", "end"), [(8.0, 3.0), (3.0, 3.2), (None, None)])
def test_a_model_that_ends_about_as_good_as_it_began_may_be_a_parent(start: float | None, end: float | None) -> None:
    """Without held-out documents nobody knows, before or after."""
    assert not is_out(model(start, end))


@pytest.mark.parametrize(("start", "end"), [(3.0, 3.4), (3.0, 1e300), (3.0, None)])
def test_a_model_that_diverged_is_no_parent(start: float | None, end: float | None) -> None:
    assert is_out(model(start, end))


def test_a_trial_is_no_parent() -> None:
    assert is_out(model(8.0, 3.0, role="trial"))
