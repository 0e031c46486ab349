"""Some weeks in which everything happens; a year of them is in tests/soak."""

from collections.abc import Collection
from pathlib import Path

import pytest

from pipeline_lib.plan.sides import read_pin
from tests.odd_years import EVENTS, SOURCES, OddYear, new_file
from tests.tiny_night import KEY

NIGHTS = 20


@pytest.mark.parametrize("seed", [1, 2])
def test_some_weeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    odd = OddYear(tmp_path, seed)
    odd.live(NIGHTS)
    assert len(odd.happened) == NIGHTS and len(set(odd.happened)) > len(EVENTS) // 2


def lose(odd: OddYear, makers: Collection[str]) -> int:
    """Delete all that these makers made; how many there were."""
    lost = [found for maker in makers for found in odd.workspace.store.list(maker)]
    for manifest in lost:
        odd.workspace.store.remove(manifest.ref)
    return len(lost)


def test_a_benchmark_is_drawn_without_the_texts_that_nobody_can_make_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    odd = OddYear(tmp_path, seed=5)
    odd.night()
    for source in SOURCES:
        odd.put(source, "first", {**odd.files[source]["first"], "0": odd.text()})
    odd.night()
    before = read_pin(odd.workspace)
    assert before.frozen is not None
    # The files of the first night are others by now, so its text cannot be read again; its tokens are there.
    assert lose(odd, ["ingest.read", "clean.text", "scrub.text"]) > 4
    assert lose(odd, ["evaluate.benchmark"]) >= 1
    new_file(odd)
    odd.night()
    odd.check()
    after = read_pin(odd.workspace)
    assert after.frozen is not None and odd.workspace.store.is_present(after.frozen)
    assert after.generation == before.generation + 1
    made = odd.workspace.store.read(after.frozen.stage, after.frozen.fingerprint)
    assert "gone" in made.settings and made.rows_out > 0
    odd.night()
    assert read_pin(odd.workspace) == after
