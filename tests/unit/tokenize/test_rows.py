"""Packing: each token but the first is a target exactly once."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.tokenize import rows
from pipeline_lib.tokenize.rows import pack, write_rows

END, PAD = 0, 1


def written(documents: list[list[int]], folder: Path, *, length: int, vocab_size: int = 600) -> list[list[int]]:
    packed = pack(documents, sequence_length=length, end_id=END, pad_id=PAD)
    write_rows(packed, vocab_size, folder / "train.arrow")
    table = pa.ipc.open_file(folder / "train.arrow").read_all()
    table.validate(full=True)
    read: list[list[int]] = table["ids"].to_pylist()
    return read


def test_rows_overlap_by_one_and_the_tail_is_padded(tmp_path: Path) -> None:
    # stream: 5 6 0 7 8 9 0, T = 4
    assert written([[5, 6], [7, 8, 9]], tmp_path, length=4) == [[5, 6, 0, 7, 8], [8, 9, 0, 1, 1]]


def test_a_stream_that_fits_has_no_padding(tmp_path: Path) -> None:
    packed = pack([[5, 6, 7, 8]], sequence_length=4, end_id=END, pad_id=PAD)
    assert (packed.num_rows, packed.num_tokens, packed.num_pad_tokens) == (1, 5, 0)
    assert written([[5, 6, 7, 8]], tmp_path, length=4) == [[5, 6, 7, 8, 0]]


def test_no_document_gives_a_file_without_rows(tmp_path: Path) -> None:
    packed = pack([], sequence_length=4, end_id=END, pad_id=PAD)
    assert (packed.num_rows, packed.num_tokens, packed.num_pad_tokens) == (0, 0, 0)
    assert written([], tmp_path, length=4) == []


def test_batches_are_bounded_and_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = [list(range(2, 60))]
    whole = written(document, tmp_path, length=4)
    monkeypatch.setattr(rows, "ROWS_PER_BATCH", 3)
    assert written(document, tmp_path, length=4) == whole
    assert pa.ipc.open_file(tmp_path / "train.arrow").num_record_batches == 5


@pytest.mark.parametrize(("vocab_size", "ids"), [(65_536, pa.uint16()), (65_537, pa.uint32())])
def test_ids_are_as_small_as_the_vocabulary_allows(tmp_path: Path, vocab_size: int, ids: pa.DataType) -> None:
    assert written([[vocab_size - 1]], tmp_path, length=2, vocab_size=vocab_size) == [[vocab_size - 1, END, PAD]]
    assert pa.ipc.open_file(tmp_path / "train.arrow").schema.field("ids").type == pa.list_(ids, 3)


@given(st.lists(st.lists(st.integers(2, 500), min_size=1, max_size=9), max_size=9), st.integers(2, 7))
def test_the_stream_is_all_documents_and_starts_are_right(documents: list[list[int]], length: int) -> None:
    packed = pack(documents, sequence_length=length, end_id=END, pad_id=PAD)
    stream = [token for document in documents for token in [*document, END]]
    assert packed.stream[: packed.num_tokens].tolist() == stream
    assert packed.num_pad_tokens < length
    assert set(packed.stream[packed.num_tokens :].tolist()) <= {PAD}
    for start, document in zip(packed.starts, documents, strict=True):
        assert np.array_equal(packed.stream[start : start + len(document)], document)
