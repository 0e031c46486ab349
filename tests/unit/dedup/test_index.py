"""The past of a batch: however it was merged it says the same, and asking it costs the same after many nights."""

import itertools
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_lib.dedup import index as module
from pipeline_lib.dedup import marks
from pipeline_lib.dedup.schemas import INDEX_FILE

if TYPE_CHECKING:
    from tests.unit.dedup.conftest import Nights

MakeNights = Callable[..., "Nights"]

NIGHTS = 5
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def texts(seed: int) -> list[str]:
    """Six texts of 30 words, each in three versions that are near to each other."""
    dice = random.Random(seed)
    bases = [dice.choices([a + b for a in LETTERS for b in LETTERS], k=30) for _ in range(6)]
    return [" ".join([*base[:-1], *end]) for base in bases for end in ((base[-1],), ("zero",), ("one",))]


def a_year(seed: int) -> list[tuple[dict[str, str], list[str]]]:
    """What comes in and what leaves, night by night: copies, near copies, and documents that come back."""
    dice, pool = random.Random(seed), texts(seed)
    present: dict[str, str] = {}
    nights = []
    for _ in range(NIGHTS):
        leaving = dice.sample(sorted(present), k=len(present) // 3)
        present = {name: text for name, text in present.items() if name not in leaving}
        numbers = dice.sample(range(24), k=8)
        arriving = {f"d{n}": pool[n % len(pool)] for n in numbers if f"d{n}" not in present}
        present |= arriving
        nights.append((arriving, leaving))
    return nights


def slow_kept(nights: list[tuple[dict[str, str], list[str]]]) -> list[list[str]]:
    """What each night keeps, by plain sets of words: all pairs compared, groups by relabelling."""
    standing: dict[str, set[tuple[str, ...]]] = {}
    kept = []
    for arriving, leaving in nights:
        standing = {name: shingles for name, shingles in standing.items() if name not in leaving}
        stays = slow_night(standing, {name: slow_shingles(text) for name, text in arriving.items()})
        standing |= stays
        kept.append(list(stays))
    return kept


def slow_night(older: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new documents that are the first of their group; all older documents together are group -1."""
    groups = dict.fromkeys(older, -1) | {name: number for number, name in enumerate(new)}
    every = older | new
    for name, other in itertools.product(new, every):
        if len(new[name] & every[other]) / len(new[name] | every[other]) >= 0.7:
            low, high = sorted((groups[name], groups[other]))
            groups = {member: low if group == high else group for member, group in groups.items()}
    return {name: shingles for number, (name, shingles) in enumerate(new.items()) if groups[name] == number}


def slow_shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + 5]) for start in range(len(words) - 4)}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_however_the_past_is_merged_each_night_decides_as_its_slow_twin(nights: MakeNights, seed: int) -> None:
    year = a_year(seed)
    rows = [nights(past, bands=60, rows=4) for past in ("decided", "one index", "halves")]
    kept = [[row.decide(arriving, withdrawn=leaving).kept for arriving, leaving in year] for row in rows]
    assert kept == [slow_kept(year)] * 3
    assert rows[0].batches[-1].ledger == rows[1].batches[-1].ledger == rows[2].batches[-1].ledger


def test_merging_is_associative_and_leaves_out_what_left_later(nights: MakeNights) -> None:
    row = nights()
    row.decide({"a": "first text", "b": "second text"})
    row.decide({"c": "third text"}, withdrawn=["a"])
    row.decide({"a": "first text"}, withdrawn=["c", "before all of them"])
    one, two, three = row.segments
    left = row.index([row.index([one, two]), three])
    right = row.index([one, row.index([two, three])])
    assert [entry["document_id"] for entry in row.rows(left)] == ["b", "a"]
    for file in ("index.parquet", "withdrawn.parquet"):
        assert (row.store.folders[left] / file).read_bytes() == (row.store.folders[right] / file).read_bytes()


def test_the_oldest_segment_forgets_what_was_withdrawn(nights: MakeNights) -> None:
    row = nights()
    row.decide({"a": "first text"})
    row.decide({"b": "second text"}, withdrawn=["a"])
    for is_oldest, expected in ((False, ["a"]), (True, [])):
        folder = row.store.folders[row.index(row.segments, is_oldest=is_oldest)]
        assert module.read_ids(folder / "withdrawn.parquet") == expected


def test_many_small_batches_become_one_row_group(nights: MakeNights, monkeypatch: pytest.MonkeyPatch) -> None:
    row = nights()
    for number in range(4):
        row.decide({f"{number} {at}": f"text {number} {at}" for at in range(5)})
    sizes = []
    for piece_rows in (100, 9):
        monkeypatch.setattr(module, "PIECE_ROWS", piece_rows)
        metadata = pq.read_metadata(row.store.folders[row.index(row.segments)] / INDEX_FILE)
        sizes.append([metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)])
    assert sizes == [[20], [10, 10]]


@pytest.mark.parametrize("num_nights", [2, 12])
def test_a_night_makes_its_marks_once_and_reads_one_index_whatever_number_of_nights_was_before(
    nights: MakeNights, monkeypatch: pytest.MonkeyPatch, num_nights: int
) -> None:
    row = nights("one index")
    for number in range(num_nights):
        row.decide({f"{number} {at}": f"the text of night {number} is {at}" for at in range(13)})
    made: list[int] = []
    looked_up: list[int] = []
    monkeypatch.setattr(module, "mark", lambda keys: (made.append(len(keys)), marks.mark(keys))[1])
    monkeypatch.setattr(module, "may_share", lambda *a: (looked_up.append(1), marks.may_share(*a))[1])
    row.store.opened.clear()
    row.decide({f"new {at}": f"a new text, number {at}" for at in range(13)})
    deciding = [file for name, file in row.store.opened if name.startswith("index-")]
    assert (made, len(looked_up)) == ([13], 1)
    assert len([file for file in deciding if file == INDEX_FILE]) <= 2  # merged from, and asked
