"""1,000 damaged files of every kind, each met by a night with new documents."""

from pathlib import Path

import pytest

from tests.corruptions import base_in, broken_in_parts
from tests.tiny_night import KEY

pytestmark = pytest.mark.soak
NUM_SEEDS = 1_000


def test_a_damaged_file_is_noticed_or_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    found: dict[int, str] = {}
    for part, broken in broken_in_parts(range(NUM_SEEDS), base_in(tmp_path)):
        print(f"seeds {part[0]} to {part[-1]}: {len(broken)} broken", flush=True)
        found |= broken
    assert found == {}
