"""Which documents belong together: candidates by shared keys, verified, then connected components.

Only verified pairs make an edge. LSH alone is wrong about a third of what it would remove.

Nodes are numbered in order of age: first those of earlier batches, then the new ones. A component is named by its
oldest node, so that node stays, and "touches an earlier batch" reads: its name is below `num_earlier`. Two earlier
nodes are never compared, because that has been decided.

Each pair is compared at most once (in the first band in which it shares a key) and not at all when its nodes are
connected already: a thousand copies cost a thousand comparisons. N nodes, B bands.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.arrays import read_only
from pipeline_lib.base.compiled import compiled
from pipeline_lib.dedup.texts import ShingleSets

I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]


@dataclass(frozen=True)
class Nodes:
    """The documents to link: keys uint32[N, B], simhashes uint64[N], is_linkable bool[N] (it has tokens)."""

    keys: U32
    simhashes: U64
    is_linkable: NDArray[np.bool_]
    num_earlier: int


@dataclass(frozen=True)
class Links:
    """`roots` int64[N] names the component of each node by its oldest node."""

    roots: I64
    num_candidates: int  # pairs compared
    num_verified: int  # pairs that became an edge

    @property
    def is_linked(self) -> NDArray[np.bool_]:
        """Whether a node shares its component with another one, bool[N]."""
        sizes = np.bincount(self.roots, minlength=len(self.roots))
        return np.asarray(sizes[self.roots] > 1)


class _State(NamedTuple):
    """What the kernels read (all but the last two) and write."""

    keys: U32
    simhashes: U64
    values: U64  # of the shingle sets
    offsets: I64
    num_earlier: int
    max_hamming_bits: int
    jaccard_at_least: float  # 0: the sets are not looked at
    parents: I64
    counts: I64  # candidates, verified


def link(nodes: Nodes, *, max_hamming_bits: int, sets: ShingleSets | None, jaccard_at_least: float) -> Links:
    """Link candidates that are close by SimHash and by Jaccard; without `sets` every close candidate is an edge."""
    state = _State(
        keys=read_only(nodes.keys),
        simhashes=read_only(nodes.simhashes),
        values=sets.values if sets else np.empty(0, np.uint64),
        offsets=sets.offsets if sets else np.zeros(1, np.int64),
        num_earlier=nodes.num_earlier,
        max_hamming_bits=max_hamming_bits,
        jaccard_at_least=jaccard_at_least if sets else 0.0,
        parents=np.arange(len(nodes.keys), dtype=np.int64),
        counts=np.zeros(2, np.int64),
    )
    linkable = np.flatnonzero(nodes.is_linkable)
    for band in range(nodes.keys.shape[1]):
        keys = nodes.keys[linkable, band]
        order = np.argsort(keys, kind="stable")
        _link_band(state, band, linkable[order], keys[order])
    _settle(state.parents)
    return Links(state.parents, int(state.counts[0]), int(state.counts[1]))


@compiled
def jaccard(values: U64, offsets: I64, first: int, second: int) -> float:
    """|A and B| / |A or B| of two sorted sets; 0 when both are empty."""
    a, b = offsets[first], offsets[second]
    num_common = 0
    while a < offsets[first + 1] and b < offsets[second + 1]:
        if values[a] == values[b]:
            num_common += 1
            a += 1
            b += 1
        elif values[a] < values[b]:
            a += 1
        else:
            b += 1
    size = offsets[first + 1] - offsets[first] + offsets[second + 1] - offsets[second]
    return num_common / (size - num_common) if size else 0.0


@compiled
def _root(parents: I64, node: int) -> int:
    """The oldest node of the component; paths are halved on the way."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@compiled
def _settle(parents: I64) -> None:
    """Let each node name the oldest node of its component."""
    for node in range(len(parents)):
        parents[node] = _root(parents, node)


@compiled
def _is_one_component(parents: I64, nodes: I64) -> bool:
    root = _root(parents, nodes[0])
    num_apart = 0
    for node in nodes:
        num_apart += _root(parents, node) != root
    return num_apart == 0


@compiled
def _num_bits(value: np.uint64) -> int:
    count = 0
    while value:
        value &= value - np.uint64(1)
        count += 1
    return count


@compiled
def _is_alike(state: _State, first: int, second: int) -> bool:
    if _num_bits(state.simhashes[first] ^ state.simhashes[second]) > state.max_hamming_bits:
        return False
    if state.jaccard_at_least == 0:
        return True
    a = state.offsets[first + 1] - state.offsets[first]
    b = state.offsets[second + 1] - state.offsets[second]
    if min(a, b) == 0 or min(a, b) / max(a, b) < state.jaccard_at_least:  # J <= min / max: many candidates end here
        return False
    return jaccard(state.values, state.offsets, first, second) >= state.jaccard_at_least


@compiled
def _compare(state: _State, band: int, first: int, second: int) -> None:
    """Join the components of two nodes of a bucket when they are alike; pairs seen or joined before are skipped."""
    old, new = _root(state.parents, first), _root(state.parents, second)
    if old == new or second < state.num_earlier:
        return
    for earlier_band in range(band):
        if state.keys[first, earlier_band] == state.keys[second, earlier_band]:
            return
    state.counts[0] += 1
    if _is_alike(state, first, second):
        state.counts[1] += 1
        state.parents[max(old, new)] = min(old, new)


@compiled
def _link_bucket(state: _State, band: int, nodes: I64) -> None:
    """Neighbours first: most buckets are one component after that and need no look at all pairs."""
    for position in range(1, len(nodes)):
        _compare(state, band, nodes[position - 1], nodes[position])
    if _is_one_component(state.parents, nodes):
        return
    for position in range(2, len(nodes)):
        if nodes[position] < state.num_earlier:
            continue
        for other in range(position - 1):
            _compare(state, band, nodes[other], nodes[position])


@compiled
def _link_band(state: _State, band: int, order: I64, keys: U32) -> None:
    """Link within each bucket of one band; `order` lists the nodes by key and, within a key, by age."""
    start = 0
    for stop in range(1, len(order) + 1):
        if stop == len(order) or keys[stop] != keys[start]:
            if stop - start > 1:
                _link_bucket(state, band, order[start:stop])
            start = stop
