"""Token shards joined: each is found by its name with the rows that it had, whatever is in them."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.base.errors import DamagedArtifact, UpstreamError
from pipeline_lib.run.execute import execute
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.joined import batches_at, opened_at, place_of, place_without
from pipeline_lib.store.local import Store
from pipeline_lib.store.parts import JOINED, OF_TOKENS
from pipeline_lib.store.schemas import TOKENS_FILE
from pipeline_lib.store.tokens import ALL_TARGETS, TokensWriter
from pipeline_lib.tokenize.joined import joined_work, left_by, rows_left
from tests.shelf import put_shards, shard_row

Row = tuple[str, list[int], list[bool] | None]


def put_shard(store: Store, name: str, rows: Sequence[Row], vocab_size: int, batch_rows: int) -> None:
    """A shard of these rows, and a small file beside its tokens."""
    with store.draft(Ref(OF_TOKENS, name)) as draft:
        (draft.path / "beside.txt").write_text(name)
        with TokensWriter(draft.path / TOKENS_FILE, vocab_size) as writer:
            for at in range(0, len(rows), batch_rows):
                own = rows[at : at + batch_rows]
                writer.write(
                    [one for one, _, _ in own],
                    list(range(at, at + len(own))),
                    [ids for _, ids, _ in own],
                    [mask for _, _, mask in own],
                )
        draft.seal(Outcome(len(rows), len(rows)), maker="tokenize.encode", version=1, schema="tokens.v2")


def put_gone(store: Store, shards: Mapping[str, Sequence[Row]], gone: Mapping[str, Sequence[str]]) -> Ref:
    """A table of these shards, and of what left them."""
    rows = [shard_row(name, batch=name, documents=f"text-{name}") for name in shards]
    return put_shards(store, "table", rows, gone=[(one, name, 0) for name, left in gone.items() for one in left])


def read(store: Store, name: str) -> list[tuple[str, int, int, list[int], list[bool] | None]]:
    """All rows of a shard: id, side, length, and the tokens and masks that lie there."""
    place = place_of(store, name)
    found = opened_at(*place)
    lying = pa.Table.from_batches(batches_at(*place)).to_pylist()
    assert [row["document_id"] for row in lying] == found.document_ids.to_pylist()
    for number, row in enumerate(lying):
        tokens = found.ids[found.starts[number] :][: len(row["ids"])].tolist()
        assert tokens == row["ids"]
        assert (found.mask_starts[number] == ALL_TARGETS) == (row["mask"] is None)
    return [
        (row["document_id"], row["side"], int(found.lengths[number]), row["ids"], row["mask"])
        for number, row in enumerate(lying)
    ]


def make_rows(dice: random.Random, name: str, vocab_size: int) -> list[Row]:
    rows: list[Row] = []
    for number in range(dice.randrange(1, 12)):
        ids = [dice.randrange(vocab_size) for _ in range(dice.randrange(1, 9))]
        mask = [dice.random() < 0.5 for _ in ids] if dice.random() < 0.3 else None
        rows.append((f"{name}-{number}" if number else "the same in all", ids, mask))
    return rows


@pytest.mark.parametrize("seed", range(12))
def test_rows_stay_what_and_where_they_were_but_for_the_tokens_of_what_left(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    vocab_size = dice.choice([600, 70_000])
    shards = {f"s{number}": make_rows(dice, f"s{number}", vocab_size) for number in range(dice.randrange(1, 6))}
    for name, rows in shards.items():
        put_shard(store, name, rows, vocab_size, dice.randrange(1, 5))
    before = {name: read(store, name) for name in shards}
    left: dict[str, list[str]] = {name: [] for name in shards}
    manifests = {name: store.read(OF_TOKENS, name) for name in shards}
    for _ in range(2):  # and what is joined already is joined once more, when more has left
        for name, rows in shards.items():
            left[name] += [one for one, _, _ in rows if one not in left[name] and dice.random() < 0.4]
        table = put_gone(store, shards, left)
        work = joined_work(list(shards), [table], rows_left(store, left_by(store, [table], list(shards))))
        execute(work, store.root.parent)
        for name in shards:
            if store.is_apart(Ref(OF_TOKENS, name)):
                store.remove(Ref(OF_TOKENS, name))
        store.remove(table)

        for name in shards:
            expected = [
                (one, side, length, [], None) if one in left[name] else (one, side, length, ids, mask)
                for one, side, length, ids, mask in before[name]
            ]
            assert read(store, name) == expected
            assert store.read(OF_TOKENS, name) == manifests[name]
            assert store.open(OF_TOKENS, name, files=["beside.txt"]).file("beside.txt").read_text() == name
            place_without(store, name, left[name])
            if left[name]:
                with pytest.raises(DamagedArtifact, match="had left it") as caught:
                    place_without(store, name, left[name][1:])
                assert Ref(caught.value.stage, caught.value.fingerprint) == Ref(OF_TOKENS, name)


def test_another_table_than_was_planned_with_is_refused(store: Store) -> None:
    rows: list[Row] = [("a", [1, 2], None), ("b", [3], None)]
    put_shard(store, "s0", rows, 600, 9)
    table = put_gone(store, {"s0": rows}, {"s0": ["a"]})

    with pytest.raises(UpstreamError, match="other documents have left"):
        execute(joined_work(["s0"], [table], {"s0": []}), store.root.parent)


@pytest.mark.parametrize("file", [TOKENS_FILE, "parts.json.gz", "left.parquet", "s0/beside.txt", "manifest.json"])
def test_what_lies_in_a_damaged_place_is_lost_by_its_own_name(store: Store, file: str) -> None:
    rows: list[Row] = [("a", [1, 2], None), ("b", [3], None)]
    put_shard(store, "s0", rows, 600, 9)
    table = put_gone(store, {"s0": rows}, {"s0": ["a"]})
    made = execute(joined_work(["s0"], [table], {"s0": [0]}), store.root.parent)
    store.remove(Ref(OF_TOKENS, "s0"))
    assert store.is_present(Ref(OF_TOKENS, "s0"))
    path: Path = store.path(JOINED, made.fingerprint) / file
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")

    assert not store.is_present(Ref(OF_TOKENS, "s0")) and store.held(Ref(OF_TOKENS, "s0")) is None
    for ask in (place_of, lambda *own: store.open(OF_TOKENS, own[1], files=["beside.txt"])):
        with pytest.raises(DamagedArtifact) as caught:
            ask(store, "s0")
        assert Ref(caught.value.stage, caught.value.fingerprint) == Ref(OF_TOKENS, "s0")
    put_shard(store, "s0", rows, 600, 9)
    assert np.array_equal(opened_at(*place_without(store, "s0", ())).of(0), [1, 2])
