"""The reading index, against plain Python, and the laws that it keeps."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_lib.model.reading.documents import Documents, open_documents
from pipeline_lib.model.reading.index import IGNORED, Batch, ReadingIndex, Specials, build_index
from pipeline_lib.model.reading.snapshot import Packing
from tests.unit.model.reading.conftest import WriteShard

END, PAD = 0, 1
SPECIALS = Specials(END, PAD)
PACKINGS = pytest.mark.parametrize("packing", ["contiguous", "best_fit"])
FIXED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)

# (length, is held out, is excluded) of the documents of each shard; every token of a document differs from all others
Shape = list[list[tuple[int, bool, bool]]]
CORPORA = st.lists(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), max_size=6), max_size=4)


def corpus(write_shard: WriteShard, shape: Shape) -> tuple[Documents, dict[str, list[int]]]:
    """The documents, and the tokens of those that are to be read."""
    shards, read, next_id = [], {}, 2
    for number, shard in enumerate(shape):
        texts, heldout, excluded = {}, [], []
        for row, (length, is_heldout, is_excluded) in enumerate(shard):
            name = f"{number}-{row}"
            texts[name] = list(range(next_id, next_id + length))
            next_id += length
            heldout += [name] * is_heldout
            excluded += [name] * is_excluded
            if length and not is_heldout and not is_excluded:
                read[name] = texts[name]
        shards.append(write_shard(texts, heldout=heldout, excluded=excluded))
    return open_documents(shards), read


def index(documents: Documents, packing: Packing, *, context: int = 8, seed: int = 1, epoch: int = 0) -> ReadingIndex:
    everything = documents.of_shards(range(len(documents.document_ids)))
    return build_index(
        documents,
        everything[~documents.is_excluded[everything]],
        context=context,
        packing=packing,
        seed=seed,
        epoch=epoch,
    )


def pairs(batch: Batch) -> list[tuple[int, int]]:
    """(input, target) of all targets that count."""
    found = zip(batch.inputs_BT.ravel().tolist(), batch.targets_BT.ravel().tolist(), strict=True)
    return [(one, target) for one, target in found if target != IGNORED]


def plain_pairs(ids: list[int]) -> list[tuple[int, int]]:
    return list(zip([END, *ids], [*ids, END], strict=True))


@FIXED
@given(shape=CORPORA, context=st.integers(2, 40), packing=st.sampled_from(["contiguous", "best_fit"]))
def test_each_token_of_each_document_that_is_trained_on_is_a_target_once_in_an_epoch(
    write_shard: WriteShard, shape: Shape, context: int, packing: Packing
) -> None:
    """And none of another document, held out or excluded, stands anywhere."""
    documents, read = corpus(write_shard, shape)
    reading = index(documents, packing, context=context)
    batch = reading.batch(0, len(reading), SPECIALS)
    assert Counter(pairs(batch)) == Counter(pair for ids in read.values() for pair in plain_pairs(ids))
    known = {END, PAD, IGNORED}.union(*read.values())
    assert set(batch.inputs_BT.ravel().tolist()) | set(batch.targets_BT.ravel().tolist()) <= known


@FIXED
@given(shape=CORPORA, context=st.integers(2, 40), packing=st.sampled_from(["contiguous", "best_fit"]))
def test_positions_begin_anew_where_another_document_does(
    write_shard: WriteShard, shape: Shape, context: int, packing: Packing
) -> None:
    """Within a stretch of rising positions each target is the next input: a loss that crosses a border would not be."""
    documents, _ = corpus(write_shard, shape)
    reading = index(documents, packing, context=context)
    batch = reading.batch(0, len(reading), SPECIALS)
    for inputs, targets, positions in zip(batch.inputs_BT, batch.targets_BT, batch.positions_BT, strict=True):
        assert positions[0] == 0
        for place in range(1, context):
            assert positions[place] in (0, positions[place - 1] + 1)
            if positions[place] and targets[place] != IGNORED:
                assert inputs[place] == targets[place - 1]
            if inputs[place] == END:
                assert positions[place] == 0


@FIXED
@given(shape=CORPORA, context=st.integers(2, 40), packing=st.sampled_from(["contiguous", "best_fit"]))
def test_a_sample_names_its_documents(write_shard: WriteShard, shape: Shape, context: int, packing: Packing) -> None:
    documents, read = corpus(write_shard, shape)
    reading = index(documents, packing, context=context)
    for place in range(len(reading)):
        batch = reading.batch(place, 1, SPECIALS)
        tokens = set(batch.inputs_BT[0].tolist()) | set(batch.targets_BT[0].tolist())
        held = {name for name, ids in read.items() if tokens & set(ids)}
        assert held <= {documents.name(number)[1] for number in reading.documents_of(place)} <= set(read)
    assert {documents.name(number)[1] for number in reading.documents_of(0, len(reading))} == set(read)
    assert reading.num_pairs(0, len(reading)) == sum(len(ids) + 1 for ids in read.values())


@PACKINGS
def test_samples_can_be_read_by_hand(write_shard: WriteShard, packing: Packing) -> None:
    reading = index(open_documents([write_shard({"a": [5, 6, 7]})]), packing, context=6)
    batch = reading.batch(0, 1, SPECIALS)
    assert batch.inputs_BT.tolist() == [[END, 5, 6, 7, PAD, PAD]]
    assert batch.targets_BT.tolist() == [[5, 6, 7, END, IGNORED, IGNORED]]
    assert batch.positions_BT.tolist() == [[0, 1, 2, 3, 0, 1]]


@PACKINGS
def test_masked_tokens_are_read_and_are_no_targets(write_shard: WriteShard, packing: Packing) -> None:
    masks = {"a": [False, True, True], "b": [True, False]}
    documents = open_documents([write_shard({"z": [2]}), write_shard({"a": [5, 6, 7], "b": [8, 9]}, masks=masks)])
    reading = index(documents, packing, context=20)
    batch = reading.batch(0, len(reading), SPECIALS)
    assert sorted(pairs(batch)) == sorted([(END, 2), (2, END), (5, 6), (6, 7), (7, END), (END, 8)])
    assert sorted(batch.inputs_BT.ravel().tolist())[-6:] == [2, 5, 6, 7, 8, 9]


@PACKINGS
def test_what_was_excluded_after_it_was_packed_is_padding_and_moves_nothing(
    write_shard: WriteShard, packing: Packing
) -> None:
    texts = {str(number): list(range(10 * number + 10, 10 * number + 17)) for number in range(9)}
    whole = open_documents([write_shard(texts)])
    later = open_documents([write_shard(texts, excluded=["4"])])
    first = index(whole, packing)
    second = build_index(later, np.arange(9), context=8, packing=packing, seed=1, epoch=0)
    before, after = (reading.batch(0, len(reading), SPECIALS) for reading in (first, second))
    kept = ~np.isin(before.inputs_BT, texts["4"]) & ~np.isin(before.targets_BT, texts["4"])
    assert np.array_equal(before.targets_BT[kept], after.targets_BT[kept])
    assert not set(texts["4"]) & (set(after.inputs_BT.ravel()) | set(after.targets_BT.ravel()))
    assert all(later.name(number)[1] != "4" for place in range(len(second)) for number in second.documents_of(place))


@PACKINGS
def test_the_index_follows_from_shards_seed_and_epoch_alone(write_shard: WriteShard, packing: Packing) -> None:
    texts = {str(number): list(range(number + 2, 2 * number + 5)) for number in range(40)}
    documents, again = open_documents([write_shard(texts)]), open_documents([write_shard(texts)])

    def content(reading: ReadingIndex) -> list[list[int]]:
        return reading.batch(0, len(reading), SPECIALS).inputs_BT.tolist()

    first = content(index(documents, packing))
    assert content(index(again, packing)) == first
    assert content(index(documents, packing, seed=2)) != first != content(index(documents, packing, epoch=1))


def test_stretches_of_batches_are_the_whole(write_shard: WriteShard) -> None:
    texts = {str(number): [number] * (3 * number + 1) for number in range(2, 30)}
    reading = index(open_documents([write_shard(texts)]), "contiguous")
    whole = reading.batch(0, len(reading), SPECIALS).inputs_BT
    parts = [reading.batch(place, 1, SPECIALS).inputs_BT for place in range(len(reading))]
    assert np.array_equal(whole, np.concatenate(parts))
    with pytest.raises(IndexError):
        reading.batch(len(reading), 1, SPECIALS)


def test_ids_of_four_bytes_are_read_as_well(write_shard: WriteShard) -> None:
    documents = open_documents([write_shard({"a": [70_000, 70_001]}, vocab_size=80_000)])
    assert index(documents, "contiguous").batch(0, 1, SPECIALS).targets_BT[0, :3].tolist() == [70_000, 70_001, END]


def test_documents_stay_mapped_while_an_index_is_used(write_shard: WriteShard, tmp_path: Path) -> None:
    """The view over all maps holds on to them."""
    reading = index(open_documents([write_shard({"a": [5, 6]}), write_shard({"b": [7, 8]})]), "contiguous")
    for path in tmp_path.glob("*.arrow"):
        path.unlink()
    assert sorted(reading.batch(0, 1, SPECIALS).inputs_BT[0].tolist())[-4:] == [5, 6, 7, 8]
