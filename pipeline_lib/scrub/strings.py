"""Personal data in Arrow arrays: in strings, and in the strings of maps, lists and structs.

One pass of RE2 over a whole array finds the strings with a place worth a look; only those become Python objects.
N rows, K kinds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.scrub.detect import Hit, find, may_hold
from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.pseudonym import replacement
from pipeline_lib.scrub.settings import KINDS, ScrubSettings

Counts = NDArray[np.int32]  # [N, K]: values found of each of KINDS


@dataclass(frozen=True)
class Scrubber:
    """What is done with each kind, and with which key."""

    settings: ScrubSettings
    key: ScrubKey

    def scrub(self, array: pa.Array) -> tuple[pa.Array, Counts]:
        """The array without personal data in its strings, and what was found in each of its rows.

        A nested array begins where its buffers begin: it is what a filter puts out, not a slice.
        """
        kind, is_null = array.type, array.is_null()
        if pa.types.is_map(kind):
            (keys, in_keys), (items, in_items) = self.scrub(array.keys), self.scrub(array.items)
            pairs = pa.MapArray.from_arrays(array.offsets, keys, items, mask=is_null)
            return pairs, _by_row(array.offsets, in_keys + in_items)
        if pa.types.is_list(kind):
            values, counts = self.scrub(array.values)
            return pa.ListArray.from_arrays(array.offsets, values, type=kind, mask=is_null), _by_row(
                array.offsets, counts
            )
        if pa.types.is_struct(kind):
            fields = [self.scrub(array.field(place)) for place in range(kind.num_fields)]
            whole = pa.StructArray.from_arrays([field for field, _ in fields], fields=list(kind), mask=is_null)
            return whole, np.sum([counts for _, counts in fields], axis=0, dtype=np.int32)
        return self._scrub_strings(array)

    def _scrub_strings(self, strings: pa.Array) -> tuple[pa.Array, Counts]:
        counts = np.zeros((len(strings), len(KINDS)), np.int32)
        places, texts = [], []
        worth_a_look = np.flatnonzero(may_hold(strings))
        for place, text in zip(worth_a_look.tolist(), _as_bytes(strings.take(pa.array(worth_a_look))), strict=True):
            if hits := find(text, self.settings.phone_regions):
                places.append(place)
                texts.append(self._replaced(text, hits))
                counts[place] = _counted(hits)
        return _with(strings, places, texts), counts

    def _replaced(self, text: bytes, hits: Sequence[Hit]) -> bytes:
        pieces, done = [], 0
        for hit in hits:
            token = replacement(self.key, hit.kind, hit.value, self.settings.action(hit.kind))
            pieces += [text[done : hit.start], token.encode()]
            done = hit.end
        return b"".join([*pieces, text[done:]])


def _counted(hits: Sequence[Hit]) -> list[int]:
    found = Counter(hit.kind for hit in hits)
    return [found[kind] for kind in KINDS]


def _as_bytes(strings: pa.Array) -> list[bytes]:
    texts: list[bytes] = strings.cast(pa.large_binary()).to_pylist()
    return texts


def _with(strings: pa.Array, places: Sequence[int], texts: Sequence[bytes]) -> pa.Array:
    """The strings with others in some places."""
    if not places:
        return strings
    mask = np.zeros(len(strings), np.bool_)
    mask[places] = True
    return pc.replace_with_mask(strings, pa.array(mask), pa.array(texts, pa.large_binary()).cast(strings.type))


def _by_row(offsets: pa.Array, counts: Counts) -> Counts:
    """Sums over the values of each row of a list, [N, K] from [values, K]."""
    sums = np.concatenate([np.zeros((1, counts.shape[1]), np.int32), np.cumsum(counts, axis=0, dtype=np.int32)])
    bounds = offsets.to_numpy()
    return np.asarray(sums[bounds[1:]] - sums[bounds[:-1]], np.int32)
