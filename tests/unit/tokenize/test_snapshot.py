"""The tables of token shards, and the snapshot: which documents a training may read."""

import itertools
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.model.reading.documents import Shard, count
from pipeline_lib.run.execute import store_of
from pipeline_lib.store.schemas import TOKENS_FILE
from pipeline_lib.tokenize.snapshot import diff
from tests.shelf import put_shards
from tests.token_batches import Batches, Taken


@pytest.fixture
def batches(tmp_path: Path) -> Batches:
    return Batches(tmp_path)


def test_a_table_says_of_each_shard_where_it_came_from_and_what_of_it_is_trained_on(batches: Batches) -> None:
    made = batches.add({"a": 3, "b": 5}, {"c": 7, "empty": 0}, held_out=["b"], share=0.25, gone=[("x", "0", 2)])
    store = store_of(batches.workspace)
    opened = store.open("tokenize", made.fingerprint)
    rows = pq.read_table(opened.file("shards.parquet")).to_pylist()
    assert rows[0] == {
        "batch": "1",
        "label": "0001-docs",
        "source": "docs",
        "part": 0,
        "shard": "1-0",
        "documents": "1-0",
        "digest": store.read("tokenize", "1-0").digest,
        "heldout_share": 0.25,
        "num_documents": 1,
        "num_tokens": 3,
        "num_held_out": 1,
    }
    assert [(row["part"], row["num_documents"], row["num_tokens"]) for row in rows] == [(0, 1, 3), (1, 1, 7)]
    gone = pq.read_table(opened.file("gone.parquet")).to_pylist()
    assert gone == [{"document_id": "x", "batch": "0", "part": 2, "num_tokens": None}]
    assert made.facts["num_documents"] == 2 and made.facts["num_tokens"] == 10


def test_a_table_says_what_stands_behind_it_of_its_source_and_several_tables_as_one_say_the_sums(
    batches: Batches,
) -> None:
    batches.add({"a": 3, "b": 5, "c": 2, "d": 1}, held_out=["a", "b", "c"])
    batches.add({"e": 4}, held_out=["e"], source="mail")
    gone = batches.add({"f": 1, "g": 1}, held_out=["f"], gone=[("a", "1", 0), ("b", "1", 0), ("d", "1", 0)])
    assert gone.facts["live"] == {"docs": {"num_held_out": -1}}
    back = batches.add({"a": 3}, held_out=["a"], gone=[("f", "3", 0), ("never kept", "1", 0)])
    assert back.facts["live"] == {"docs": {}}
    store, merged = store_of(batches.workspace), batches.merged(batches.tables)
    assert store.read("tokenize", merged.fingerprint).facts["live"] == {
        "docs": {"num_held_out": 2},
        "mail": {"num_held_out": 1},
    }
    old = put_shards(store, "of an earlier release", [])
    merged = batches.merged([*batches.tables[:2], old])
    assert "live" not in store.read("tokenize", merged.fingerprint).facts


def test_a_snapshot_lists_all_shards_in_the_order_of_arrival(batches: Batches) -> None:
    batches.add({"z": 3}, {"y": 4})
    batches.add({"a": 5})
    taken = batches.snapshot()
    assert list(taken.shards.items()) == [("1-0", (1, 3)), ("1-1", (1, 4)), ("2-0", (1, 5))]
    assert taken.excluded == {}
    assert {name: taken.manifest.facts[name] for name in ("num_documents", "num_tokens")} == {
        "num_documents": 3,
        "num_tokens": 12,
    }


def test_a_source_that_is_not_asked_for_is_left_out_and_named(batches: Batches) -> None:
    batches.add({"a": 3})
    batches.add({"b": 4}, {"c": 5}, source="mail")
    batches.add(source="old")
    taken = batches.snapshot({"source": "docs"}, {"source": "not there yet"})
    assert taken.shards == {"1-0": (1, 3)}
    assert taken.manifest.facts["not_asked_for"] == ["mail"]
    assert (taken.manifest.rows_in, taken.manifest.dropped) == (3, {"not_asked_for": 2})
    assert batches.snapshot({"source": "docs"}, {"source": "mail"}).manifest.facts["not_asked_for"] == []


def test_tokens_are_counted_over_the_shards_that_are_asked_for(batches: Batches) -> None:
    batches.add({"a": 3}, {"b": 4})  # tokens 1, tokens 2
    batches.add({"c": 5}, source="mail")
    assert batches.snapshot().counts[:3] == [0, 3, 4]
    assert batches.snapshot({"source": "docs"}, {"source": "mail"}).counts[:3] == [0, 8, 4]


def test_a_batch_that_only_withdraws_has_no_shards_and_is_part_of_a_snapshot(batches: Batches) -> None:
    batches.add({"a": 3, "b": 4})
    batches.add(gone=[("a", "1", 0)])
    taken = batches.snapshot()
    assert taken.shards == {"1-0": (1, 4)}
    assert taken.excluded == {"1-0": ("a",)}
    assert taken.counts[1] == 7


def test_no_batch_at_all_is_an_empty_snapshot(batches: Batches) -> None:
    taken = batches.snapshot()
    assert (taken.shards, taken.excluded, taken.counts) == ({}, {}, [])


def test_a_withdrawn_document_is_left_out_of_the_shard_that_held_it_and_not_of_one_that_has_it_again(
    batches: Batches,
) -> None:
    batches.add({"a": 3, "b": 4}, {"c": 5})
    batches.add({"d": 6}, gone=[("a", "1", 0), ("c", "1", 1)])
    batches.add({"a": 3})  # it is back
    taken = batches.snapshot()
    assert taken.excluded == {"1-0": ("a",), "1-1": ("c",)}
    assert taken.shards == {"1-0": (1, 4), "1-1": (0, 0), "2-0": (1, 6), "3-0": (1, 3)}
    assert taken.manifest.facts["num_excluded_documents"] == 2


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_what_left_takes_its_counts_along_as_if_its_shard_were_counted_anew(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The plain twin opens every shard of the snapshot and counts what it does not leave out."""
    batches = Batches(tmp_path_factory.mktemp("left"))
    alive: list[tuple[str, str, int]] = []
    for number in range(1, data.draw(st.integers(2, 5)) + 1):
        gone = data.draw(st.lists(st.sampled_from(alive), unique=True)) if alive else []
        shards = [
            {f"{number}{part}{name}": data.draw(st.integers(0, 4)) for name in "abc"}
            for part in range(data.draw(st.integers(0, 2)))
        ]
        held_out = [name for shard in shards for name in shard if data.draw(st.booleans())]
        batches.add(*shards, held_out=held_out, gone=gone)
        alive = [one for one in alive if one not in gone]
        alive += [(name, str(number), part) for part, shard in enumerate(shards) for name in shard]
    taken, store = batches.snapshot(), store_of(batches.workspace)
    counted = {
        name: count(Shard(store.path("tokenize", name) / TOKENS_FILE, 0.5, taken.excluded.get(name, ())))
        for name in taken.shards
    }
    assert taken.shards == counted


def test_a_snapshot_opens_no_shard_for_what_left_on_earlier_nights(batches: Batches) -> None:
    batches.add({"a": 3, "b": 4})
    batches.add({"c": 5}, gone=[("a", "1", 0)])
    (store_of(batches.workspace).path("tokenize", "1-0") / TOKENS_FILE).unlink()
    assert batches.snapshot().shards == {"1-0": (1, 4), "2-0": (1, 5)}


def test_a_withdrawal_in_a_source_that_is_not_asked_for_leaves_nothing_out(batches: Batches) -> None:
    batches.add({"a": 3})
    batches.add({"b": 3}, source="mail")
    batches.add(source="mail", gone=[("b", "2", 0)])
    assert batches.snapshot().excluded == {}


def test_batches_that_are_too_early_or_too_late_for_their_source_are_left_out(batches: Batches) -> None:
    batches.add({"a": 3})
    batches.add({"b": 4})
    batches.add({"m": 5}, source="mail")
    batches.add({"c": 6}, gone=[("a", "1", 0), ("b", "2", 0)])
    taken = batches.snapshot({"source": "docs", "after": 1, "before": 4}, {"source": "mail"})
    assert taken.shards == {"2-0": (0, 0), "3-0": (1, 5)}
    assert taken.manifest.dropped == {"arrived_outside": 2}
    assert taken.excluded == {"2-0": ("b",)}  # what was withdrawn later is left out all the same
    assert taken.counts[1] == 9
    assert batches.snapshot({"source": "docs", "after": 4}, {"source": "mail", "before": 3}).shards == {}


# Digest and difference ----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=12)
@given(cuts=st.sets(st.integers(1, 5)))
def test_however_tables_are_merged_the_snapshot_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int]
) -> None:
    batches = Batches(tmp_path_factory.mktemp("merged"))
    for number in range(6):
        gone = [(f"{number - 1}a", str(number), 0)] if number in (2, 5) else []
        batches.add({f"{number}a": 3, f"{number}b": 4 + number}, source=("docs", "mail")[number == 3], gone=gone)
    ends = [0, *sorted(cuts), 6]
    parts = [batches.tables[first:last] for first, last in itertools.pairwise(ends)]
    tables = [part[0] if len(part) == 1 else batches.merged(part) for part in parts]
    queries = ({"source": "docs", "most_tokens": 20}, {"source": "mail"})
    plain, merged = batches.snapshot(*queries), batches.snapshot(*queries, tables=tables)
    assert (merged.shards, merged.excluded, merged.counts) == (plain.shards, plain.excluded, plain.counts)
    assert (merged.digest, merged.described) == (plain.digest, plain.described)


def test_the_digest_is_that_of_the_content_in_whatever_workspace_it_lies(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        batches = Batches(tmp_path / name)
        batches.add({"a": 3, "b": 4})
        batches.add({"c": 5}, gone=[("a", "1", 0)])
        made.append(batches.snapshot().digest)
    assert made[0] == made[1]


def test_a_query_that_takes_the_same_gives_the_same_digest(batches: Batches) -> None:
    batches.add({"a": 3})
    assert batches.snapshot().digest == batches.snapshot({"source": "docs", "most_tokens": 3}, {"source": "m"}).digest


@pytest.mark.parametrize("what", ["a document", "a withdrawal", "a share", "a source", "the tokenizer"])
def test_anything_that_a_training_would_read_otherwise_changes_the_digest(tmp_path: Path, what: str) -> None:
    def taken(name: str, is_other: bool) -> Taken:
        batches = Batches(tmp_path / name, trained_to=2 if what == "the tokenizer" and is_other else 1)
        batches.add({"a": 3, "b": 4} | ({"c": 5} if what == "a document" and is_other else {}))
        batches.add({"d": 1}, share=0.25 if what == "a share" and is_other else 0.5)
        if is_other and what == "a withdrawal":
            batches.add(gone=[("a", "1", 0)])
        batches.add({"e": 2}, source="mail")
        sources = ["docs", "mail"] if is_other and what == "a source" else ["docs"]
        return batches.snapshot(*({"source": source} for source in sources))

    assert taken("one", False).digest == taken("two", False).digest != taken("three", True).digest


def test_a_snapshot_is_told_by_what_the_one_before_had_not(batches: Batches) -> None:
    batches.add({"a": 3, "b": 4})
    batches.add({"c": 5}, source="mail")
    before = batches.snapshot({"source": "docs"}, {"source": "mail"}).described
    batches.add({"d": 7}, gone=[("a", "1", 0)])
    after = batches.snapshot({"source": "docs"}).described
    assert diff(after, before) == {
        "added": ["0003-docs"],
        "changed": [],
        "removed": ["0002-mail"],
        "num_tokens": 7 - 3 - 5,
        "num_excluded_documents": 1,
    }
    assert diff(after, None)["added"] == ["0001-docs", "0003-docs"]
    assert diff(after, after) == {
        "added": [],
        "changed": [],
        "removed": [],
        "num_tokens": 0,
        "num_excluded_documents": 0,
    }


def test_a_batch_that_was_made_otherwise_is_told_as_changed(tmp_path: Path) -> None:
    """Its label stays, what is in its shards does not: a rule was moved."""
    described = []
    for name, tokens in (("one", 3), ("two", 4)):
        batches = Batches(tmp_path / name)
        batches.add({"a": tokens})
        described.append(batches.snapshot().described)
    assert diff(described[1], described[0])["changed"] == ["0001-docs"]
    assert diff(described[1], described[0])["num_tokens"] == 1
