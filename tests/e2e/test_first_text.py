"""What is decided once (tokenizer, benchmark) waits for enough text to decide it on, and says how much is missing.

Each case begins with a night of less than that.
"""

from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.plan.tokenizer import ANEW, Pinned, pinned_in
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.model_nights import FAST, WholeNight, any_night, foreseen
from tests.tiny_night import House, english, tiny_settings, write_corpus, write_lines

LEAST = 3000  # bytes of kept text; one of these documents has some 560


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Nothing but an empty source."""
    (tmp_path / "corpus").mkdir()
    return House(tmp_path / "workspace", tmp_path / "corpus")


def settings_of(house: House) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, tokenize__min_training_bytes=str(LEAST))


def pinned(house: House) -> Pinned:
    """The choice of a tokenizer; there is one."""
    (path,) = (house.workspace / "state" / "pins").glob("tokenizer-*.json")
    found = pinned_in(Workspace(house.workspace), path.stem)
    assert found is not None
    return found


def vocabulary(night: WholeNight) -> int:
    (tokenizer,) = night.makers("tokenize.learn")
    return int(tokenizer.facts["vocab_size"])


def kept_bytes(night: WholeNight) -> int:
    (scrub,) = [stage for stage in night.refresh["stages"] if stage["stage"] == "scrub"]
    return int(scrub["facts"]["num_bytes"])


FIRST = {
    "a text that is not kept": {"short": "Too short to be kept."},
    "two texts that are not kept, and a copy": {"a": "Too short.", "b": "Too short.", "c": "Just as short."},
    "one text": {"one": english(1)},
    "text just below the limit": {f"n{n}": english(n) for n in range(4)},
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_nothing_is_pinned_on_next_to_nothing_and_the_night_that_brings_text_begins_anew(
    house: House, first: dict[str, str]
) -> None:
    write_lines(house.corpus / "first.jsonl", first)
    before = any_night(settings_of(house))
    missing = LEAST - kept_bytes(before)
    assert 0 < missing <= LEAST
    note = (
        f"tokenizer provisional, learned from {kept_bytes(before):,} bytes of kept text: "
        f"{missing:,} more are missing to pin one"
    )
    assert note in before.refresh["notes"]
    assert note in foreseen(settings_of(house)).notes
    assert pinned(house).is_provisional
    assert foreseen(settings_of(house)).is_nothing_new

    write_corpus(house.corpus)
    (told,) = [found for found in foreseen(settings_of(house)).notes if found.startswith(note)]
    assert told.startswith(f"{note}; if tonight brings ") and told.endswith(ANEW)
    after = any_night(settings_of(house))
    assert not pinned(house).is_provisional
    assert vocabulary(after) == 600
    assert after.parent is None
    assert foreseen(settings_of(house)).is_nothing_new


def test_a_night_that_keeps_no_text_trains_nothing_and_says_so(house: House) -> None:
    write_lines(house.corpus / "first.jsonl", {"short": "Too short to be kept."})
    night = any_night(settings_of(house))
    why = "no document was kept that could be trained on, and there is no model of this tokenizer and shape yet"
    assert night.verdict == f"nothing trained: {why}"
    plan = foreseen(settings_of(house))
    assert plan.is_nothing_new
    assert f"nothing is trained: {night.verdict.removeprefix('nothing trained: ')}" in plan.notes


def test_a_source_that_has_brought_no_file_is_named_as_the_cause_and_text_in_it_helps(house: House) -> None:
    with pytest.raises(DataError, match=r"no source has brought a file yet.*\[\[ingest\.sources\]\]"):
        foreseen(settings_of(house))
    write_lines(house.corpus / "some.jsonl", {f"n{n}": english(n) for n in range(3)})
    assert any_night(settings_of(house)).training is not None
