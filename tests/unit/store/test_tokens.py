"""Token shards: what was written is read, mapped and not copied."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.sides import is_held_out, side_of
from pipeline_lib.store.tokens import ALL_TARGETS, TokensWriter, open_tokens, tokens_schema

SMALL, LARGE = 1 << 16, (1 << 16) + 1
MANY = 50_000


def shard(path: Path, *batches: list[list[int]], vocab_size: int = SMALL, masks: Any = None) -> Path:
    """Batches of documents; ids are 0, 1, 2, ... over all batches."""
    with TokensWriter(path, vocab_size) as writer:
        for batch in batches:
            first = writer.num_rows
            names = [str(first + row) for row in range(len(batch))]
            writer.write(names, [7 * (first + row) for row in range(len(batch))], batch, masks)
    return path


@pytest.mark.parametrize(("vocab_size", "kind"), [(SMALL, np.uint16), (LARGE, np.uint32)])
def test_documents_of_all_batches_are_read_as_they_were_written(tmp_path: Path, vocab_size: int, kind: type) -> None:
    documents = [[1, 2, 3], [], [vocab_size - 1], [5, 6]]
    read = open_tokens(shard(tmp_path / "a", documents[:2], documents[2:], vocab_size=vocab_size))
    assert [read.of(row).tolist() for row in range(4)] == documents
    assert read.document_ids.to_pylist() == ["0", "1", "2", "3"]
    assert read.sides.tolist() == [0, 7, 14, 21]
    assert read.ids.dtype == kind


def test_nothing_is_copied_and_nothing_can_be_changed(tmp_path: Path) -> None:
    path = shard(tmp_path / "a", [list(range(MANY))] * 20)
    before = pa.total_allocated_bytes()
    read = open_tokens(path)
    assert pa.total_allocated_bytes() - before < MANY
    with pytest.raises(ValueError, match="read-only"):
        read.of(3)[0] = 5


def test_a_shard_without_documents_is_a_whole_one(tmp_path: Path) -> None:
    read = open_tokens(shard(tmp_path / "a", []))
    assert len(read.document_ids) == len(read.sides) == len(read.starts) == len(read.lengths) == 0


def test_masks_are_found_by_their_bits(tmp_path: Path) -> None:
    masks = [[True, False, True], None, [False] * 9]
    read = open_tokens(shard(tmp_path / "a", [[1, 2, 3], [4], [5] * 9], [[1, 2, 3], [4], [5] * 9], masks=masks))
    assert read.mask_starts[1] == read.mask_starts[4] == ALL_TARGETS
    bits = np.unpackbits(read.mask, bitorder="little").astype(bool)
    for row in (0, 2, 3, 5):
        start = read.mask_starts[row]
        assert bits[start : start + read.lengths[row]].tolist() == masks[row % 3]


def test_a_mask_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a mask has another length"):
        open_tokens(shard(tmp_path / "a", [[1, 2]], masks=[[True]]))


def test_the_same_documents_are_the_same_bytes(tmp_path: Path) -> None:
    first, second = (shard(tmp_path / name, [[1, 2], [3]], [[4]]) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_a_stream_that_is_cut_inside_of_a_batch_is_refused(tmp_path: Path) -> None:
    path = shard(tmp_path / "a", [[1, 2, 3]] * 100)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="is not a whole Arrow stream"):
        open_tokens(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    table = pa.table({"ids": [1, 2]})
    with pa.OSFile(str(tmp_path / "a"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError, match=r"is not tokens\.v2 but holds \['ids'\]"):
        open_tokens(tmp_path / "a")


def test_datasets_opens_a_shard(tmp_path: Path) -> None:
    import datasets  # a second to load, for this test alone

    opened = datasets.Dataset.from_file(str(shard(tmp_path / "a.arrow", [[1, 2, 3], [4]], [[5]])))
    assert opened["ids"] == [[1, 2, 3], [4], [5]]
    assert opened.data.nbytes > 0


def test_the_schema_says_what_can_be_null() -> None:
    assert [field.name for field in tokens_schema(SMALL) if field.nullable] == ["mask"]


def test_the_side_follows_the_name_of_a_document() -> None:
    assert side_of("s", "a.txt") == side_of("s", "a.txt") != side_of("sa", ".txt")
    assert 0 <= side_of("s", "a.txt") < 2**64


@given(st.lists(st.integers(0, 2**64 - 1)), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_out_what_a_smaller_one_did(sides: list[int], one: float, other: float) -> None:
    places = np.array(sides, np.uint64)
    less, more = (is_held_out(places, share) for share in sorted((one, other)))
    assert not np.any(less & ~more)
    assert is_held_out(places, 1.0).all() and not is_held_out(places, 0.0).any()


def test_the_share_held_out_is_about_the_one_that_was_asked_for() -> None:
    sides = np.array([side_of("s", str(number)) for number in range(4000)], np.uint64)
    assert 0.22 < is_held_out(sides, 0.25).mean() < 0.28
