"""Damaged files of five kinds, each met by a night with new documents; tests/soak has a thousand."""

from pathlib import Path

import pytest

from tests.corruptions import CLASSES, base_of, broken_by
from tests.tiny_night import KEY, House, copy_house

SEEDS = range(100, 100 + len(CLASSES), 2)


def test_a_damaged_file_is_noticed_or_harmless(
    judged_night: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    base = base_of(copy_house(judged_night, tmp_path / "base"), tmp_path)
    assert broken_by(SEEDS, base) == {}
