"""The laws of a decision, on texts one can read."""

import itertools
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.dedup.settings import DedupSettings

if TYPE_CHECKING:
    from tests.unit.dedup.conftest import Nights

MakeNights = Callable[..., "Nights"]
PASTS = ["decided", "one index", "halves"]

# 20 different words make 16 shingles of 5. One other word at the end costs one shingle: 15 / 17 = .88.
WORDS = list("abcdefghijklmnopqrst")
ENGLISH = " ".join(WORDS)
NEAR_ENGLISH = " ".join([*WORDS[:-1], "z"])
HALF_ENGLISH = " ".join([*WORDS[:10], *"0123456789"])  # 6 / 26 = .23
# 20 different characters; the punctuation does not count.
CHINESE = "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往。"
NEAR_CHINESE = "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑去。"


def test_the_first_of_two_equal_texts_stays(nights: MakeNights) -> None:
    decided = nights().decide({"one": "Same text", "two": " same  TEXT\n", "three": "other"})
    assert decided.kept == ["one", "three"]
    assert decided.ledger["two"] == {
        "document_id": "two",
        "is_kept": False,
        "reason": "exact_duplicate",
        "failed": [{"rule": "exact_duplicate.v1", "value": 1.0, "limit": 1.0}],
        "duplicate_of": "one",
        "method": "exact",
        "jaccard": 1.0,
    }


def test_a_kept_document_fails_no_rule(nights: MakeNights) -> None:
    decided = nights().decide({"one": " Some Text\n"})
    row = decided.ledger["one"]
    assert (row["is_kept"], row["reason"], row["failed"], row["duplicate_of"]) == (True, None, [], None)


@pytest.mark.parametrize(("first", "second"), [(ENGLISH, NEAR_ENGLISH), (CHINESE, NEAR_CHINESE)])
def test_a_near_duplicate_is_dropped_with_its_exact_jaccard(nights: MakeNights, first: str, second: str) -> None:
    decided = nights().decide({"one": first, "two": second})
    row = decided.ledger["two"]
    assert decided.kept == ["one"]
    assert (row["reason"], row["duplicate_of"], row["method"]) == ("near_duplicate", "one", "minhash")
    assert row["jaccard"] == 15 / 17
    assert row["failed"] == [{"rule": "near_duplicate.v1", "value": 15 / 17, "limit": 0.7}]


def test_texts_below_the_limit_both_stay(nights: MakeNights) -> None:
    assert nights().decide({"one": ENGLISH, "two": HALF_ENGLISH}).kept == ["one", "two"]


def test_without_a_method_only_exact_duplicates_go(nights: MakeNights) -> None:
    decided = nights(method=None).decide({"one": ENGLISH, "two": NEAR_ENGLISH, "three": ENGLISH})
    assert decided.kept == ["one", "two"]


def test_without_a_method_an_earlier_equal_text_still_counts(nights: MakeNights) -> None:
    row = nights(method=None)
    row.decide({"old": ENGLISH})
    assert row.decide({"new": ENGLISH, "near": NEAR_ENGLISH}).kept == ["near"]


def test_simhash_drops_a_close_copy_and_names_its_jaccard(nights: MakeNights) -> None:
    text = " ".join(f"word{number}" for number in range(400))
    decided = nights(method="simhash").decide({"one": text, "two": text + " end", "three": ENGLISH})
    assert decided.kept == ["one", "three"]
    assert decided.ledger["two"]["method"] == "simhash"
    assert decided.ledger["two"]["jaccard"] == 396 / 397


def test_of_empty_texts_one_stays_and_signs_alone_are_no_near_duplicates(nights: MakeNights) -> None:
    decided = nights().decide({"one": "", "two": " \n", "three": "...", "four": "?!"})
    assert decided.kept == ["one", "three", "four"]
    assert decided.outcome.facts["num_candidates"] == 0


def test_texts_of_one_token_that_differ_in_signs_are_near_duplicates(nights: MakeNights) -> None:
    decided = nights().decide({"one": "yes", "two": "yes!", "three": "no"})
    assert decided.kept == ["one", "three"]
    assert decided.ledger["two"]["jaccard"] == 1.0


def test_a_copy_of_a_dropped_near_duplicate_goes_for_the_same_reason(nights: MakeNights) -> None:
    decided = nights().decide({"one": ENGLISH, "two": NEAR_ENGLISH, "three": NEAR_ENGLISH})
    assert decided.ledger["three"] | {"document_id": "two"} == decided.ledger["two"]


def test_a_member_linked_only_through_another_is_reported_with_its_own_jaccard(nights: MakeNights) -> None:
    numbers = [str(number) for number in range(60)]
    chain = {name: " ".join(numbers[start : start + 40]) for name, start in (("one", 0), ("two", 5), ("three", 10))}
    decided = nights(bands=60, rows=4).decide(chain)
    # 36 shingles each: neighbours share 31 of 41, the ends 26 of 46.
    assert decided.kept == ["one"]
    assert decided.ledger["two"]["jaccard"] == 31 / 41
    assert (decided.ledger["three"]["duplicate_of"], decided.ledger["three"]["jaccard"]) == ("one", 26 / 46)


def test_an_earlier_document_stays_and_the_new_one_goes(nights: MakeNights) -> None:
    row = nights()
    row.decide({"filler": "something else"}, {"old": ENGLISH, "old-zh": CHINESE})
    decided = row.decide({"exact": ENGLISH, "near": NEAR_ENGLISH, "near-zh": NEAR_CHINESE, "new": "brand new"})
    assert decided.kept == ["new"]
    assert [decided.ledger[name]["duplicate_of"] for name in ("exact", "near", "near-zh")] == ["old", "old", "old-zh"]
    assert decided.outcome.facts["num_against_earlier"] == 3


def test_a_group_that_touches_an_earlier_batch_loses_all_its_new_members(nights: MakeNights) -> None:
    numbers = [str(number) for number in range(60)]
    row = nights(bands=60, rows=4)
    row.decide({"old": " ".join(numbers[0:40])})
    decided = row.decide({"far": " ".join(numbers[10:50]), "close": " ".join(numbers[5:45])})
    assert decided.kept == []
    assert decided.ledger["far"]["duplicate_of"] == "old"


def test_of_two_earlier_partners_the_one_more_alike_is_named(nights: MakeNights) -> None:
    numbers = [str(number) for number in range(60)]
    row = nights(bands=60, rows=4)
    assert row.decide({"far": " ".join(numbers[0:40]), "close": " ".join(numbers[10:50])}).kept == ["far", "close"]
    decided = row.decide({"near": " ".join(numbers[6:46]), "between": " ".join(numbers[5:45]), "other": CHINESE})
    # 36 shingles each: "near" has 30 of 42 in common with "far", 32 of 40 with "close"; "between" 31 of 41 with both.
    assert decided.kept == ["other"]
    assert decided.ledger["between"]["duplicate_of"] == "far"
    assert (decided.ledger["near"]["duplicate_of"], decided.ledger["near"]["jaccard"]) == ("close", 32 / 40)


@pytest.mark.parametrize("past", PASTS)
@pytest.mark.parametrize("text", [ENGLISH, NEAR_ENGLISH])
def test_a_withdrawn_document_no_longer_stands_against_a_new_one(nights: MakeNights, text: str, past: str) -> None:
    row = nights(past)
    row.decide({"old": ENGLISH})
    assert row.decide({"new": text}, withdrawn=["old"]).kept == ["new"]
    assert row.decide({"late": text, "other": CHINESE}).ledger["late"]["duplicate_of"] == "new"


@pytest.mark.parametrize("past", PASTS)
def test_a_withdrawn_document_that_came_back_stands_against_new_ones_again(nights: MakeNights, past: str) -> None:
    row = nights(past)
    row.decide({"doc": ENGLISH})
    assert row.decide({"other": CHINESE}, withdrawn=["doc"]).kept == ["other"]
    assert row.decide({"doc": ENGLISH}).kept == ["doc"]
    decided = row.decide({"near": NEAR_ENGLISH, "same": ENGLISH})
    assert decided.kept == []
    assert decided.ledger["near"]["duplicate_of"] == "doc"


def test_only_documents_of_good_quality_are_decided(nights: MakeNights) -> None:
    row = nights()
    decided = row.decide(
        {"bad": ENGLISH, "one": NEAR_ENGLISH}, {"two": ENGLISH, "worse": CHINESE}, unfit=["bad", "worse"]
    )
    assert list(decided.ledger) == ["one", "two"]
    assert decided.ledger["two"]["duplicate_of"] == "one"
    assert decided.outcome.rows_in == 2
    assert row.decide({"late": CHINESE}).kept == ["late"]


def test_of_an_earlier_batch_only_index_and_compared_texts_are_opened(nights: MakeNights) -> None:
    row = nights()
    row.decide({"en": ENGLISH}, {"zh": CHINESE})
    row.store.opened.clear()
    row.decide({"near": NEAR_ENGLISH})
    earlier = {entry for entry in row.store.opened if entry[0].startswith(("0-", "decided-0"))}
    texts = ("0-0", "documents.parquet")
    assert earlier == {("decided-0", "index.parquet"), ("decided-0", "withdrawn.parquet"), texts}


def test_of_a_shard_only_row_groups_with_compared_texts_are_read(
    nights: MakeNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = nights()
    row.decide({f"filler {number}": f"number {number} alone" for number in range(7)} | {"old": ENGLISH})
    read: list[int] = []
    whole = pq.ParquetFile.read_row_group

    def read_row_group(file: Any, number: int, columns: Any, **options: Any) -> Any:
        if columns == ["document_id", "text"] and file.num_row_groups == 3:
            read.append(number)
        return whole(file, number, columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    assert row.decide({"near": NEAR_ENGLISH}).kept == []
    assert read == [2]


def test_where_an_earlier_text_is_gone_the_same_text_goes_and_a_near_one_stays(nights: MakeNights) -> None:
    row = nights()
    row.decide({"old": ENGLISH, "old-zh": CHINESE})
    row.release_texts()
    decided = row.decide({"same": ENGLISH, "near": NEAR_ENGLISH, "near-zh": NEAR_CHINESE, "new": "brand new"})
    assert decided.kept == ["near", "near-zh", "new"]
    assert decided.ledger["same"]["duplicate_of"] == "old"
    assert decided.outcome.facts["num_unverifiable"] == 2


def test_a_text_of_the_batch_itself_must_be_there(nights: MakeNights, monkeypatch: pytest.MonkeyPatch) -> None:
    row = nights()
    monkeypatch.setattr(row.store, "path", lambda stage, name: Path("/nowhere"))
    assert row.decide({"one": ENGLISH, "two": NEAR_ENGLISH}).kept == ["one"]


def test_one_shard_or_three_keep_the_same_documents(nights: MakeNights) -> None:
    corpus = planted_corpus(seed=3)
    names = list(corpus)
    cuts = [names[:20], names[20:21], names[21:]]
    whole = nights().decide(corpus)
    split = nights().decide(*({name: corpus[name] for name in cut} for cut in cuts))
    assert split.kept == whole.kept
    assert split.ledger == whole.ledger


def test_dedup_of_its_own_output_changes_nothing(nights: MakeNights) -> None:
    once = nights().decide(planted_corpus(seed=4))
    twice = nights().decide(once.texts)
    assert twice.texts == once.texts
    assert not twice.outcome.dropped


def test_deciding_the_batches_again_gives_the_same_bytes(nights: MakeNights) -> None:
    first, second = planted_corpus(seed=5), planted_corpus(seed=6)
    rows = [nights(), nights()]
    for row in rows:
        row.decide(first)
        row.decide({f"{name}-late": text for name, text in second.items()} | {"again": first["0"]})
    assert [batch.bytes for batch in rows[0].batches] == [batch.bytes for batch in rows[1].batches]


def test_in_files_without_any_document_nothing_is_decided(nights: MakeNights) -> None:
    decided = nights().decide({}, {})
    assert sorted(decided.bytes) == [
        "index.parquet",
        "part-00000/ledger.parquet",
        "part-00001/ledger.parquet",
        "withdrawn.parquet",
    ]
    assert decided.outcome.rows_in == decided.outcome.rows_out == 0


@pytest.mark.parametrize("method", ["minhash", "simhash"])
def test_every_dropped_document_names_one_that_stays_and_the_law_holds(nights: MakeNights, method: str) -> None:
    row = nights(method=method)
    first, second = planted_corpus(seed=7), planted_corpus(seed=8)
    row.decide(first)
    decided = row.decide({f"{name}-late": text for name, text in (first | second).items()})
    stays = {*row.batches[0].kept, *decided.kept}
    dropped = [entry for entry in decided.ledger.values() if not entry["is_kept"]]
    outcome = decided.outcome
    assert {entry["duplicate_of"] for entry in dropped} <= stays
    assert outcome.rows_in == len(decided.ledger) == outcome.rows_out + sum(outcome.dropped.values())
    assert outcome.rows_out == len(decided.kept)


@pytest.mark.parametrize("seed", range(3))
def test_the_kept_set_equals_that_of_all_pairs_compared_slowly(nights: MakeNights, seed: int) -> None:
    corpus = planted_corpus(seed)
    assert nights(bands=60, rows=4).decide(corpus).kept == slow_dedup(corpus, jaccard_at_least=0.7)


def test_an_index_made_with_other_bands_is_refused(nights: MakeNights) -> None:
    row = nights(bands=20)
    row.decide({"old": ENGLISH})
    row.settings = DedupSettings(bands=24)
    with pytest.raises(DataError, match=r"does not have 24 keys a document.*other \[dedup\] settings"):
        row.decide({"new": ENGLISH})


def planted_corpus(seed: int) -> dict[str, str]:
    """Random English and Chinese texts with copies in which one token in a hundred, or none, is replaced."""
    rng = random.Random(seed)
    corpus: dict[str, str] = {}
    for joint, alphabet in ((" ", [f"w{n}" for n in range(400)]), ("", [chr(0x4E00 + n) for n in range(400)])):
        for _ in range(12):
            tokens = rng.choices(alphabet, k=rng.randint(80, 200))
            for _ in range(rng.randint(1, 4)):
                corpus[str(len(corpus))] = joint.join(tokens)
                tokens = [token if rng.random() > 0.01 else rng.choice(alphabet) for token in tokens]
    return corpus


def slow_dedup(corpus: dict[str, str], jaccard_at_least: float) -> list[str]:
    """The kept ids: all pairs, sets of token tuples, components by relabelling."""
    sets = {name: _shingles(re.findall(r"[a-z0-9]+|[一-鿿]", text)) for name, text in corpus.items()}
    groups = {name: name for name in corpus}
    for a, b in itertools.combinations(corpus, 2):
        if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= jaccard_at_least:
            oldest, other = sorted((groups[a], groups[b]), key=int)
            groups = {name: oldest if group == other else group for name, group in groups.items()}
    return [name for name, group in groups.items() if name == group]


def _shingles(tokens: list[str]) -> set[tuple[str, ...]]:
    return {tuple(tokens[start : start + 5]) for start in range(len(tokens) - 4)}
