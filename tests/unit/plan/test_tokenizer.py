"""When a tokenizer that was learned on little text is learned again, and what is said of it until then."""

import shutil
from pathlib import Path

import pytest

from flows.halves import refresh_data
from pipeline_lib.plan.data import DataPlan, plan_data, plan_sealed_data
from pipeline_lib.plan.night import fits_of, notes_of
from pipeline_lib.plan.tokenizer import ANEW, GROWN, _pin
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.data_nights import planned
from tests.tiny_night import KEY, House, chinese, english, night_here, refresh, tiny_settings, write_lines

MUCH = "1000000"  # bytes of kept text that a tokenizer is pinned on: more than these nights have


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    (tmp_path / "corpus").mkdir()
    return House(tmp_path / "workspace", tmp_path / "corpus")


def settings_of(house: House, least: str = MUCH, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, tokenize__min_training_bytes=least, **changes)


def done(settings: Settings) -> DataPlan:
    """The plan of the data half behind a night."""
    refresh(settings)
    return plan_sealed_data(settings, Workspace(settings.workspace))


def add(house: House, name: str, *texts: str) -> int:
    """A file of documents; their bytes."""
    write_lines(house.corpus / f"{name}.jsonl", {f"{name}-{n}": text for n, text in enumerate(texts)})
    return sum(len(text.encode()) for text in texts)


def english_texts(first: int, count: int) -> list[str]:
    return [english(number) for number in range(first, first + count)]


def test_one_that_was_learned_from_nothing_is_learned_again_with_the_first_text(house: House) -> None:
    settings = settings_of(house)
    add(house, "first", "Too short to be kept.")
    empty = done(settings)
    assert empty.tokenizer.note.startswith("provisional, learned from 0 bytes of kept text: 1,000,000 more")
    size = add(house, "more", english(1))
    before = plan_data(settings, Workspace(house.workspace)).tokenizer
    assert before.ref == empty.tokenizer.ref
    assert before.note.endswith(f"; if tonight brings any, it is learned again: {ANEW}")
    after = done(settings).tokenizer
    assert after.ref != empty.tokenizer.ref
    assert after.note == (
        f"provisional, learned from {size:,} bytes of kept text: {1_000_000 - size:,} more are missing to pin one"
    )
    assert planned(settings) == {}


def test_it_stays_until_there_is_several_times_the_text_and_the_night_says_when_and_why(house: House) -> None:
    settings = settings_of(house)
    size = add(house, "first", *english_texts(0, 5))
    first = done(settings).tokenizer
    size_then = size + add(house, "second", *english_texts(100, 5 * GROWN - 6))
    second = done(settings)
    assert second.tokenizer.ref == first.ref
    assert second.found.closed.count == 0  # what is closed is done for good
    third = add(house, "third", *english_texts(200, 4))
    before = plan_data(settings, Workspace(house.workspace)).tokenizer
    of_them = f"; if tonight brings {GROWN * size - size_then:,} of them, it is learned again: {ANEW}"
    assert before.note.endswith(of_them)
    assert size_then + third >= GROWN * size
    with_notes = plan_and_notes(settings)
    assert with_notes[0].tokenizer.ref not in (first.ref, second.tokenizer.ref)
    told = f"tokenizer provisional, learned from {size_then + third:,} bytes of kept text: "
    (note,) = [one for one in with_notes[1] if one.startswith(told)]
    assert note.endswith(f"more are missing to pin one; the one before was learned from {size:,}: {ANEW}")
    assert planned(settings) == {}


def plan_and_notes(settings: Settings) -> tuple[DataPlan, list[str]]:
    """A night, and what it says: a plan made behind it knows of no tokenizer before."""
    with night_here(settings) as here:
        notes = refresh_data(here)["notes"]
    return plan_sealed_data(settings, Workspace(settings.workspace)), notes


def test_a_corpus_that_grows_document_by_document_restarts_a_few_times(house: House) -> None:
    settings, seen = settings_of(house), []
    for number in range(9):
        add(house, f"n{number}", english(number))
        seen.append(done(settings).tokenizer.ref)
    restarts = [at for at in range(1, 9) if seen[at] != seen[at - 1]]
    assert len(restarts) == 1  # 9 < 4 ** 2
    assert len(set(seen)) == len(restarts) + 1


def test_a_pinned_one_stays_however_much_text_comes(house: House) -> None:
    settings = settings_of(house, "1000")
    add(house, "first", *english_texts(0, 3))
    pinned = done(settings).tokenizer
    assert pinned.note == ""
    add(house, "more", *english_texts(100, 6 * GROWN))
    assert done(settings).tokenizer == pinned


def test_a_night_that_finds_more_text_than_it_was_learned_from_plans_what_it_does(house: House) -> None:
    """As after an upgrade: no text is new, and there is several times of what the tokenizer has seen."""
    add(house, "first", "Too short to be kept.")
    settings = settings_of(house, least=MUCH)
    empty = done(settings).tokenizer
    add(house, "more", *english_texts(0, 4))
    refresh(settings)
    Workspace(house.workspace).save_pin(empty.pin, empty.pinned)
    before = plan_data(settings, Workspace(house.workspace)).tokenizer
    assert before.note.endswith(f"; the one before was learned from 0: {ANEW}")
    names = planned(settings)
    assert done(settings).tokenizer.ref == before.ref
    assert names == {}  # that tokenizer and its tokens are there already


def test_other_settings_have_one_of_their_own_and_the_old_ones_set_again_find_theirs(house: House) -> None:
    add(house, "first", *english_texts(0, 3))
    first = done(settings_of(house)).tokenizer
    assert done(settings_of(house, tokenize__vocab_size="700")).tokenizer.ref != first.ref
    assert planned(settings_of(house)) == {}
    assert done(settings_of(house)).tokenizer.ref == first.ref


def test_lost_text_that_it_was_learned_from_is_no_reason_to_learn_it_again(house: House) -> None:
    size = add(house, "first", *english_texts(0, 5))
    settings = settings_of(house)
    first = done(settings).tokenizer
    shutil.rmtree(house.workspace / "artifacts" / "scrub")
    add(house, "second", *english_texts(100, 3))
    before = plan_data(settings, Workspace(house.workspace)).tokenizer
    assert before.note.startswith(f"provisional, learned from {size:,} bytes of kept text: ")
    assert done(settings).tokenizer.ref == first.ref


def test_how_a_provisional_one_fits_is_told_and_there_is_a_way_to_renew_it(house: House) -> None:
    store = Workspace(house.workspace).store
    add(house, "english", *english_texts(0, 30))
    settings = settings_of(house)
    assert [fit.language for fit in fits_of(done(settings), store)] == ["en"]
    add(house, "chinese", *(chinese(number) for number in range(40)))
    before = plan_data(settings, Workspace(house.workspace))
    assert [fit.language for fit in fits_of(before, store)] == ["en"]  # what tonight's text is, nobody knows
    after = done(settings)
    assert after.tokenizer.pinned.is_provisional
    assert [(fit.language, fit.is_poor) for fit in fits_of(after, store)] == [("zh", True), ("en", False)]
    (told,) = [note for note in notes_of(after, store) if "fits" in note]
    assert told.startswith("tokenizer no longer fits the text: zh at 1.")
    assert "tokenize.generation = 2 learns another one" in told
    renewed = done(settings_of(house, tokenize__generation="2"))
    assert not [fit for fit in fits_of(renewed, store) if fit.is_poor]


def test_a_rule_or_a_way_to_scrub_ends_no_pinned_tokenizer_and_the_plan_says_what_it_was_learned_from(
    house: House,
) -> None:
    """Nor, with it, the models that go on from each other."""
    add(house, "first", *english_texts(0, 6))
    first = done(settings_of(house, "1000")).tokenizer
    changes = {"scrub__ip": "drop", "clean__max_html_tags": "39000", "dedup__seed": "7"}
    for name, value in changes.items():
        settings = settings_of(house, "1000", **{name: value})
        before = plan_data(settings, Workspace(house.workspace)).tokenizer
        after = done(settings).tokenizer
        assert (before.ref, after.ref) == (first.ref, first.ref)
        told = f"learned from text that was scrubbed otherwise; tokenize.generation = 2 learns another one: {ANEW}"
        assert before.note == (told if name == "scrub__ip" else "")
        assert after.note == ""
    renewed = done(settings_of(house, "1000", scrub__ip="drop", tokenize__generation="2")).tokenizer
    assert renewed.ref != first.ref
    assert renewed.note == ""


def test_a_provisional_one_stays_with_another_way_to_scrub_and_not_with_another_key(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(house, "first", *english_texts(0, 6))
    first = done(settings_of(house)).tokenizer
    assert done(settings_of(house, scrub__email="placeholder")).tokenizer.ref == first.ref
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY[::-1])
    assert done(settings_of(house)).tokenizer.ref != first.ref


def test_what_an_earlier_release_pinned_for_one_way_to_scrub_is_found(house: House) -> None:
    add(house, "first", *english_texts(0, 6))
    settings = settings_of(house, "1000")
    first = done(settings).tokenizer
    workspace = Workspace(house.workspace)
    (pin,) = (house.workspace / "state" / "pins").glob("tokenizer-*.json")
    pin.unlink()
    workspace.save_pin("tokenizer-0d3f7f8a8a7ab3c2b2b6ce1b8a2fb6a1", first.pinned)  # of other settings
    add(house, "more", *english_texts(50, 6))
    assert plan_data(settings, workspace).tokenizer.ref != first.ref
    key_id = plan_data(settings, workspace).key_id
    workspace.save_pin(_pin(settings, key_id, is_by_scrub=True), first.pinned)
    assert plan_data(settings, workspace).tokenizer.ref == first.ref
