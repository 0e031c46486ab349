"""A training so small that a step takes milliseconds: one layer, 258 tokens, rows of 17 ids."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from pipeline_lib.schemas import DOCUMENTS_SCHEMA, tokens_schema
from pipeline_lib.train.job import TrainInputs
from pipeline_lib.train.settings import TrainSettings

TEXTS = [
    "The night is long, and the model learns while its owners sleep. " * 3,
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？" * 3,
]
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
    return TrainInputs(
        new_rows=(write_rows(folder / "new.arrow", ids),),
        replay_rows=(),
        tokenizer=folder / "tokenizer",
        trunk=None,
        heldout=(write_documents(folder / "heldout.parquet"),),
    )


def write_rows(path: Path, ids: list[int]) -> Path:
    """Rows of 17 ids that overlap by one, as the tokenize stage writes them."""
    stride = ROW_TOKENS - 1
    rows = np.stack([ids[at : at + ROW_TOKENS] for at in range(0, len(ids) - ROW_TOKENS, stride)]).astype(np.uint16)
    schema = tokens_schema(ROW_TOKENS, 258)
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), type=schema.field("ids").type)
    with pa.ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pa.record_batch([column], schema=schema))
    return path


def write_documents(path: Path) -> Path:
    """The texts as held-out documents."""
    rows = [
        {
            "document_id": f"{number:032x}",
            "source": "s",
            "url": str(number),
            "format": "text",
            "language": None,
            "text": text,
        }
        for number, text in enumerate(TEXTS)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA), path)
    return path
