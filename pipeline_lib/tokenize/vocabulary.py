"""The tokenizer itself: byte-level BPE (Sennrich 2016, bytes as in GPT-2) in the file format of `tokenizers`.

Every byte is a token, so every text can be encoded and comes back the same. Text is first split into pieces that no
token crosses. The split follows GPT-4's, with three changes:
- A run of Han characters is cut after 8 of them: Chinese has no blanks, and a whole clause would be one piece (rare
  pieces, no use for merges). 3.44 bytes a token with runs of 8, 3.35 with 4, 2.92 with single characters (laws and
  READMEs, 4096 tokens); training takes 2.3, 1.6 and 0.6 s on 3.5 MB.
- Marks go with their letters, as Indic scripts and decomposed accents need it.
- There is no look-ahead: without it tiktoken's engine is linear in the text, whatever the text is.
Before all that, long runs are cut (runs.py): no piece is longer than 33 letters, or 33 symbols and 32 blanks.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline_lib.store.files import write_atomically, write_json
from pipeline_lib.tokenize.runs import RUNS

END_OF_TEXT = "<|endoftext|>"  # stands behind each document, and so before the next one: begin and end in one
PAD = "<|pad|>"
TOKENIZER_FILE = "tokenizer.json"

SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}&&[^\p{Han}]]+|\p{Han}{1,8}|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
)


def train(texts: Iterable[str], *, vocab_size: int, min_frequency: int, domain_terms: Sequence[str]) -> Tokenizer:
    """Learn merges from the texts. The special tokens are 0 and 1; domain terms come last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(RUNS), behavior="isolated"),
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(domain_terms),
        min_frequency=min_frequency,
        special_tokens=[END_OF_TEXT, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(term, normalized=False, special=False) for term in domain_terms])
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the three files that transformers' AutoTokenizer reads."""
    write_atomically(folder / TOKENIZER_FILE, (tokenizer.to_str(pretty=True) + "\n").encode())
    special = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": PAD}
    write_json(folder / "special_tokens_map.json", special)
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(folder / "tokenizer_config.json", {**kind, **special})


def load(folder: Path) -> Tokenizer:
    """The tokenizer of a folder, to which special tokens inside a text are plain text.

    A document that holds "<|endoftext|>" would otherwise end in its middle.
    """
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.encode_special_tokens = True
    return tokenizer


def domain_terms(tokenizer: Tokenizer) -> dict[str, int]:
    """The added tokens that are not special, with their ids."""
    added = json.loads(tokenizer.to_str())["added_tokens"]
    return {token["content"]: token["id"] for token in added if not token["special"]}
