"""Text to hashes, over the bytes of Arrow buffers and without a Python object per document.

    bytes -> normalized bytes -> token hashes -> shingle hashes -> MinHash signature | SimHash | sorted set

A token is hashed by FNV-1a over its code points, a shingle (`size` tokens in a row) by a polynomial over its tokens;
both end in MurmurHash3's 64-bit finalizer. A text with fewer tokens than `size` has one, shorter shingle; one without
tokens has none.

All kernels read UTF-8 that Arrow has checked. Shapes: data uint8[num_bytes], offsets int64[D+1], out [D, ...].
D documents, P permutations.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.characters import SEPARATOR, SINGLE, SPACE, WORD
from pipeline_lib.text.mixing import mix64
from pipeline_lib.text.utf8 import decode, encode

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

FNV_BASIS = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
SHINGLE_PRIME = np.uint64(0x9E3779B97F4A7C15)
FMIX_1, FMIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)  # MurmurHash3, fmix32
S16, S13 = np.uint32(16), np.uint32(13)
ONE = np.uint64(1)
MAX_U32 = np.uint32(0xFFFFFFFF)  # a signature without any shingle, as in datasketch


@compiled
def mix32(value: np.uint32) -> np.uint32:
    """MurmurHash3's 32-bit finalizer: what datasketch's affine32 does to a hash before it permutes it."""
    value = np.uint32((value ^ (value >> S16)) * FMIX_1)
    value = np.uint32((value ^ (value >> S13)) * FMIX_2)
    return np.uint32(value ^ (value >> S16))


@compiled
def class_of(code: int, classes: U8) -> int:
    """The class of a code point; beyond the table all are separators."""
    return int(classes[code]) if code < len(classes) else SEPARATOR


@compiled
def normalize(data: U8, offsets: I64, folded: U32, classes: U8, out: U8, out_offsets: I64) -> None:
    """Fold each character, make each run of white space one space and strip the ends; `out` is as long as `data`."""
    length = 0
    out_offsets[0] = 0
    for document in range(len(offsets) - 1):
        at = offsets[document]
        is_after_space = False
        while at < offsets[document + 1]:
            code, width = decode(data, at)
            at += width
            code = int(folded[code]) if code < len(folded) else code
            if class_of(code, classes) == SPACE:
                is_after_space = length > out_offsets[document]
                continue
            if is_after_space:
                out[length] = 32
                length += 1
                is_after_space = False
            length += encode(code, out, length)
        out_offsets[document + 1] = length


@compiled
def hash_tokens(data: U8, start: int, stop: int, classes: U8, out: U64) -> int:
    """Put the hash of each token of data[start:stop] into `out`; their number. `out` holds a hash per byte at most."""
    num_tokens = 0
    word = FNV_BASIS
    at = start
    while at < stop:
        code, width = decode(data, at)
        kind = class_of(code, classes)
        if kind != WORD and word != FNV_BASIS:
            out[num_tokens] = mix64(word)
            num_tokens += 1
            word = FNV_BASIS
        if kind == WORD:
            word = (word ^ np.uint64(code)) * FNV_PRIME
        elif kind == SINGLE:
            out[num_tokens] = mix64((FNV_BASIS ^ np.uint64(code)) * FNV_PRIME)
            num_tokens += 1
        at += width
    if word != FNV_BASIS:
        out[num_tokens] = mix64(word)
        num_tokens += 1
    return num_tokens


@compiled
def hash_shingles(data: U8, start: int, stop: int, classes: U8, size: int, tokens: U64) -> int:
    """Replace `tokens` by the shingle hashes of data[start:stop], in text order with repeats; their number."""
    num_tokens = hash_tokens(data, start, stop, classes, tokens)
    size = min(size, num_tokens)
    if size == 0:
        return 0
    num_shingles = num_tokens - size + 1
    for first in range(num_shingles):
        value = np.uint64(size)
        for token in tokens[first : first + size]:
            value = value * SHINGLE_PRIME + token
        tokens[first] = mix64(value)  # no later shingle begins here: its place is free
    return num_shingles


@compiled
def minhash_signatures(
    data: U8, offsets: I64, classes: U8, size: int, multipliers: U32, addends: U32, room: U64, out: U32
) -> None:
    """MinHash of each document, uint32[D, P]: min over its shingles x of multiplier * mix32(x mod 2^32) + addend.

    These are datasketch's `affine32` permutations: the signatures load there as they are.
    """
    for document in range(len(offsets) - 1):
        num_shingles = hash_shingles(data, offsets[document], offsets[document + 1], classes, size, room)
        signature = out[document]
        signature[:] = MAX_U32
        for shingle in room[:num_shingles]:
            value = mix32(np.uint32(shingle))
            for permutation in range(len(multipliers)):
                permuted = np.uint32(multipliers[permutation] * value + addends[permutation])
                signature[permutation] = min(signature[permutation], permuted)


@compiled
def simhashes(data: U8, offsets: I64, classes: U8, size: int, room: U64, out: U64) -> None:
    """SimHash of each document, uint64[D]: a bit is set where most shingle hashes have it (Charikar 2002)."""
    votes = np.zeros(64, np.int64)
    for document in range(len(offsets) - 1):
        num_shingles = hash_shingles(data, offsets[document], offsets[document + 1], classes, size, room)
        votes[:] = 0
        for shingle in room[:num_shingles]:
            for bit in range(64):
                votes[bit] += np.int64(shingle >> np.uint64(bit) & ONE)
        out[document] = 0
        for bit in range(64):
            if 2 * votes[bit] > num_shingles:
                out[document] |= ONE << np.uint64(bit)


@compiled
def shingle_sets(data: U8, offsets: I64, classes: U8, size: int, room: U64, out: U64, out_offsets: I64) -> None:
    """The shingle set of each document as sorted distinct hashes, one after the other in `out`."""
    out_offsets[0] = 0
    length = 0
    for document in range(len(offsets) - 1):
        num_shingles = hash_shingles(data, offsets[document], offsets[document + 1], classes, size, room)
        ordered = np.sort(room[:num_shingles])
        for position in range(num_shingles):
            if position == 0 or ordered[position] != ordered[position - 1]:
                out[length] = ordered[position]
                length += 1
        out_offsets[document + 1] = length


@compiled
def has_tokens(data: U8, offsets: I64, classes: U8, out: NDArray[np.bool_]) -> None:
    """Whether each document holds a token at all, bool[D]."""
    for document in range(len(offsets) - 1):
        out[document] = False
        at = offsets[document]
        while at < offsets[document + 1] and not out[document]:
            code, width = decode(data, at)
            out[document] = class_of(code, classes) >= WORD
            at += width
