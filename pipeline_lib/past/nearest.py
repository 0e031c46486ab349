"""The names that are most like one that a person typed, of 100,000 in a tenth of a second.

difflib says how much alike two names are, in 0.1 ms or more. It is only asked about those that share most groups of
three bytes with the name.
"""

from difflib import SequenceMatcher

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

GROUP = 3  # bytes in a row
PIECE_NAMES = 1 << 16  # looked at together: 30 bytes of memory for each byte of them
COMPARED = 400  # names that difflib is asked about
MOST_CHARACTERS = 300  # of a name that are compared: the last ones, which say most
LEAST_ALIKE = 0.6  # difflib's own limit


def nearest(names: pa.ChunkedArray, name: str, limit: int) -> list[str]:
    """The `limit` names that are most like a name by difflib's ratio, without regard to case.

    None that is less than `LEAST_ALIKE`; but one that holds so much of the name is like it, however long it is.
    """
    every, key = names.unique(), name.lower()[-MOST_CHARACTERS:]
    pieces = (every.slice(at, PIECE_NAMES) for at in range(0, max(1, len(every)), PIECE_NAMES))
    shared = np.concatenate([num_shared(pc.utf8_lower(piece), key.encode()) for piece in pieces])
    chosen = every.take(np.lexsort((pc.binary_length(every).to_numpy(), -shared))[:COMPARED])
    matcher = SequenceMatcher(b=key, autojunk=False)
    groups = {key[at : at + GROUP] for at in range(max(1, len(key) - GROUP + 1))}
    alike = []
    for found in chosen.to_pylist():
        lowered = found.lower()[-MOST_CHARACTERS:]
        matcher.set_seq1(lowered)
        ratio = matcher.ratio()
        if max(ratio, sum(group in lowered for group in groups) / len(groups)) >= LEAST_ALIKE:
            alike.append((-ratio, found))
    return [found for _, found in sorted(alike)[:limit]]


def num_shared(texts: pa.Array, key: bytes) -> NDArray[np.int64]:
    """At how many places of each text a group begins that the key holds, too; of a shorter key: whether it holds it."""
    if len(key) < GROUP or not len(texts):
        return np.asarray(pc.match_substring(texts, key.decode()).cast(pa.int64()))
    _, bounds, letters = texts.cast(pa.large_string()).buffers()
    offsets = np.frombuffer(bounds, np.int64)[: len(texts) + 1]
    is_known = np.zeros(1 << 8 * GROUP, np.bool_)
    is_known[_groups(np.frombuffer(key, np.uint8))] = True
    is_shared = np.zeros(offsets[-1], np.bool_)
    if offsets[-1] >= GROUP:
        is_shared[: 1 - GROUP] = is_known[_groups(np.frombuffer(letters, np.uint8)[: offsets[-1]])]
    for back in range(1, GROUP):  # what begins there ends in the next text
        places = offsets[1:] - back
        is_shared[places[places >= 0]] = False
    before = np.concatenate([np.zeros(1, np.int64), is_shared.cumsum()])
    return np.asarray(before[offsets[1:]] - before[offsets[:-1]])


def _groups(letters: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The number of the group that begins at each place, but at the last two."""
    first, second, third = (letters[at : len(letters) + 1 - GROUP + at].astype(np.uint32) for at in range(GROUP))
    return np.asarray(first << 16 | second << 8 | third, np.uint32)
