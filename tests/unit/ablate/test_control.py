"""The control: as many documents less, drawn at random, and nothing else."""

from pathlib import Path

import pytest

from pipeline_lib.ablate.control import control_work
from pipeline_lib.model.reading.documents import shard_of, trained_on
from pipeline_lib.model.reading.snapshot import EXCLUDED_FILE, SHARDS_FILE, read_excluded, read_shards
from pipeline_lib.run.execute import execute
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.works import snapshot_work
from tests.trained_nights import ONE, SOURCE, TWO, WITHDRAWN, Nights, put_tokenizer


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """Two batches, the second of which withdraws a document of the first."""
    found = Nights(Workspace(tmp_path / "workspace"))
    put_tokenizer(found.workspace)
    found.batch("0001-one", ONE)
    found.batch("0002-two", TWO, gone=[(WITHDRAWN, "one", 0)])
    return found


def snapshot(nights: Nights) -> Manifest:
    work = snapshot_work(Ref("tokenize", "tokenizer"), tuple(nights.tables), [{"source": SOURCE}])
    return execute(work, nights.workspace.root)


def read(nights: Nights, made: Manifest) -> dict[str, int]:
    """The documents that a training reads of it, and their tokens."""
    store = nights.workspace.store
    opened = store.open(made.ref.stage, made.fingerprint)
    excluded = read_excluded(opened.file(EXCLUDED_FILE))
    shards = read_shards(opened.file(SHARDS_FILE))
    parts = [trained_on(shard_of(store, one.shard, one.heldout_share, excluded.get(one.shard, ()))) for one in shards]
    found = {
        name: tokens for ids, lengths in parts for name, tokens in zip(ids.to_pylist(), lengths.tolist(), strict=True)
    }
    assert sum(one.num_documents for one in shards) == len(found)
    assert sum(one.num_tokens for one in shards) == sum(found.values())
    return found


def test_so_many_documents_go_and_the_others_stay_as_they_were(nights: Nights) -> None:
    before = snapshot(nights)
    there = read(nights, before)
    left = read(nights, execute(control_work(before.ref, 3, 1), nights.workspace.root))
    assert len(left) == len(there) - 3
    assert left.items() < there.items()
    assert WITHDRAWN not in left


def test_a_seed_draws_the_same_ones_and_another_seed_others(nights: Nights) -> None:
    before = snapshot(nights)
    drawn = [
        frozenset(read(nights, execute(control_work(before.ref, 4, seed), nights.workspace.root)))
        for seed in (1, 1, 2, 3, 4)
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


def test_where_a_step_takes_nothing_out_or_adds_some_one_document_goes(nights: Nights) -> None:
    before = snapshot(nights)
    for num_fewer in (0, -5):
        left = read(nights, execute(control_work(before.ref, num_fewer, 1), nights.workspace.root))
        assert len(left) == len(read(nights, before)) - 1
