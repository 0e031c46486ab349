"""A year in which everything happens: nothing is lost, nothing is there twice, nothing changes sides."""

from pathlib import Path

import pytest

from tests.odd_years import OddYear
from tests.tiny_night import KEY

pytestmark = pytest.mark.soak
NIGHTS = 365


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    OddYear(tmp_path, seed).live(NIGHTS)
