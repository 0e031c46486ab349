"""What is read of a document to tell its language: 500 characters from its start, its middle and its end each.

A README begins with badges and ends with a licence. One that is hardly longer is read as a whole; no sample is longer
than 6,002 bytes, so that from here on a document costs the same whatever its size.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.utf8 import Bytes, behind_characters, num_followers

SAMPLE_CHARS = 500
_NUM_PIECES, _NEWLINE = 3, 10

Counts = npt.NDArray[np.int64]


def sampled(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """The sample of each text, its pieces on lines of their own; texts must not be null."""
    data, offsets = buffers_of(texts)
    pieces = np.zeros((len(texts), _NUM_PIECES, 2), np.int64)
    _find(data, offsets, pieces)
    lengths = pieces[:, :, 1] - pieces[:, :, 0]
    ends = np.concatenate(([0], np.cumsum(lengths.sum(1) + np.maximum((lengths > 0).sum(1) - 1, 0))))
    samples = np.empty(ends[-1], np.uint8)
    _copy(data, pieces, samples)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(samples))


@compiled
def _find(data: Bytes, offsets: Counts, pieces: Counts) -> None:
    """Fill pieces[i, k] with the first byte of piece k of text i and the one behind it."""
    for i in range(len(pieces)):
        first, last = offsets[i], offsets[i + 1]
        num_chars = last - first
        if num_chars > _NUM_PIECES * SAMPLE_CHARS:
            num_chars -= num_followers(data, first, last)
        if num_chars <= _NUM_PIECES * SAMPLE_CHARS:
            pieces[i, 0, 0], pieces[i, 0, 1] = first, last
            continue
        middle = (num_chars - SAMPLE_CHARS) // 2
        at = pieces[i, 0, 0] = first
        at = pieces[i, 0, 1] = behind_characters(data, at, SAMPLE_CHARS)
        at = pieces[i, 1, 0] = behind_characters(data, at, middle - SAMPLE_CHARS)
        at = pieces[i, 1, 1] = behind_characters(data, at, SAMPLE_CHARS)
        pieces[i, 2, 0] = behind_characters(data, at, num_chars - middle - 2 * SAMPLE_CHARS)
        pieces[i, 2, 1] = last


@compiled
def _copy(data: Bytes, pieces: Counts, samples: Bytes) -> None:
    """Write the pieces one behind the other, a newline between two of the same text."""
    end = 0
    for i in range(len(pieces)):
        for k in range(_NUM_PIECES):
            first, last = pieces[i, k, 0], pieces[i, k, 1]
            if k > 0 and first < last:
                samples[end] = _NEWLINE
                end += 1
            samples[end : end + last - first] = data[first:last]
            end += last - first
