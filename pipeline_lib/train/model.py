"""The network: its shape from the settings, its first weights from a seed or from last night's trunk.

A lineage is what must stay for weights to be of use: shape, optimizer and tokenizer. When one of them changes, the
trunk of last night does not fit any more and a new lineage starts from scratch.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel, Qwen3Config

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.scoring import START_TOKEN
from pipeline_lib.train.settings import TrainSettings

PAD_TOKEN = "<|pad|>"
CONFIGS = {"llama": LlamaConfig, "qwen3": Qwen3Config}


def special_ids(tokenizer: Path) -> tuple[int, int]:
    """Ids of <|endoftext|> and <|pad|> in the tokenizer of a folder."""
    vocabulary = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    end_id, pad_id = vocabulary.token_to_id(START_TOKEN), vocabulary.token_to_id(PAD_TOKEN)
    if end_id is None or pad_id is None:
        raise DataError(
            f"{tokenizer}: lacks {START_TOKEN} or {PAD_TOKEN}. Raise tokenize.generation to train a new one."
        )
    return end_id, pad_id


def new_model(settings: TrainSettings, tokenizer: Path) -> PreTrainedModel:
    """A network with random weights that depend on the seed alone. Embedding and head share one matrix."""
    end_id, pad_id = special_ids(tokenizer)
    config = CONFIGS[settings.architecture](
        vocab_size=Tokenizer.from_file(str(tokenizer / "tokenizer.json")).get_vocab_size(),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=settings.num_heads,
        num_key_value_heads=settings.num_kv_heads,
        head_dim=settings.hidden_size // settings.num_heads,
        intermediate_size=settings.intermediate_size,
        max_position_embeddings=settings.context_tokens,
        tie_word_embeddings=True,
        bos_token_id=end_id,
        eos_token_id=end_id,
        pad_token_id=pad_id,
    )
    torch.manual_seed(settings.seed)
    return AutoModelForCausalLM.from_config(config)


def load_model(folder: Path) -> PreTrainedModel:
    """The network of a folder in float32. Reads safetensors and nothing else."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )


def save_model(model: PreTrainedModel, tokenizer: Path, folder: Path) -> None:
    """Write a folder that loads with transformers alone: weights, configuration, tokenizer."""
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (tokenizer / name).exists():
            shutil.copyfile(tokenizer / name, folder / name)


def device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(settings: TrainSettings) -> str:
    """bf16 where matrices are multiplied in it by hardware, else fp32. fp16 is never used: it needs a loss scaler."""
    if settings.precision != "auto":
        return settings.precision
    if device().type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    capabilities: Any = torch.cpu.get_capabilities()
    return "bf16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "fp32"
