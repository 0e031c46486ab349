"""A training so small that a step takes milliseconds: one layer, 258 tokens, 16 of them a row."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from pipeline_lib.model.reading.snapshot import Arrived
from pipeline_lib.train.job import TokensInput, TrainInputs
from pipeline_lib.train.settings import TrainSettings
from tests.tiny_model import write_documents, write_tokens

TEXTS = tuple(
    text * 3
    for number in range(12)
    for text in (
        f"The night is long, and model {number} learns while its owners sleep. ",
        f"学而时习之，不亦说乎？有朋自远方来，不亦乐乎？{number}",
    )
)
SHARD_DOCUMENTS = 8


# Six steps on the trunk, two on the branch, a checkpoint after every second one.
TINY = TrainSettings(
    hidden_size=16,
    num_layers=1,
    num_heads=2,
    num_kv_heads=1,
    intermediate_size=32,
    context_tokens=16,
    batch_rows=2,
    max_steps=8,
    budget_minutes=None,
    checkpoint_every_steps=2,
    checkpoint_every_minutes=None,
    precision="fp32",
    threads=1,
)


@pytest.fixture(scope="session")
def settings() -> TrainSettings:
    """See TINY."""
    return TINY


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> TrainInputs:
    """English and Chinese text in three token shards, of which nothing is held out; a tokenizer of single bytes."""
    folder = tmp_path_factory.mktemp("inputs")
    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|pad|>"])
    (folder / "tokenizer").mkdir()
    tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
    documents = [tokenizer.encode(text).ids for text in TEXTS]
    parts = [documents[first : first + SHARD_DOCUMENTS] for first in range(0, len(documents), SHARD_DOCUMENTS)]
    return TrainInputs(
        tokens=tuple(write_shard(folder, f"shard-{number}", part) for number, part in enumerate(parts)),
        num_rows=16,
        tokenizer=folder / "tokenizer",
        trunk=None,
        heldout=(write_documents(folder / "heldout.parquet", TEXTS[:2]),),
    )


def write_shard(folder: Path, name: str, documents: Sequence[Sequence[int]], *, vocab_size: int = 258) -> TokensInput:
    """A token shard of which all is trained on."""
    path = write_tokens(folder / f"{name}.arrow", documents, vocab_size=vocab_size)
    return TokensInput(Arrived(name, 0.0, len(documents), sum(map(len, documents)), "batch", name), path)
