"""A model folder as other tools serve it: they begin a text as training did, keep a cache, and stop at the context
(transformers without MLflow does only where no `max_new_tokens` is given).

Training sets the start of each document itself, and needs no cache; transformers, MLflow and what else opens the folder
know only what its files say. The weights stay as they were trained; so does what a tokenizer makes of a text by itself
(`add_special_tokens=False`, by which models are trained and judged).
"""

from pathlib import Path
from typing import Any

from pipeline_lib.model.backends import CONFIG_FILE
from pipeline_lib.model.scoring import START_TOKEN
from pipeline_lib.store.files import read_json, write_json

GENERATION_FILE = "generation_config.json"
TOKENIZER_FILE, TOKENIZER_CONFIG_FILE = "tokenizer.json", "tokenizer_config.json"
# What a request may ask of the model, and of which type; not asked for: greedy, up to the end of the context.
PARAMETERS = {
    "max_new_tokens": "long",
    "do_sample": "boolean",
    "temperature": "double",
    "top_k": "long",
    "top_p": "double",
    "repetition_penalty": "double",
}
# How MLflow calls the model, unasked. No file can end at the context what transformers (5.23) writes: `max_new_tokens`
# takes precedence over `max_length`, and rotary positions have no end. So its pipeline makes room beforehand: it leaves
# out at the start of a text as many tokens as do not fit beside those that are asked for, and refuses to write as many
# as the context holds, or more. That is asked for call by call: what opens the folder without MLflow has to do so.
CALLED_WITH = {"handle_long_generation": "hole"}


def make_ready(folder: Path) -> None:
    """Write into the files of a model folder, in place, what others need to serve it as it was trained.

    What is not there (a graph has no generation_config.json) is left out.
    """
    context_tokens = read_json(folder / CONFIG_FILE).get("max_position_embeddings")
    _say(folder / CONFIG_FILE, use_cache=True)
    _say(folder / GENERATION_FILE, max_length=context_tokens)
    _say(folder / TOKENIZER_CONFIG_FILE, model_max_length=context_tokens)
    if (folder / TOKENIZER_FILE).is_file():
        _begin_with_start(folder / TOKENIZER_FILE)


def _say(path: Path, **values: Any) -> None:
    if path.is_file():
        known = {name: value for name, value in values.items() if value is not None}
        write_json(path, {**read_json(path), **known})


def _begin_with_start(path: Path) -> None:
    """Let the tokenizer put <|endoftext|> before a text, unless it puts something around one already."""
    from tokenizers import Tokenizer
    from tokenizers.processors import Sequence, TemplateProcessing

    tokenizer = Tokenizer.from_file(str(path))
    start_id = tokenizer.token_to_id(START_TOKEN)
    if start_id is None or tokenizer.num_special_tokens_to_add(is_pair=False):
        return
    start = TemplateProcessing(
        single=f"{START_TOKEN} $A", pair=f"{START_TOKEN} $A $B", special_tokens=[(START_TOKEN, start_id)]
    )
    before = tokenizer.post_processor
    tokenizer.post_processor = start if before is None else Sequence([before, start])
    path.write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")
