"""The steps of a night, by hand."""

from pathlib import Path

import pytest

from pipeline_lib.errors import SettingsError
from pipeline_lib.train.plan import Plan, make_plan, read_plan, write_plan
from pipeline_lib.train.settings import TrainSettings

SETTINGS = TrainSettings(batch_rows=10, max_steps=None, num_epochs=2, decay_share=0.3, warmup_share=0.1)


def test_the_rows_bound_the_steps() -> None:
    """2 passes over 500 rows in batches of 10 are 100 steps."""
    assert make_plan(SETTINGS, rows_per_epoch=500, has_trunk=False) == Plan(100, 70, 10, 30, 70)


def test_max_steps_bounds_the_steps() -> None:
    plan = make_plan(SETTINGS.model_copy(update={"max_steps": 20}), rows_per_epoch=500, has_trunk=False)
    assert (plan.num_steps, plan.trunk_steps, plan.warmup_steps, plan.decay_steps) == (20, 14, 2, 6)


def test_the_time_left_bounds_the_steps() -> None:
    """Of 30 seconds 24 are used, which is 48 steps of half a second."""
    plan = make_plan(
        SETTINGS, rows_per_epoch=500, has_trunk=False, seconds_per_step=0.5, seconds_left=30, tokens_per_second=7.0
    )
    assert (plan.num_steps, plan.measured_tokens_per_second) == (48, 7.0)
    assert (plan.trunk_steps, plan.decay_steps, plan.most_trunk_steps) == (34, 14, 70)


def test_too_little_time_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"budget_minutes is too short: 3 s .* takes 2\.00 s\. Raise it"):
        make_plan(SETTINGS, rows_per_epoch=500, has_trunk=False, seconds_per_step=2.0, seconds_left=3.0)


def test_a_trunk_needs_no_warm_up() -> None:
    assert make_plan(SETTINGS, rows_per_epoch=500, has_trunk=True).warmup_steps == 0


def test_few_rows_still_give_a_trunk_and_a_branch() -> None:
    assert make_plan(SETTINGS, rows_per_epoch=1, has_trunk=False) == Plan(2, 1, 0, 1, 1)


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(num_steps=10, trunk_steps=6, warmup_steps=3, decay_steps=4, most_trunk_steps=6)
    assert [plan.trunk_factor(step) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert [plan.branch_factor(step) for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]


def test_the_branch_follows_from_where_the_trunk_ended() -> None:
    """0.3 of all steps decay: 70 on the trunk bring 30, 35 bring 15, 140 bring 60; never none."""
    plan = Plan(100, 70, 10, 30, 140)
    assert plan.ended_trunk(70, 0.3) == plan
    assert plan.ended_trunk(35, 0.3) == Plan(50, 35, 10, 15, 140)
    assert plan.ended_trunk(140, 0.3) == Plan(200, 140, 10, 60, 140)
    assert plan.ended_trunk(1, 0.3).decay_steps == 1


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_plan(tmp_path / "plan.json") is None
    write_plan(tmp_path / "plan.json", Plan(100, 70, 10, 30, 70, 12.5))
    assert read_plan(tmp_path / "plan.json") == Plan(100, 70, 10, 30, 70, 12.5)
