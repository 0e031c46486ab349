"""What a trunk has read, by hand and over many nights."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.model.reading.snapshot import Arrived
from pipeline_lib.train import cursor as module
from pipeline_lib.train.cursor import (
    CURSOR_FILE,
    Cursor,
    Missed,
    Portion,
    Recipe,
    Text,
    advanced,
    first_place,
    met,
    next_portion,
    portions_ahead,
    read_before,
    read_cursor,
    remembering,
    samples_left,
    unread,
    with_least_samples,
    write_cursor,
)

RECIPE = Recipe(10, "contiguous", 1)


def text(*shards: str, num_tokens: int = 95, num_epochs: int = 1, recipe: Recipe = RECIPE) -> Text:
    """Shards of 95 tokens in 5 documents: 10 samples of 10 pairs."""
    return Text([Arrived(name, 0.05, 5, num_tokens, "batch", f"of {name}") for name in shards], recipe, num_epochs)


def read(cursor: Cursor, what: Text, count: int) -> Cursor:
    """The cursor behind so many samples."""
    for portion in portions_ahead(cursor, what, lambda portion: with_least_samples(portion, what)):
        now = min(count, samples_left(portion))
        cursor, count = advanced(cursor, portion, now), count - now
        if count == 0:
            break
    return cursor


def begun(what: Text, count: int = 3) -> Cursor:
    return read(Cursor(), what, count)


def test_all_unread_shards_are_one_portion_in_order_of_arrival() -> None:
    assert next_portion(Cursor(), text("b", "a")) == Portion(("b", "a"), 0, RECIPE)
    assert unread(Cursor(), text("b", "a")) == 190
    assert first_place(Cursor(), text("b", "a")) == ["b", 0, 0]


def test_a_portion_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that is too large for itself is one anyway."""
    monkeypatch.setattr(module, "PORTION_TOKENS", 200)
    what = text("a", "b", "c")
    assert [portion.shards for portion in portions_ahead(Cursor(), what, lambda p: with_least_samples(p, what))] == [
        ("a", "b"),
        ("c",),
    ]
    monkeypatch.setattr(module, "PORTION_TOKENS", 50)
    assert next_portion(Cursor(), what) == Portion(("a",), 0, RECIPE)


def test_the_next_night_goes_on_where_the_budget_ended() -> None:
    what = text("a", "b")
    cursor = begun(what, 3)
    going_on = next_portion(cursor, what)
    assert going_on is not None and (going_on.num_read, going_on.num_samples) == (3, 20)
    assert unread(cursor, what) == 190 - 190 * 3 // 20
    assert first_place(cursor, what) == ["a", 0, 3]


def test_what_arrives_later_comes_into_a_later_portion() -> None:
    cursor, later = begun(text("a", "b")), text("a", "b", "c")
    ahead = list(portions_ahead(cursor, later, lambda portion: with_least_samples(portion, later)))
    assert [(portion.shards, samples_left(portion)) for portion in ahead] == [(("a", "b"), 17), (("c",), 10)]


def test_what_is_withdrawn_moves_nothing() -> None:
    """A document less in a shard that is begun: the portion stays as it was packed."""
    cursor = begun(text("a", "b"))
    assert next_portion(cursor, text("a", "b", num_tokens=80)) == cursor.portions[0]


def test_when_all_of_a_portion_is_withdrawn_nothing_of_it_is_left() -> None:
    cursor, gone = begun(text("a")), text("a", num_tokens=0)
    assert next_portion(cursor, gone) is None
    assert unread(cursor, gone) == 0


def test_a_portion_whose_shard_is_gone_is_dealt_again() -> None:
    cursor = begun(text("a", "b"))
    assert next_portion(cursor, text("b", "c")) == Portion(("b", "c"), 0, RECIPE)


@pytest.mark.parametrize("other", [Recipe(20, "contiguous", 1), Recipe(10, "best_fit", 1), Recipe(10, "contiguous", 2)])
def test_samples_that_are_made_in_another_way_are_dealt_again(other: Recipe) -> None:
    what = text("a", "b", recipe=other)
    assert next_portion(begun(text("a", "b")), what) == Portion(("a", "b"), 0, other)
    assert unread(begun(text("a", "b")), what) == 190
    assert begun(text("a", "b")) != read(begun(text("a", "b")), what, 1)
    assert len(read(begun(text("a", "b")), what, 1).portions) == 1


def test_when_all_is_read_nothing_is_left() -> None:
    what = text("a", "b")
    cursor = begun(what, 20)
    assert cursor == Cursor(0, {"a": 1, "b": 1}, ())
    assert (next_portion(cursor, what), unread(cursor, what), first_place(cursor, what)) == (None, 0, [])


def test_more_passes_read_all_of_it_again_and_what_is_new_first() -> None:
    cursor = begun(text("a", "b"), 20)
    again = text("a", "b", num_epochs=3)
    assert unread(cursor, again) == 380
    assert next_portion(cursor, again) == Portion(("a", "b"), 1, RECIPE)
    halfway = read(cursor, again, 5)
    with_new = text("a", "b", "c", num_epochs=3)
    assert next_portion(halfway, with_new) == Portion(("c",), 0, RECIPE)
    behind_it = read(halfway, with_new, 10)
    assert next_portion(behind_it, with_new) == halfway.portions[0]  # of the same pass, and it arrived before
    assert unread(behind_it, with_new) == 2 * 190 - 190 * 5 // 20 + 2 * 95


def test_fewer_passes_than_were_begun_leave_nothing() -> None:
    cursor = read(begun(text("a"), 10), text("a", num_epochs=2), 5)
    assert unread(cursor, text("a")) == 0 and next_portion(cursor, text("a")) is None


def test_a_shard_without_train_text_is_nothing_to_read() -> None:
    assert next_portion(Cursor(), text("a", num_tokens=0)) is None
    assert unread(Cursor(), text("a", num_tokens=0)) == 0


def test_replay_is_what_was_read_to_its_end() -> None:
    cursor = replace(begun(text("a"), 10), portions=(Portion(("b",), 0, RECIPE, 10, 5),))
    assert [one.shard for one in read_before(cursor, text("a", "b", "c"))] == ["a"]


def test_a_source_that_comes_back_was_read() -> None:
    cursor = begun(text("a", "b"), 20)
    assert unread(cursor, text("c")) == 95
    assert unread(cursor, text("a", "b", "c")) == 95


def test_a_cursor_is_read_as_it_was_written(tmp_path: Path) -> None:
    portion = Portion(("a", "b"), 1, RECIPE, 20, 3, {"a": (2, 5)})
    cursor = Cursor(17, {"a": 1, "b": 1, "c": 2}, (portion,), {"a": "of a"})
    write_cursor(cursor, tmp_path)
    assert read_cursor(tmp_path, ()) == cursor
    assert read_cursor(None, text("a").shards) == Cursor()


def test_a_cursor_of_an_earlier_release_knows_shards_by_name_alone(tmp_path: Path) -> None:
    write_cursor(begun(text("a"), 10), tmp_path)
    raw = json.loads((tmp_path / CURSOR_FILE).read_text())
    del raw["contents"]
    (tmp_path / CURSOR_FILE).write_text(json.dumps(raw))
    assert unread(read_cursor(tmp_path, again("a")), Text(again("a"), RECIPE, 1)) == 95
    assert unread(read_cursor(tmp_path, text("a").shards), text("a")) == 0


def again(*shards: str, **changes: Any) -> list[Arrived]:
    """These shards made again under other names."""
    return [replace(one, shard=f"{one.shard} again", **changes) for one in text(*shards).shards]


def met_again(cursor: Cursor, shards: list[Arrived]) -> int:
    """The tokens of a snapshot that are unread, when the cursor was kept before and meets it now."""
    return unread(met(remembering(cursor, text("a", "b").shards), shards), Text(shards, RECIPE, 1))


def test_a_shard_made_again_with_the_same_content_was_read() -> None:
    cursor = begun(text("a", "b"), 20)
    assert met_again(cursor, again("a", "b")) == 0
    assert met_again(cursor, again("b", "a")) == 0
    assert met_again(cursor, [*text("a").shards, *again("b")]) == 0
    assert met_again(cursor, [*again("a"), *text("c").shards]) == 95
    assert met_again(cursor, [replace(one, batch="another") for one in again("a", "b")]) == 0


def test_another_content_or_another_share_is_other_text() -> None:
    cursor = begun(text("a", "b"), 20)
    assert met_again(cursor, again("a", "b", digest="another")) == 190
    assert met_again(cursor, again("a", "b", heldout_share=0.5)) == 190


def test_a_portion_goes_on_in_shards_made_again() -> None:
    cursor = replace(begun(text("a", "b"), 7), passes={"gone": 1})
    cursor = replace(cursor, portions=(replace(cursor.portions[0], left_out={"b": (2, 5)}),))
    now = met(remembering(cursor, text("a", "b").shards), again("a", "b"))
    assert now.portions == (replace(cursor.portions[0], shards=("a again", "b again"), left_out={"b again": (2, 5)}),)
    assert now.passes == {"gone": 1}
    assert first_place(now, Text(again("a", "b"), RECIPE, 1)) == ["a again", 0, 7]
    half = [*again("a"), *text("b").shards]
    assert met(remembering(cursor, text("a", "b").shards), half).portions[0].shards == ("a again", "b")


def test_each_shard_stands_for_one_of_equal_content() -> None:
    """Two of equal content were read: one that is left of them was, and no third one."""
    cursor = begun(text("a", "b"), 20)
    cursor = remembering(cursor, [replace(one, digest="equal") for one in text("a", "b").shards])
    others = again("a", "b", "c", digest="equal")
    assert unread(met(cursor, others), Text(others, RECIPE, 1)) == 95
    beside = [*text("a").shards, *others]  # the first is there by its name
    assert unread(met(cursor, beside), Text(beside, RECIPE, 1)) == 190


def missing(what: Text, rows: Mapping[str, tuple[int, ...]], num_tokens: int) -> Cursor:
    """The cursor behind all of it, where these rows of five were kept out, and so many tokens of each shard read."""
    portion = next_portion(Cursor(), what)
    assert portion is not None
    taken = {shard: (5 - len(own), num_tokens) for shard, own in rows.items()}
    return advanced(Cursor(), replace(portion, num_samples=7, left_out=rows, taken=taken), 7)


def less(name: str, num_documents: int, num_tokens: int) -> Arrived:
    return Arrived(name, 0.05, num_documents, num_tokens, "batch", f"of {name}")


def test_what_comes_in_where_a_shard_was_read_is_a_portion_of_its_own_pass() -> None:
    cursor = missing(Text([less("a", 2, 40), less("b", 5, 95)], RECIPE, 1), {"a": (0, 3, 4)}, 40)
    assert cursor.missed == {"a": Missed((0, 3, 4), 2, 40)}
    same = Text([less("a", 2, 40), less("b", 5, 95)], RECIPE, 1)
    assert (unread(cursor, same), next_portion(cursor, same)) == (0, None)
    more = Text([less("a", 4, 80), less("b", 5, 95), less("c", 5, 95)], RECIPE, 1)
    assert unread(cursor, more) == 40 + 95
    rest = next_portion(cursor, more)
    assert rest == Portion(("a",), 0, RECIPE, only={"a": (0, 3, 4)}, taken={"a": (2, 40)})
    assert with_least_samples(rest, more).num_samples == 5  # 42 pairs
    packed = replace(rest, num_samples=5, left_out={"a": (4,)})
    begun_rest = advanced(cursor, packed, 2)
    assert unread(begun_rest, more) == 135 - 40 * 2 // 5
    behind = advanced(begun_rest, begun_rest.portions[0], 3)
    assert behind.missed == {"a": Missed((4,), 4, 80)}
    assert (unread(behind, more), behind.passes) == (95, {"a": 1, "b": 1})
    whole = Text([less("a", 5, 95), less("b", 5, 95)], RECIPE, 1)
    last = next_portion(behind, whole)
    assert last == Portion(("a",), 0, RECIPE, only={"a": (4,)}, taken={"a": (1, 15)})
    assert advanced(behind, replace(last, num_samples=2), 2).missed == {}


def test_another_pass_over_a_shard_reads_what_came_in_too() -> None:
    cursor = missing(Text([less("a", 2, 40)], RECIPE, 1), {"a": (0, 3, 4)}, 40)
    twice = Text([less("a", 2, 40)], RECIPE, 2)
    assert next_portion(cursor, twice) == Portion(("a",), 1, RECIPE)
    assert advanced(cursor, replace(Portion(("a",), 1, RECIPE), num_samples=3), 3).missed == {}


def test_what_is_withdrawn_comes_in_no_more() -> None:
    cursor = missing(Text([less("a", 4, 80)], RECIPE, 1), {"a": (2,)}, 80)
    for fewer in (less("a", 4, 80), less("a", 3, 70), less("a", 0, 0)):
        assert unread(cursor, Text([fewer], RECIPE, 1)) == 0


def test_a_cursor_that_misses_something_is_read_as_it_was_written(tmp_path: Path) -> None:
    portion = Portion(("a",), 0, RECIPE, 9, 3, {"a": (9,)}, {"a": (1, 8, 9, 64)}, {"a": (3, 70)})
    cursor = Cursor(17, {"a": 1, "b": 1}, (portion,), {}, {"b": Missed((0, 7, 8, 1000), 5, 90), "c": Missed((), 1, 2)})
    write_cursor(cursor, tmp_path)
    assert read_cursor(tmp_path, ()) == cursor


def test_what_a_cursor_remembers_is_of_the_shards_that_it_names() -> None:
    cursor = remembering(begun(text("a", "b"), 3), text("a", "b", "c").shards)
    assert cursor.contents == {name: f"of {name}/0.05" for name in ("a", "b")}
    assert remembering(cursor, text("c").shards) == cursor  # what is not asked for now is not forgotten
    assert met(cursor, text("b", "a").shards) is cursor


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 25)), max_size=12), st.integers(1, 3))
def test_over_all_nights_each_sample_of_each_shard_is_read_once_a_pass(
    nights: list[tuple[int, int]], num_epochs: int
) -> None:
    """A night brings some shards and reads some samples. At the end all is read."""
    shards: list[str] = []
    seen: Counter[tuple[str, int]] = Counter()
    cursor = Cursor()
    for new, count in [*nights, (0, 10_000)]:
        shards += [str(len(shards) + number) for number in range(new)]
        what = text(*shards, num_epochs=num_epochs)
        before = unread(cursor, what)
        for portion in portions_ahead(cursor, what, lambda portion: with_least_samples(portion, what)):  # noqa: B023
            now = min(count, samples_left(portion))
            seen.update((portion.shards[0], portion.num_read + one) for one in range(now))
            cursor, count = advanced(cursor, portion, now), count - now
            if count == 0:
                break
        assert unread(cursor, what) <= before
    assert unread(cursor, text(*shards, num_epochs=num_epochs)) == 0
    assert cursor.passes == dict.fromkeys(shards, num_epochs)
    assert sum(seen.values()) == 10 * num_epochs * len(shards)
