"""From sketches to keys: two documents are candidates when they share a key in the same band.

MinHash (Broder 1997): `rows` values of the signature make one key of 32 bits; with 1 M documents about 120 pairs a
band share one by chance, which costs as many verifications and no precision.
SimHash (Manku et al. 2007): 64 bits are cut into max_hamming_bits + 1 blocks; two hashes that differ in at most
max_hamming_bits bits agree in a block, so no such pair is missed.
"""

import itertools

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.dedup.settings import DedupSettings

Keys = NDArray[np.uint32]
Matrix = NDArray[np.uint32]


def num_keys(settings: DedupSettings) -> int:
    """How many keys each document has."""
    return {"minhash": settings.bands, "simhash": settings.max_hamming_bits + 1, None: 0}[settings.method]


def keys_of(settings: DedupSettings, sketches: pa.Table) -> Keys:
    """The keys of each row of a sketch.v1 table, uint32[D, K]."""
    if settings.method == "minhash":
        return to_matrix(sketches["keys"], settings.bands)
    if settings.method == "simhash":
        return block_keys(sketches["simhash"].to_numpy(), num_keys(settings))
    return np.empty((len(sketches), 0), np.uint32)


def band_keys(signatures: NDArray[np.uint32], bands: int) -> Keys:
    """One key for each band of consecutive signature values, uint32[D, bands], from uint32[D, bands * rows]."""
    rows = signatures.reshape(len(signatures), bands, signatures.shape[1] // bands).astype(np.uint64)
    keys = np.zeros(rows.shape[:2], np.uint64)
    for row in range(rows.shape[2]):
        keys = (keys ^ rows[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(32)
    return keys.astype(np.uint32)


def block_keys(simhashes: NDArray[np.uint64], num_blocks: int) -> Keys:
    """The blocks of each SimHash, uint32[D, num_blocks], from uint64[D]; at least two blocks."""
    borders = [64 * block // num_blocks for block in range(num_blocks + 1)]
    blocks = [
        (simhashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1) for low, high in itertools.pairwise(borders)
    ]
    return np.stack(blocks, axis=1).astype(np.uint32)


def to_lists(matrix: Matrix) -> pa.ListArray:
    """uint32[D, W] as a list column of D rows."""
    offsets = np.arange(len(matrix) + 1, dtype=np.int32) * matrix.shape[1]
    return pa.ListArray.from_arrays(offsets, matrix.ravel())


def to_matrix(column: pa.ChunkedArray, width: int) -> Matrix:
    """A list column of D rows as uint32[D, width]. Raises `ValueError` when the lists are not `width` long."""
    values = [chunk.flatten().to_numpy() for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.uint32), *values]).reshape(len(column), width)
