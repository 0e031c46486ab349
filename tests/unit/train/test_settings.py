"""Settings that cannot work are refused before a night begins."""

import pytest
from pydantic import ValidationError

from pipeline_lib.train.settings import ADAMW_RATE, TrainSettings


def test_the_defaults_are_valid() -> None:
    assert TrainSettings().num_heads % TrainSettings().num_kv_heads == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hidden_size": 96, "num_heads": 10}, "hidden_size 96 is not an even multiple of num_heads 10"),
        ({"num_heads": 4, "num_kv_heads": 3}, "num_heads 4 is not a multiple of num_kv_heads 3"),
        ({"decay_share": 0}, "greater than 0"),
        ({"precision": "fp16"}, "bf16"),
        ({"epochs": 3}, "Extra inputs"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainSettings.model_validate(wrong)


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ({}, 4e-3),
        ({"optimizer": "muon"}, 4e-3),
        ({"optimizer": "adamw"}, ADAMW_RATE),
        ({"optimizer": "adamw", "learning_rate": 4e-3}, 4e-3),
    ],
)
def test_a_rate_that_is_not_given_is_that_of_the_optimizer(given: dict[str, object], rate: float) -> None:
    settings = TrainSettings.model_validate(given)
    assert settings.learning_rate == rate
    assert TrainSettings.model_validate(settings.model_dump()) == settings
