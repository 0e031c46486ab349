"""Whole nights, killed 200 times (tests/killed_nights.py)."""

from pathlib import Path

import pytest

from tests.killed_nights import Undisturbed, survive, undisturbed_in
from tests.tiny_night import KEY

pytestmark = pytest.mark.soak
NUM_KILLS, OF_ONE_SEED = 200, 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A night to its end."""
    return undisturbed_in(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("seed", range(NUM_KILLS // OF_ONE_SEED))
def test_nights_that_are_killed_come_to_their_end(
    undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    survive(seed, undisturbed, tmp_path / "workspace", kills=OF_ONE_SEED)
