"""Some weeks in which everything happens; a year of them is in tests/soak."""

from pathlib import Path

import pytest

from tests.odd_years import EVENTS, OddYear
from tests.tiny_night import KEY

NIGHTS = 20


@pytest.mark.parametrize("seed", [1, 2])
def test_some_weeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    odd = OddYear(tmp_path, seed)
    odd.live(NIGHTS)
    assert len(odd.happened) == NIGHTS and len(set(odd.happened)) > len(EVENTS) // 2
