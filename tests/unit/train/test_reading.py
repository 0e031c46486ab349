"""What a training reads, position by position, over nights that bring, withdraw and cut."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline_lib.model.reading.documents import Shard, count
from pipeline_lib.model.reading.index import IGNORED, Specials
from pipeline_lib.train.cursor import Cursor, unread
from pipeline_lib.train.extent import text_of
from pipeline_lib.train.job import TokensInput
from pipeline_lib.train.reading import Reading, Rows, open_reading
from pipeline_lib.train.settings import TrainSettings
from tests.tiny_training import TINY, write_shard

SPECIALS = Specials(0, 1)
PACKINGS = pytest.mark.parametrize("packing", ["contiguous", "best_fit"])


def documents(first: int, lengths: Sequence[int]) -> list[list[int]]:
    """Documents whose tokens are all different."""
    found = []
    for length in lengths:
        found.append(list(range(first, first + length)))
        first += length
    return found


def shard(folder: Path, name: str, first: int, lengths: Sequence[int] = (5, 40, 3, 17, 9)) -> TokensInput:
    return write_shard(folder, name, documents(first, lengths), vocab_size=5000)


def without(one: TokensInput, *names: int) -> TokensInput:
    """The shard when documents were withdrawn: as the snapshot tells it."""
    gone = tuple(f"{name:032x}" for name in names)
    assert one.path is not None
    num_documents, num_tokens = count(Shard(one.path, one.arrived.heldout_share, gone))
    return replace(one, excluded=gone, arrived=replace(one.arrived, num_documents=num_documents, num_tokens=num_tokens))


def opened(settings: TrainSettings, cursor: Cursor, *tokens: TokensInput, num_rows: int = 10_000) -> Reading:
    return open_reading(settings, tokens, cursor, num_rows)


def targets(reading: Reading, first: int, count: int) -> Counter[int]:
    rows = Rows(reading, SPECIALS, first, count)
    found = (int(target) for row in range(len(rows)) for target in rows[row]["labels"])
    return Counter(target for target in found if target not in (IGNORED, SPECIALS.end))


def tokens(*parts: list[list[int]]) -> Counter[int]:
    return Counter(token for part in parts for document in part for token in document)


LENGTHS = (5, 40, 3, 17, 9)
FIRST, SECOND, THIRD = 10, 210, 410


@PACKINGS
@pytest.mark.parametrize("cut", [0, 1, 2, 4])
def test_a_night_goes_on_where_the_one_before_was_cut(tmp_path: Path, packing: str, cut: int) -> None:
    """Each token once, though a document was withdrawn between and a shard was added."""
    settings = TINY.model_copy(update={"packing": packing, "replay_share": 0.0})
    one, two = shard(tmp_path, "one", FIRST), shard(tmp_path, "two", SECOND)
    night = opened(settings, Cursor(), one)
    read = targets(night, 0, cut)
    cursor = night.cursor_behind(cut, 3)
    gone = documents(FIRST, LENGTHS)[1]
    later = opened(settings, cursor, without(one, 1), two)
    rest = targets(later, 0, later.num_new)
    assert not set(rest) & set(gone)
    kept = [document for document in documents(FIRST, LENGTHS) if document != gone]
    read_of_kept = Counter({token: count for token, count in read.items() if token not in gone})
    assert read_of_kept + rest == tokens(kept, documents(SECOND, LENGTHS))
    behind = later.cursor_behind(later.total, 4)
    assert replace(behind, missed={}) == Cursor(7, {"one": 1, "two": 1}, ())
    assert {name: left.rows for name, left in behind.missed.items()} == ({"one": (1,)} if cut == 0 else {})


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=6), st.sampled_from(["contiguous", "best_fit"]), st.integers(1, 2))
def test_over_many_nights_each_token_is_read_once_a_pass(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], packing: str, num_epochs: int
) -> None:
    """A shard comes with every night but the last, which reads to the end."""
    folder = tmp_path_factory.mktemp("nights")
    settings = TINY.model_copy(update={"packing": packing, "replay_share": 0.0, "num_epochs": num_epochs})
    shards: list[TokensInput] = [shard(folder, "first", 10)]
    read: Counter[int] = Counter()
    cursor = Cursor()
    for number, cut in enumerate([*cuts, 10_000], start=1):
        night = opened(settings, cursor, *shards)
        cut = min(cut, night.num_new)
        read += targets(night, 0, cut)
        cursor = night.cursor_behind(cut, 1)
        shards.append(shard(folder, str(number), 10 + 200 * number))
    text = text_of(settings, [one.arrived for one in shards[:-1]])
    assert unread(cursor, text) == 0
    every = tokens(*(documents(10 + 200 * number, LENGTHS) for number in range(len(shards) - 1)))
    assert read == Counter(dict.fromkeys(every, num_epochs))


@PACKINGS
@given(
    kept=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 6), min_size=6, max_size=6),
)
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_document_is_read_once_whenever_a_cap_lets_it_in(
    tmp_path: Path, packing: str, kept: list[int], cuts: list[int]
) -> None:
    """A cap takes the first documents, as many as it says; it may fall again, too."""
    settings = TINY.model_copy(update={"packing": packing, "replay_share": 0.0})
    whole, cursor, read = shard(tmp_path, "one", FIRST), Cursor(), Counter[int]()
    for most, cut in zip([*kept, 5, 5], [*cuts[: len(kept)], 100, 100], strict=True):
        tonight = without(whole, *range(most, 5))
        text = text_of(settings, [tonight.arrived])
        if not unread(cursor, text):
            continue
        night = opened(settings, cursor, tonight)
        num_rows = min(cut, night.num_new)
        read += targets(night, 0, num_rows)
        cursor = night.cursor_behind(num_rows, 1)
    assert read <= tokens(documents(FIRST, LENGTHS))
    if not unread(cursor, text_of(settings, [whole.arrived])) and kept == sorted(kept):
        assert read == tokens(documents(FIRST, LENGTHS))


def test_what_was_withdrawn_before_a_portion_is_begun_takes_no_place(tmp_path: Path) -> None:
    one = shard(tmp_path, "one", FIRST)
    whole = opened(TINY, Cursor(), one)
    less = opened(TINY, Cursor(), without(one, 1))
    assert (whole.num_new, less.num_new) == (5, 3)  # 79 and 38 pairs, in rows of 16
    assert less.cursor_behind(1, 1).portions[0].left_out == {"one": (1,)}


def nights_later(tmp_path: Path, settings: TrainSettings = TINY, **changes: object) -> Reading:
    """Two shards were read, a third is new."""
    shards = [shard(tmp_path, name, first) for name, first in (("a", FIRST), ("b", SECOND), ("c", THIRD))]
    cursor = Cursor(40, {"a": 1, "b": 1})
    return opened(settings.model_copy(update=changes), cursor, *shards)


def test_replay_is_spread_evenly_over_what_is_new(tmp_path: Path) -> None:
    """5 new rows and as many of replay: by turns."""
    reading = nights_later(tmp_path, replay_share=0.5)
    assert (reading.num_new, reading.num_replay) == (5, 5)
    kinds = ["new" if reading.at(position)[0] is not reading.replay else "old" for position in range(10)]
    assert kinds == ["new", "old"] * 5
    old, new = (
        set(tokens(documents(FIRST, LENGTHS), documents(SECOND, LENGTHS))),
        set(tokens(documents(THIRD, LENGTHS))),
    )
    assert all(
        set(targets(reading, position, 1)) <= (new if kind == "new" else old) for position, kind in enumerate(kinds)
    )


def test_replay_is_what_there_is_when_there_is_little(tmp_path: Path) -> None:
    reading = nights_later(tmp_path, replay_share=0.9)
    assert reading.num_replay == len(reading.replay) == 10
    assert nights_later(tmp_path, replay_share=0.0).num_replay == 0


def test_each_night_replays_in_another_order(tmp_path: Path) -> None:
    reading = nights_later(tmp_path, replay_share=0.5)
    other = opened(
        TINY.model_copy(update={"replay_share": 0.5}),
        Cursor(41, {"a": 1, "b": 1}),
        *(shard(tmp_path, name, first) for name, first in (("a", FIRST), ("b", SECOND), ("c", THIRD))),
    )
    assert [reading.at(p)[1] for p in (1, 3, 5)] == [other.at(p)[1] for p in (1, 3, 5)]
    assert targets(reading, 0, 10) != targets(other, 0, 10)


def test_behind_the_unread_text_comes_all_that_is_open(tmp_path: Path) -> None:
    """A short night's branch: tonight's text among older text, each once, then from the start."""
    reading = nights_later(tmp_path)
    every = tokens(*(documents(first, LENGTHS) for first in (FIRST, SECOND, THIRD)))
    assert targets(reading, reading.total, len(reading.again)) == every
    assert reading.at(reading.total + len(reading.again)) == reading.at(reading.total)


def test_a_reading_says_what_it_read(tmp_path: Path) -> None:
    reading = nights_later(tmp_path, replay_share=0.5)
    assert reading.account(reading.total) == {
        "from": ["c", 0],
        "to": ["c", 4],
        "portions": [
            {"first_shard": "c", "last_shard": "c", "epoch": 0, "num_samples": 5, "num_read_before": 0, "num_read": 5}
        ],
        "num_documents": 5,
        "num_tokens": sum(LENGTHS) + 5,
        "num_new_rows": 5,
        "num_replay_rows": 5,
    }
    assert reading.account(3)["num_new_rows"] == 2
    assert reading.account(0)["from"] is None


@PACKINGS
@pytest.mark.parametrize("count", [1, 3, 7, 100])
def test_positions_name_the_stretches_that_stand_there(tmp_path: Path, packing: str, count: int) -> None:
    """Replay, new text and what comes behind it: the targets, pair by pair, of as many positions at a time."""
    reading = nights_later(tmp_path, replay_share=0.5, packing=packing)
    texts = [document for first in (FIRST, SECOND, THIRD) for document in documents(first, LENGTHS)]
    for first in range(2 * len(reading.again) + reading.total):
        named: Counter[int] = Counter()
        spans = reading.spans(first, first + count)
        for document, start, length in zip(spans.documents, spans.firsts, spans.lengths, strict=True):
            named.update(texts[document][start : start + length])
        read = targets(reading, first, count)
        assert named == read or (count > len(reading.again) and set(named) == set(read))


def test_the_planned_end_bounds_what_is_laid_out(tmp_path: Path) -> None:
    reading = opened(TINY, Cursor(), shard(tmp_path, "one", FIRST), num_rows=2)
    assert reading.num_new == 2
    assert reading.cursor_behind(2, 1).portions[0].num_read == 2
