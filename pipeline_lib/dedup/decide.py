"""The decision about one batch: first the same texts, then nearly the same ones.

The first document seen stays, in the order: earlier batches, shards, rows. Of a group (a connected component of
verified pairs) without an earlier document the first member stays; a group that touches an earlier batch loses all its
new members. `duplicate_of` always names a document that stays: a verified partner where one stays, else the one that
stays of its group; then the Jaccard with it may be below the limit, and it is reported as it is.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.dedup.compared import OpenText, read_sets
from pipeline_lib.dedup.entries import Entries, join
from pipeline_lib.dedup.link import Links, Nodes, jaccard, link
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.texts import ShingleSets

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

STAYS = -1


@dataclass(frozen=True)
class Decision:
    """What becomes of each document. `entries` are `num_earlier` of earlier batches, then those of this batch.

    A twin (the same text is in an entry before) shares the fate of the first one: if that goes as a near-duplicate,
    both go as that.
    """

    entries: Entries
    num_earlier: int
    num_earlier_shards: int
    partners: I64  # the entry that stays instead, or STAYS
    jaccards: F64  # with it
    is_near: NDArray[np.bool_]  # not the same text, only alike
    num_candidates: int
    num_verified: int
    num_gone: int  # earlier documents that may be alike and whose text is no longer there

    @property
    def parts(self) -> list[I64]:
        """The entries of each shard of the batch."""
        numbers = self.entries.numbers[self.num_earlier :]
        wanted = np.arange(self.num_earlier_shards, len(self.entries.shards) + 1)
        bounds = self.num_earlier + np.searchsorted(numbers, wanted)
        return [np.arange(start, stop) for start, stop in itertools.pairwise(bounds.tolist())]


def decide(settings: DedupSettings, earlier: Entries, batch: Entries, open_text: OpenText) -> Decision:
    """Decide every document of `batch` against those `earlier` ones that may matter, and against each other."""
    entries, num_earlier = join(earlier, batch), len(earlier)
    firsts = first_with_same_text(entries.contents)
    is_first = firsts == np.arange(len(entries))
    nodes = Nodes(entries.keys, entries.simhashes, entries.has_tokens & is_first, num_earlier)
    bits = settings.max_hamming_bits
    may_be_alike = link(nodes, max_hamming_bits=bits, sets=None, jaccard_at_least=0).is_linked
    compared = read_sets(
        entries,
        np.flatnonzero(may_be_alike),
        open_text,
        shingle_tokens=settings.shingle_tokens,
        chinese_scripts=settings.chinese_scripts,
    )
    candidates = replace(nodes, is_linkable=may_be_alike)
    links = link(candidates, max_hamming_bits=bits, sets=compared.sets, jaccard_at_least=settings.jaccard_at_least)
    partners, jaccards = _nearest(num_earlier, links, compared.sets)
    is_near = partners != STAYS
    for twin in np.flatnonzero(~is_first).tolist():
        first = int(firsts[twin])
        is_near[twin] = is_near[first]
        partners[twin] = partners[first] if is_near[first] else first
        jaccards[twin] = jaccards[first] if is_near[first] else 1.0
    counts = (links.num_candidates, links.num_verified, compared.num_gone)
    return Decision(entries, num_earlier, len(earlier.shards), partners, jaccards, is_near, *counts)


def first_with_same_text(contents: NDArray[np.uint64]) -> I64:
    """The first entry that has the same content id as each one, int64[D], from uint64[D, 2]."""
    order = np.lexsort((contents[:, 1], contents[:, 0]))  # stable: equal ones stay in order of age
    ordered = contents[order]
    begins = np.ones(len(contents), np.bool_)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    firsts = np.empty(len(contents), np.int64)
    firsts[order] = order[begins][np.cumsum(begins) - 1]
    return firsts


def _nearest(num_earlier: int, links: Links, sets: ShingleSets) -> tuple[I64, F64]:
    """The partner of each new entry that is not the oldest of its component, and the Jaccard with it."""
    partners, jaccards = np.full(len(links.roots), STAYS, np.int64), np.zeros(len(links.roots))
    kept = defaultdict(list)  # of each component that has an earlier member: all its earlier members
    for node in np.flatnonzero(links.is_linked[:num_earlier]).tolist():
        kept[int(links.roots[node])].append(node)
    for node in np.flatnonzero(links.roots != np.arange(len(links.roots))).tolist():
        if node < num_earlier:
            continue
        root = int(links.roots[node])
        alike = [(jaccard(sets.values, sets.offsets, partner, node), partner) for partner in kept[root] or [root]]
        jaccards[node], partners[node] = max(alike, key=lambda pair: (pair[0], -pair[1]))
    return partners, jaccards
