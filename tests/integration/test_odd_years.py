"""Some weeks in which everything happens; a year of them is in tests/soak."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from pipeline_lib.plan.sides import read_pin
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.tables import read_table
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


def texts_of(odd: OddYear, source: str) -> list[Ref]:
    """The shards of scrubbed text of a source that are there."""
    found = (odd.workspace.store.open(one.ref.stage, one.fingerprint) for one in odd.workspace.store.list("scrub.text"))
    return [one.manifest.ref for one in found if source in read_table(one.file(DOCUMENTS_FILE))["source"].to_pylist()]


@pytest.mark.parametrize("edited", [("docs",), SOURCES])
def test_a_benchmark_is_drawn_without_the_texts_that_nobody_can_make_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: Sequence[str]
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    odd = OddYear(tmp_path, seed=5)
    odd.night()
    num_texts = len(texts_of(odd, "news"))
    assert num_texts > 0
    for source in edited:
        odd.put(source, "first", {**odd.files[source]["first"], "0": odd.text()})
    odd.night()
    before = read_pin(odd.workspace)
    assert before.frozen is not None
    # Files of the first night are others by now, so that their text cannot be read again; their tokens are there.
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
    assert len(texts_of(odd, "news")) >= (1 if "news" in edited else num_texts), "what can be made was made"
    assert "news" in edited or made.facts["sources"]["news"] > 0
    odd.night()
    assert read_pin(odd.workspace) == after
