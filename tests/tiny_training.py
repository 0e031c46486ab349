"""A training so small that a step takes milliseconds: one layer, 258 tokens, rows of 17 ids."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from pipeline_lib.train.job import TrainInputs
from pipeline_lib.train.settings import TrainSettings
from tests.tiny_model import write_documents, write_rows

TEXTS = (
    "The night is long, and the model learns while its owners sleep. " * 3,
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？" * 3,
)
ROW_TOKENS = 17


# Six steps on the trunk, two on the branch, a checkpoint after every second one.
TINY = TrainSettings(
    hidden_size=16,
    num_layers=1,
    num_heads=2,
    num_kv_heads=1,
    intermediate_size=32,
    batch_rows=2,
    max_steps=8,
    num_epochs=100,
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
    """English and Chinese text, a tokenizer of single bytes."""
    folder = tmp_path_factory.mktemp("inputs")
    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|pad|>"])
    (folder / "tokenizer").mkdir()
    tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
    ids = [number for text in TEXTS for number in tokenizer.encode(text).ids]
    rows = [ids[at : at + ROW_TOKENS] for at in range(0, len(ids) - ROW_TOKENS, ROW_TOKENS - 1)]  # overlap by one
    return TrainInputs(
        new_rows=(write_rows(folder / "new.arrow", rows, vocab_size=258),),
        replay_rows=(),
        tokenizer=folder / "tokenizer",
        trunk=None,
        heldout=(write_documents(folder / "heldout.parquet", TEXTS),),
    )
