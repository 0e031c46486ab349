"""The steps of a night, by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.steps import Extent, Steps, read_steps, write_steps

SETTINGS = TrainSettings(batch_rows=10, decay_share=0.3, warmup_share=0.1, least_decay_steps=20)


def extent(past_trunk_steps: int = 0, trunk_rows: int = 700, max_steps: int | None = None) -> Extent:
    return Extent(SETTINGS, trunk_rows, past_trunk_steps, max_steps)


def test_the_rows_bound_the_trunk() -> None:
    """700 rows in batches of 10 are 70 steps, 691 as well, so that none is left; 30 more are 0.3 of all."""
    assert extent().steps() == extent(trunk_rows=691).steps() == Steps(100, 70, 10, 30, 70)


def test_max_steps_bounds_trunk_and_branch_together() -> None:
    assert extent(max_steps=20).steps() == Steps(20, 14, 2, 6, 14)


def test_the_time_left_bounds_what_is_expected_but_not_what_may_be_done() -> None:
    """Of 30 seconds 24 are used, which is 48 steps of half a second."""
    steps = extent().steps(seconds_per_step=0.5, seconds_left=30, tokens_per_second=7.0)
    assert steps == Steps(48, 34, 5, 14, 70, 7.0)


def test_a_slow_start_leaves_the_least_steps_there_are() -> None:
    """The budget is two minutes: a machine that is busy for once does not cost the night."""
    for seconds_left in (-50.0, 0.0, 3.0):
        assert extent(past_trunk_steps=1).steps(seconds_per_step=20.0, seconds_left=seconds_left).num_steps == 2


def test_a_night_that_starts_from_scratch_is_never_too_short_to_learn() -> None:
    """Also where forty steps end behind the budget; but not behind the text, nor behind `max_steps`."""
    for seconds_left in (-50.0, 0.0, 3.0, 900.0):
        steps = extent().steps(seconds_per_step=20.0, seconds_left=seconds_left)
        assert (steps.num_steps, steps.trunk_steps, steps.warmup_steps) == (40, 28, 4)
    assert extent(max_steps=20).steps(seconds_per_step=20.0, seconds_left=0.0).num_steps == 20
    assert extent(trunk_rows=70).steps(seconds_per_step=20.0, seconds_left=0.0).trunk_steps == 7


def test_a_budget_that_the_least_steps_pass_is_an_error_whose_advice_helps() -> None:
    with pytest.raises(SettingsError, match=r"budget_minutes is too short: a step takes 61\.00 s, .* above 2\.0, or"):
        extent().steps(seconds_per_step=61.0, seconds_left=120.0)
    longer = replace(extent(past_trunk_steps=1), settings=SETTINGS.model_copy(update={"budget_minutes": 2.1}))
    assert longer.steps(seconds_per_step=61.0, seconds_left=0.0).num_steps == 2


def test_a_trunk_that_goes_on_needs_no_warm_up() -> None:
    assert extent(past_trunk_steps=1).steps().warmup_steps == 0


def test_few_rows_still_give_a_trunk_and_a_branch() -> None:
    assert extent(trunk_rows=1).steps() == Steps(2, 1, 0, 1, 1)


def test_a_short_night_behind_a_long_trunk_gets_a_branch_that_settles() -> None:
    """2 steps alone would bring 1; the trunk of 30 steps has earned 12, one of 1,000 the 20 that are always enough."""
    assert extent(past_trunk_steps=28, trunk_rows=20).steps().decay_steps == 12
    assert extent(past_trunk_steps=998, trunk_rows=20).steps().decay_steps == 20
    assert extent(past_trunk_steps=998, trunk_rows=700).steps().decay_steps == 30
    assert extent(past_trunk_steps=998, trunk_rows=20, max_steps=9).steps().decay_steps == 7


def test_the_branch_follows_from_where_the_trunk_ended() -> None:
    assert extent().ended(35) == Steps(50, 35, 0, 15, 35)
    assert extent().ended(1).decay_steps == 1


def test_the_rate_rises_stays_and_falls() -> None:
    steps = Steps(num_steps=10, trunk_steps=6, warmup_steps=3, decay_steps=4, most_trunk_steps=6)
    assert [steps.trunk_factor(step) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert [steps.branch_factor(step) for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_steps(tmp_path / "plan.json") is None
    write_steps(tmp_path / "plan.json", Steps(100, 70, 10, 30, 70, 12.5))
    assert read_steps(tmp_path / "plan.json") == Steps(100, 70, 10, 30, 70, 12.5)


@pytest.mark.parametrize("decay_share", [0.05, 0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("past_trunk_steps", [0, 90, 2000])
def test_the_planned_end_of_any_text_leads_back_to_the_planned_trunk(decay_share: float, past_trunk_steps: int) -> None:
    """A training knows its end in rows alone: with a step less of the trunk, text would be left for another night."""
    settings = SETTINGS.model_copy(update={"decay_share": decay_share})
    for most in (None, 50, 240):
        for num_steps in range(1, 400):
            planned = Extent(settings, 10 * num_steps, past_trunk_steps, most).steps()
            again = Extent(settings, 10 * num_steps, past_trunk_steps, planned.num_steps).steps()
            assert (again.trunk_steps, again.decay_steps) == (planned.trunk_steps, planned.decay_steps)
