"""A model that fits on a page: a byte-level tokenizer over a few words, two Llama layers, text in two languages."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.sides import side_of
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.store.tokens import TokensWriter

TEXTS = (
    "The night shift reads new documents and trains a small model.",
    "夜班读取新的文档，训练一个小模型，然后评估它。",
    "A model is promoted only when it is really better than the champion.",
    "只有确实更好的模型才会被提升。",
)
CONTEXT_TOKENS = 32


def write_model(folder: Path, *, seed: int = 0) -> Path:
    """A model folder with random weights, the same for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    end, pad = "<|endoftext|>", "<|pad|>"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=end, eos_token=end, pad_token=pad, model_max_length=CONTEXT_TOKENS
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_documents(
    path: Path, texts: tuple[str, ...] = TEXTS, *, source: str = "tiny", languages: tuple[str | None, ...] = ()
) -> Path:
    """A documents.v2 file; ids are 000...0, 000...1 and so on, urls 0.txt, 1.txt."""
    spoken = languages or (None,) * len(texts)
    rows = [
        {"document_id": f"{i:032x}", "source": source, "url": f"{i}.txt", "format": "text", "language": own, "text": t}
        for i, (t, own) in enumerate(zip(texts, spoken, strict=True))
    ]
    write_parquet(pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA), path)
    return path


def write_tokens(path: Path, documents: Sequence[Sequence[int]], *, vocab_size: int = 320) -> Path:
    """A tokens.v2 file of the given documents; ids are 000...0, 000...1 and so on, sides those of `write_documents`."""
    with TokensWriter(path, vocab_size) as writer:
        names = [f"{number:032x}" for number in range(len(documents))]
        writer.write(names, [side_of("tiny", f"{number}.txt") for number in range(len(documents))], documents)
    return path
