"""The documents of many shards: sides, exclusions, names."""

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.reading.documents import count, open_documents
from tests.unit.model.reading.conftest import WriteShard


def test_documents_of_all_shards_have_one_numbering(write_shard: WriteShard) -> None:
    opened = open_documents([write_shard({"a": [1], "b": [2, 3]}), write_shard({}), write_shard({"c": [4]})])
    assert [opened.name(number) for number in range(3)] == [(0, "a"), (0, "b"), (2, "c")]
    found = [
        opened.ids[first : first + length].tolist() for first, length in zip(opened.starts, opened.lengths, strict=True)
    ]
    assert found == [[1], [2, 3], [4]]


def test_held_out_and_empty_documents_are_not_trained_on(write_shard: WriteShard) -> None:
    first = write_shard({"a": [1], "b": [2]}, heldout=["b"])
    second = write_shard({"c": [], "d": [3], "e": [4]}, excluded=["d"])
    opened = open_documents([first, second])
    assert [opened.name(number)[1] for number in opened.of_shards([1, 0])] == ["a", "d", "e"]
    assert opened.is_excluded.tolist() == [False, False, False, True, False]


def test_a_snapshot_counts_what_is_trained_on(write_shard: WriteShard) -> None:
    shard = write_shard({"a": [1, 2], "b": [3] * 5, "c": [4] * 7}, heldout=["b"], excluded=["c"])
    assert count(shard) == (1, 2)


def test_ids_of_two_sizes_do_not_go_together(write_shard: WriteShard) -> None:
    with pytest.raises(DataError, match="two vocabularies"):
        open_documents([write_shard({"a": [1]}), write_shard({"b": [1]}, vocab_size=100_000)])


def test_no_shard_is_no_document() -> None:
    assert len(open_documents([]).lengths) == 0
