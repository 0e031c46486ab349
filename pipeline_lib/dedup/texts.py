"""Texts as one block of normalized bytes, and what the kernels make of it.

Normalized: characters folded (NFKC, lower case; where Chinese scripts are unified, forms of one Han character to one of
them), each run of white space one space, the ends stripped.
Two texts with equal normalized bytes are exact duplicates.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from pipeline_lib.base.arrays import read_only
from pipeline_lib.dedup import kernels
from pipeline_lib.dedup.settings import ChineseScripts
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.characters import folded_characters, token_classes
from pipeline_lib.text.han_forms import unified_characters


@dataclass(frozen=True)
class Texts:
    """Normalized UTF-8 of D documents: document i is data[offsets[i]:offsets[i+1]]."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class ShingleSets:
    """The distinct shingle hashes of D documents, sorted: those of document i are values[offsets[i]:offsets[i+1]]."""

    values: NDArray[np.uint64]
    offsets: NDArray[np.int64]


def normalize(column: pa.ChunkedArray, chinese_scripts: ChineseScripts = "apart") -> Texts:
    """The normalized form of a column of large strings."""
    folded = unified_characters() if chinese_scripts == "unified" else folded_characters()
    data, offsets = buffers_of(pa.chunked_array([*column.chunks], pa.large_string()).combine_chunks())
    out, out_offsets = np.empty(int(offsets[-1] - offsets[0]), np.uint8), np.empty(len(offsets), np.int64)
    kernels.normalize(read_only(data), read_only(offsets), folded, token_classes(), out, out_offsets)
    return Texts(out[: out_offsets[-1]], out_offsets)


def content_ids(texts: Texts) -> list[bytes]:
    """xxh3_128 of each normalized text, 16 bytes."""
    view = texts.data.data
    bounds = texts.offsets.tolist()
    return [xxhash.xxh3_128_digest(view[a:b]) for a, b in itertools.pairwise(bounds)]


def minhash_signatures(texts: Texts, shingle_tokens: int, num_permutations: int, seed: int) -> NDArray[np.uint32]:
    """Signatures as datasketch's `MinHash(num_perm, seed, scheme="affine32")` makes them, uint32[D, P]."""
    multipliers, addends = _permutations(num_permutations, seed)
    out = np.empty((len(texts), num_permutations), np.uint32)
    kernels.minhash_signatures(
        texts.data,
        texts.offsets,
        token_classes(),
        shingle_tokens,
        multipliers,
        addends,
        _room(texts),
        out,
    )
    return out


def _permutations(num: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The a and b of each permutation h -> a * h + b (mod 2^32), a odd, as datasketch draws them from the seed.

    datasketch would give them itself, but loads SciPy for it: 0.4 s of each process.
    """
    dice = np.random.RandomState(seed)
    multipliers = dice.randint(0, 1 << 31, num, np.uint32) * np.uint32(2) + np.uint32(1)
    return multipliers, dice.randint(0, 1 << 32, num, np.uint32)


def simhashes(texts: Texts, shingle_tokens: int) -> NDArray[np.uint64]:
    """The 64-bit SimHash of each text, uint64[D]."""
    out = np.empty(len(texts), np.uint64)
    kernels.simhashes(texts.data, texts.offsets, token_classes(), shingle_tokens, _room(texts), out)
    return out


def shingle_sets(texts: Texts, shingle_tokens: int) -> ShingleSets:
    """The shingle set of each text: 8 bytes a shingle, about the size of the text itself."""
    out = np.empty(len(texts.data), np.uint64)  # a shingle begins at a byte
    out_offsets = np.empty(len(texts) + 1, np.int64)
    kernels.shingle_sets(texts.data, texts.offsets, token_classes(), shingle_tokens, _room(texts), out, out_offsets)
    return ShingleSets(out[: out_offsets[-1]].copy(), out_offsets)


def has_tokens(texts: Texts) -> NDArray[np.bool_]:
    """Whether each text holds a token at all: one of signs alone is like no other text."""
    out = np.empty(len(texts), np.bool_)
    kernels.has_tokens(texts.data, texts.offsets, token_classes(), out)
    return out


def _room(texts: Texts) -> NDArray[np.uint64]:
    longest = int(np.diff(texts.offsets).max(initial=0))
    return np.empty(longest, np.uint64)
