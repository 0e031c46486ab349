"""Encode texts: with tiktoken where it provably gives the same ids, else with `tokenizers`.

Both apply the same merges; tiktoken does it 5 times as fast (18 to 20 MB/s a core against 3.5). They agree when each
merge makes a new token and the ids follow the order of the merges; that is checked on the merges, and the whole of it
on a sample of each piece of a shard (the two bring their own tables of Unicode).
"""

import json
import re
from collections.abc import Sequence
from typing import Protocol

import tiktoken
from tokenizers import Tokenizer

from pipeline_lib.tokenize.runs import cut_long_runs
from pipeline_lib.tokenize.vocabulary import SPLIT, domain_terms

SAMPLE_TEXTS = 32  # of each piece of a shard, spread evenly: 5 % of the time
SAMPLE_CHARACTERS = 2_000  # of each text


class Encoder(Protocol):
    """Turns texts into ids."""

    name: str

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without special tokens."""


class TokenizersEncoder:
    """The oracle."""

    name = "tokenizers"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]


class TiktokenEncoder:
    """The same merges in tiktoken; domain terms are cut out of the text first, the longest first, then long runs."""

    name = "tiktoken"

    def __init__(self, ranks: dict[bytes, int], terms: dict[str, int]) -> None:
        self._encoding = tiktoken.Encoding("nightshift", pat_str=SPLIT, mergeable_ranks=ranks, special_tokens={})
        self._terms = terms
        longest_first = sorted(terms, key=lambda term: (-len(term), term))
        self._cut = re.compile("|".join(re.escape(term) for term in longest_first)) if terms else None

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        place = 0
        for match in self._cut.finditer(text) if self._cut else ():
            ids += self._encode_plain(text[place : match.start()])
            ids.append(self._terms[match.group()])
            place = match.end()
        return ids + self._encode_plain(text[place:])

    def _encode_plain(self, text: str) -> list[int]:
        parts = cut_long_runs(text)
        if len(parts) == 1:
            return list(self._encoding.encode_ordinary(text))
        return [number for part in parts for number in self._encoding.encode_ordinary(part)]


class CheckedEncoder:
    """tiktoken as long as it gives the ids of `tokenizers` on a sample of each piece of a shard; else `tokenizers`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        ranks = mergeable_ranks(tokenizer)
        self._oracle = TokenizersEncoder(tokenizer)
        self._encoder: Encoder = self._oracle if ranks is None else TiktokenEncoder(ranks, domain_terms(tokenizer))

    @property
    def name(self) -> str:
        """The one that is in use."""
        return self._encoder.name

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text of a piece."""
        sample = [text[:SAMPLE_CHARACTERS] for text in texts[:: max(1, len(texts) // SAMPLE_TEXTS)]]
        if self._encoder is not self._oracle and self._encoder.encode(sample) != self._oracle.encode(sample):
            self._encoder = self._oracle
        return self._encoder.encode(texts)


def mergeable_ranks(tokenizer: Tokenizer) -> dict[bytes, int] | None:
    """The bytes of each token and its id; None when merging by id is not the same as merging by the list of merges."""
    model = json.loads(tokenizer.to_str())["model"]
    made = ["".join(pair) for pair in model["merges"]]
    ids = [model["vocab"][token] for token in made]
    if ids != sorted(set(ids)):
        return None
    to_byte = {character: byte for byte, character in enumerate(_byte_alphabet())}
    tokens = [*to_byte, *made]
    return {bytes(to_byte[character] for character in token): model["vocab"][token] for token in tokens}


def _byte_alphabet() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2): printable ones for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return [chr(256 + others.index(byte)) if byte in others else chr(byte) for byte in range(256)]
