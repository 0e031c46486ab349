"""Token shards of a few documents."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pipeline_lib.model.reading.documents import Shard
from pipeline_lib.store.tokens import TokensWriter

WriteShard = Callable[..., Shard]
TRAIN, HELDOUT = 2**63, 0  # sides, at a share of a half


@pytest.fixture
def write_shard(tmp_path: Path) -> WriteShard:
    """`write_shard({"name": [ids]})` gives a shard at a held-out share of a half; `heldout` and `excluded` by name."""
    numbers = iter(range(10_000))

    def _write(
        documents: Mapping[str, Sequence[int]],
        *,
        heldout: Sequence[str] = (),
        excluded: Sequence[str] = (),
        masks: Mapping[str, Sequence[bool]] | None = None,
        vocab_size: int = 1000,
    ) -> Shard:
        path = tmp_path / f"{next(numbers)}.arrow"
        with TokensWriter(path, vocab_size) as writer:
            for name, ids in documents.items():  # a batch each
                side = HELDOUT if name in heldout else TRAIN
                writer.write([name], [side], [ids], [(masks or {}).get(name)])
        return Shard(path, 0.5, tuple(excluded))

    return _write
