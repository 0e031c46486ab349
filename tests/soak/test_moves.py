"""A hundred rounds of eight processes that promote and roll back at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_lib.model.tracking import place_of
from pipeline_lib.register.promotion import promote
from pipeline_lib.register.registry import Registry
from tests.racing import NUM_VERSIONS, race
from tests.registered import shelve

pytestmark = pytest.mark.soak
ROUNDS = 100


@pytest.mark.parametrize("seed", [11])
def test_a_hundred_rounds(tmp_path: Path, seed: int) -> None:
    registry = Registry(place_of(None, tmp_path), "raced", tmp_path / "promotions", tmp_path)
    for number in range(NUM_VERSIONS):
        shelve(registry, f"raced-{number}")
    promote(registry, 1, expected_champion=None, reason="", now=datetime.now(UTC))
    race(registry, num_rounds=ROUNDS, seed=seed)
