"""How far a night goes and what it opens, by hand."""

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.model.reading.snapshot import Arrived
from pipeline_lib.train.cursor import Cursor, Portion
from pipeline_lib.train.extent import nights_left, planned_rows, shards_to_open, text_of
from pipeline_lib.train.settings import TrainSettings

SETTINGS = TrainSettings(
    context_tokens=10, batch_rows=10, max_steps=None, decay_share=0.3, least_decay_steps=1, replay_share=0.2
)


def shards(count: int, *, num_tokens: int = 950) -> list[Arrived]:
    """950 tokens in 50 documents are 100 samples of 10 pairs."""
    return [Arrived(str(number), 0.05, 50, num_tokens, "batch", "") for number in range(count)]


def changed(**changes: object) -> TrainSettings:
    return SETTINGS.model_copy(update=changes)


def test_a_first_night_ends_where_all_is_read_and_its_branch_has_settled() -> None:
    """7 shards are 70 steps; 30 more are .3 of all."""
    assert planned_rows(SETTINGS, Cursor(), shards(7)) == 1000
    assert planned_rows(changed(num_epochs=2), Cursor(), shards(7)) == 2000


def test_steps_end_it_earlier() -> None:
    assert planned_rows(changed(max_steps=20), Cursor(), shards(7)) == 200


def test_what_is_left_is_told_in_nights_of_as_many_steps_as_tonight() -> None:
    """700 rows are five trunks of 14 steps, or one of 70; with 14 % of them behind it, 600 and their replay of 100."""
    assert nights_left(SETTINGS, Cursor(), shards(7)) == 1
    assert nights_left(changed(max_steps=20), Cursor(), shards(7)) == 5
    assert nights_left(changed(max_steps=20, num_epochs=3), Cursor(), shards(7)) == 15
    assert nights_left(changed(max_steps=20), Cursor(0, {"0": 1}), shards(7)) == 5


def test_replay_comes_on_top_as_far_as_there_is_some() -> None:
    """Of 100 rows 20 are replay: 80 new ones bring 20; the branch of 10 steps 4 more."""
    cursor = Cursor(0, {"0": 1, "1": 1}, (Portion(("2",), 0, text_of(SETTINGS, []).recipe, 100, 20),))
    assert planned_rows(SETTINGS, cursor, shards(3)) == 140
    no_more = [Arrived("0", 0.0, 1, 30, "batch", ""), Arrived("1", 0.0, 1, 20, "batch", ""), *shards(3)[2:]]
    assert planned_rows(SETTINGS, cursor, no_more) == 120  # 86 rows are 9 steps, and 3 of the branch


def test_replay_of_all_there_is_leaves_no_new_row_behind() -> None:
    """What was read before is 15 documents of 35 tokens: 5 rows of pairs, where their tokens alone are 3.

    76 new rows and those 5 are 9 steps; by the tokens 79 rows would be 8, and a new one be left for a night of its own.
    """
    known = Arrived("0", 0.0, 15, 35, "batch", "")
    cursor = Cursor(0, {"0": 1}, (Portion(("1",), 0, text_of(SETTINGS, []).recipe, 76, 0),))
    assert planned_rows(SETTINGS, cursor, [known, *shards(2)[1:]]) == 10 * (9 + 3)


def test_best_fit_is_given_some_room() -> None:
    assert planned_rows(changed(packing="best_fit"), Cursor(), shards(7)) == 10 * (72 + 30)


def test_nothing_unread_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"all text was read\. Raise train\.num_epochs"):
        planned_rows(SETTINGS, Cursor(0, {"0": 1}), shards(1))


def test_only_the_shards_that_are_read_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline_lib.train.cursor.PORTION_TOKENS", 2000)
    assert shards_to_open(SETTINGS, Cursor(), shards(6), 200) == {"0", "1"}
    assert shards_to_open(SETTINGS, Cursor(), shards(6), 201) == {"0", "1", "2", "3"}


def test_enough_for_replay_is_opened_and_each_night_something_else() -> None:
    """Of a hundred shards that were read, those that hold as many rows as the training has."""
    passes = dict.fromkeys(map(str, range(100)), 1)
    nights = [shards_to_open(SETTINGS, Cursor(steps, passes), shards(101), 300) for steps in range(40)]
    assert all("100" in opened and len(opened) == 5 for opened in nights)
    assert nights[0] == shards_to_open(SETTINGS, Cursor(0, passes), shards(101), 300)
    assert len(set().union(*nights)) > 75
